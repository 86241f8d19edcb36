"""Locks by name: work on one object is ordered, work on different objects is not.

There is no lock for everything: fifty calls that hang in Neutron delay only those that ask for the same object.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager


class KeyedLocks:
    """One re-entrant lock per key, made when it is asked for and gone when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.RLock, int]] = {}

    @contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        """Hold the lock of `key` for the body."""
        with self._guard:
            lock, users = self._locks.get(key, (None, 0))
            lock = lock or threading.RLock()
            self._locks[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                _, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)


class Once:
    """Something that must have succeeded once before anybody goes on.

    Who asks while an attempt is under way shares its outcome, a failure too: otherwise fifty callers would wait for
    fifty time-outs of Neutron, one after the other.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._guard = threading.Lock()
        self._attempt: Future[None] | None = None

    def __call__(self) -> None:
        """Return when the work is done. Raises what it raises; the next call then tries again."""
        with self._guard:
            attempt = self._attempt
            if mine := attempt is None:
                attempt = self._attempt = Future()
        if mine:
            self._try(attempt)
        attempt.result()

    @property
    def done(self) -> bool:
        """Whether it has succeeded."""
        with self._guard:
            attempt = self._attempt
        return attempt is not None and attempt.done() and attempt.exception() is None

    def _try(self, attempt: "Future[None]") -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 (it is raised to everybody who waits)
            with self._guard:
                self._attempt = None
            attempt.set_exception(error)
        else:
            attempt.set_result(None)
