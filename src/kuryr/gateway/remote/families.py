"""The protocol's families as a driver without credentials has them: every method is a request to the gateway service.

What must never wait for the cloud is answered from what earlier answers told (`networks`), or sent behind. Before
anything else is asked of a family, what was sent behind there is waited for, so that its order is kept.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Protocol

from kuryr.behind import Behind
from kuryr.errors import CloudError, InvalidInput
from kuryr.gateway.wire.calls import METHODS, Method

SETTLE = 10.0
"""Seconds that a call waits for what was sent behind before it."""


class Channel(Protocol):
    """The way to the service."""

    def call(self, method: Method, arguments: Any) -> Any:
        """What the service answered, as JSON's types. Raises KuryrError."""


class Family:
    """One family of the protocol: has all of its methods. Thread-safe.

    `sweep_soon` is called when something may have been left behind.
    """

    def __init__(self, name: str, channel: Channel, behind: Behind, sweep_soon: Callable[[], None]) -> None:
        self._methods = METHODS[name]
        self._channel = channel
        self._work = behind
        self._sweep_soon = sweep_soon
        self._lock = threading.Lock()
        self._leaving: set[Future[None]] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = self.__dict__.get("_methods", {}).get(name)
        if method is None:
            raise AttributeError(name)
        return partial(self._later if method.behind else self._now, method)

    def _now(self, method: Method, *args: object, **kwargs: object) -> Any:
        arguments = method.arguments(*args, **kwargs)
        with self._lock:
            leaving = set(self._leaving)
        wait(leaving, SETTLE)
        return self._call(method, arguments)

    def _later(self, method: Method, *args: object, **kwargs: object) -> None:
        arguments = method.arguments(*args, **kwargs)

        def send() -> None:
            try:
                self._call(method, arguments)
            except CloudError:
                self._sweep_soon()
                raise

        with self._lock:
            future = self._work.soon(send)
            if future:
                self._leaving.add(future)
        if future:
            future.add_done_callback(self._left)
        else:
            self._sweep_soon()

    def _left(self, future: "Future[None]") -> None:
        with self._lock:
            self._leaving.discard(future)

    def _call(self, method: Method, arguments: Any) -> Any:
        answered = self._channel.call(method, arguments)
        try:
            return method.answer(answered)
        except InvalidInput as error:
            raise CloudError(
                f"the gateway service answered {method} in a way that cannot be read: {error.message}",
                hint="do service and driver have the same version of Kuryr?",
            ) from error


class Unserved:
    """A family that does not travel."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._refuse

    def _refuse(self, *_: object, **__: object) -> Any:
        raise InvalidInput(f"{self._what} needs a driver with cloud credentials", hint="see docs/gateway.md")
