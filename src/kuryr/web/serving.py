"""An HTTP application on sockets of our own making, in a process that ends in order."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import uvicorn

from kuryr.web.asgi import Application
from kuryr.web.listeners import Listener

PATIENCE = 5
"""Seconds that requests under way have to finish when the process is told to end, and then the work behind."""


class Web:
    """An application on all listeners, until somebody wants an end.

    `keep_alive`: seconds that idle connections stay open. `protocol`: who reads HTTP, see uvicorn's `http`.
    """

    def __init__(
        self,
        app: Application,
        listeners: Sequence[Listener],
        *,
        keep_alive: int,
        protocol: "type[asyncio.Protocol] | Literal['httptools']" = "httptools",
        most_connections: int | None = None,
    ) -> None:
        self._listeners = listeners

        def config(listener: Listener) -> uvicorn.Config:
            tls = listener.tls
            return uvicorn.Config(
                app,
                interface="asgi3",
                http=protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                limit_concurrency=most_connections,
                timeout_keep_alive=keep_alive,
                timeout_graceful_shutdown=PATIENCE,
                ssl_context_factory=(lambda *_: tls) if tls else None,
            )

        self._servers = [_Web(config(listener)) for listener in listeners]

    def end(self) -> None:
        """Stop listening, finish what is under way and return from `run`. May be called from anywhere."""
        for server in self._servers:
            server.should_exit = True

    async def run(self) -> None:
        """Serve until the end is wanted."""
        pairs = zip(self._servers, self._listeners, strict=True)
        await asyncio.gather(*(server.serve(sockets=[listener.socket]) for server, listener in pairs))


class _Web(uvicorn.Server):
    """One of several in the process, so none may take the signals for itself, as uvicorn does by default."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
