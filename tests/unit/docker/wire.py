"""Docker's HTTP on a Unix socket, byte by byte, and a server to send it to."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools
import uvicorn

from kuryr.docker.driver.assembly import Driver
from kuryr.docker.protocol.capabilities import LOCAL
from kuryr.docker.server import sockets
from kuryr.docker.server.http import Lanes, Server
from kuryr.docker.server.methods import Lane

METRICS = b"kuryr_up 1\n"
"""What the server's seam for metrics says."""


class Connection:
    """One of Docker's kept connections."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, Any]:
        """Status and JSON of the next answer."""
        body = bytearray()
        done = threading.Event()

        class Events:
            def on_body(self, data: bytes) -> None:
                body.extend(data)

            def on_message_complete(self) -> None:
                done.set()

        parser = httptools.HttpResponseParser(Events())
        while not done.is_set():
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            parser.feed_data(data)
        return parser.get_status_code(), json.loads(body)

    def post(self, method: str, body: object = None) -> tuple[int, Any]:
        """As engines from 20.10.26 on: a Host, no Content-Type, the body's length."""
        data = b"" if body is None else json.dumps(body).encode() + b"\n"
        self.send(
            f"POST /{method} HTTP/1.1\r\nHost: plugin.moby.localhost\r\n"
            f"Accept: application/vnd.docker.plugins.v1.2+json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        return self.answer()

    def close(self) -> None:
        self.socket.close()


@dataclass
class Served:
    """A running server. `observed` is what was measured."""

    path: Path
    activations: list[str] = field(default_factory=list)
    observed: list[tuple[str, int]] = field(default_factory=list)
    answered: threading.Event = field(default_factory=threading.Event)

    def observe(self, method: str, status: int, seconds: float) -> None:
        """The server's seam for metrics."""
        assert seconds >= 0
        self.observed.append((method, status))
        self.answered.set()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        connection = Connection(self.path)
        try:
            yield connection
        finally:
            connection.close()

    def post(self, method: str, body: object = None) -> tuple[int, Any]:
        """One request on a connection of its own."""
        with self.connection() as connection:
            return connection.post(method, body)


class _Quick(uvicorn.Server):
    """Looks every 10 ms whether it shall end, not every 100."""

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110 (uvicorn's own signal is an attribute)
            await asyncio.sleep(0.01)


def ready(driver: Driver) -> "Future[Driver]":
    """A driver that is loaded already."""
    future: Future[Driver] = Future()
    future.set_result(driver)
    return future


@contextmanager
def served(
    path: Path,
    driver: "Future[Driver]",
    *,
    cloud_threads: int = 4,
    activated: Callable[[], None] = lambda: None,
    scope: str = LOCAL,
) -> Iterator[Served]:
    """Serve on `path` with the settings of the real service, in a thread."""
    running = Served(path)

    def on_activation() -> None:
        running.activations.append("activated")
        activated()

    lanes = Lanes({Lane.CLOUD: cloud_threads, Lane.LOCAL: 4})
    server = Server(driver.result, lanes, on_activation, scope=scope)
    server.observe = running.observe
    server.exposition = lambda: METRICS
    web = _Quick(
        uvicorn.Config(
            server,
            interface="asgi3",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    listener = sockets.listen(path)
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield running
    finally:
        web.should_exit = True
        thread.join(10)
        lanes.close()
        listener.close()
        assert not thread.is_alive()
