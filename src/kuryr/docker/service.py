"""The process: listens and answers the handshake at once, loads the rest behind it, ends in order.

Docker waits for the handshake of every driver while it boots. The libraries of the cloud take longer to import than
that should take, so they are loaded by a thread while the server is already listening.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import uvicorn
from oslo_config import cfg

from kuryr.docker.methods import Lane
from kuryr.docker.pools import PendingPools
from kuryr.docker.server import Lanes, Server

if TYPE_CHECKING:
    from kuryr.docker.driver import Driver

LOG = logging.getLogger(__name__)

PATIENCE = 5
"""Seconds that requests under way have to finish when the process is told to end, and then the work behind."""

KEEP_ALIVE = 10 * 365 * 86400
"""Seconds that Docker's idle connections stay open. It never closes them; and when we do just as it asks something,
it repeats the request without its body."""


def serve(conf: cfg.ConfigOpts, listener: socket.socket) -> None:
    """Serve Docker's requests on `listener` until SIGTERM or SIGINT, then end the process.

    Raises InvalidInput for bad configuration.
    """
    pending = PendingPools()
    driver: Future[Driver] = Future()
    lanes = Lanes({Lane.CLOUD: conf.docker.cloud_threads, Lane.LOCAL: conf.docker.local_threads})
    server = Server(driver, lanes, pending.clear)
    web = uvicorn.Server(
        uvicorn.Config(
            server.app,
            http="httptools",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=PATIENCE,
        )
    )
    for signum in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends at these signals, and then raises them anew for whoever handled them before. By default that
        # would kill the process here, with work left undone.
        signal.signal(signum, lambda *_: setattr(web, "should_exit", True))
    threading.Thread(target=_load, args=(conf, pending, driver, server, web), name="loader", daemon=True).start()
    try:
        asyncio.run(web.serve(sockets=[listener]))
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
    conf: cfg.ConfigOpts, pending: PendingPools, driver: "Future[Driver]", server: Server, web: uvicorn.Server
) -> None:
    try:
        from kuryr import config, metrics  # noqa: PLC0415
        from kuryr.docker.driver import Driver  # noqa: PLC0415

        config.register_credentials(conf)
        loaded = Driver(conf, pending)
        server.observe = metrics.observe_engine_request
        server.exposition = metrics.exposition
    except BaseException as error:  # noqa: BLE001 (whatever it is, the process must end and say so)
        driver.set_exception(error)
        web.should_exit = True
        return
    driver.set_result(loaded)
    loaded.start()
    LOG.info("ready")
