"""The process: listens and answers the handshake at once, loads the rest behind it, ends in order.

Docker waits for the handshake of every driver while it boots. The libraries of the cloud take longer to import than
that should take, so they are loaded by a thread while the server is already listening.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from oslo_config import cfg

from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.server.http import Lanes, Server
from kuryr.docker.server.methods import Lane
from kuryr.docker.server.sockets import Listener

if TYPE_CHECKING:
    from kuryr.docker.driver.assembly import ConfiguredDriver

LOG = logging.getLogger(__name__)

PATIENCE = 5
"""Seconds that requests under way have to finish when the process is told to end, and then the work behind."""

KEEP_ALIVE = 10 * 365 * 86400
"""Seconds that Docker's idle connections stay open. It never closes them; and when we do just as it asks something,
it repeats the request without its body."""


class Web:
    """The server's application on all listeners, until somebody wants an end."""

    def __init__(self, server: Server, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners
        self._servers = [_Web(_config(server, listener)) for listener in listeners]

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


def _config(server: Server, listener: Listener) -> uvicorn.Config:
    tls = listener.tls
    return uvicorn.Config(
        server,
        interface="asgi3",
        http="httptools",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=PATIENCE,
        ssl_context_factory=(lambda *_: tls) if tls else None,
    )


def serve(conf: cfg.ConfigOpts, listeners: Sequence[Listener]) -> None:
    """Serve Docker's requests on `listeners` until SIGTERM or SIGINT, then end the process.

    Raises InvalidInput for bad configuration.
    """
    pending = PendingPools()
    driver: Future[ConfiguredDriver] = Future()
    lanes = Lanes({Lane.CLOUD: conf.docker.cloud_threads, Lane.LOCAL: conf.docker.local_threads})
    server = Server(driver.result, lanes, pending.clear, scope=conf.docker.scope)
    web = Web(server, listeners)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: web.end())
    threading.Thread(target=_load, args=(conf, pending, driver, server, web), name="loader", daemon=True).start()
    try:
        asyncio.run(web.run())
    finally:
        lanes.close()
        if driver.done() and not driver.exception():
            driver.result().close(PATIENCE)
    if driver.done() and (failure := driver.exception()):
        raise failure
    # Threads that hang in a call to Neutron cannot be interrupted, and the interpreter would wait for them.
    logging.shutdown()
    os._exit(os.EX_OK)


def _load(
    conf: cfg.ConfigOpts, pending: PendingPools, driver: "Future[ConfiguredDriver]", server: Server, web: Web
) -> None:
    try:
        from kuryr import config, metrics  # noqa: PLC0415
        from kuryr.docker.driver.assembly import ConfiguredDriver  # noqa: PLC0415

        config.register_credentials(conf)
        loaded = ConfiguredDriver(conf, pending)
        server.observe = metrics.observe_engine_request
        server.exposition = metrics.exposition
    except BaseException as error:  # noqa: BLE001 (whatever it is, the process must end and say so)
        driver.set_exception(error)
        web.end()
        return
    driver.set_result(loaded)
    loaded.start()
    LOG.info("ready")
