"""The process: listens and answers the handshake at once, loads the rest behind it, ends in order.

Docker waits for the handshake of every driver while it boots. The libraries of the cloud take longer to import than
that should take, so they are loaded by a thread while the server is already listening.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from oslo_config import cfg

from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.server.http import Lanes, Server
from kuryr.docker.server.methods import Lane
from kuryr.web.listeners import Listener
from kuryr.web.serving import PATIENCE, Web

if TYPE_CHECKING:
    from kuryr.docker.driver.assembly import ConfiguredDriver

LOG = logging.getLogger(__name__)

KEEP_ALIVE = 10 * 365 * 86400
"""Seconds that Docker's idle connections stay open. It never closes them; and when we do just as it asks something,
it repeats the request without its body."""


def serve(conf: cfg.ConfigOpts, listeners: Sequence[Listener]) -> None:
    """Serve Docker's requests on `listeners` until SIGTERM or SIGINT, then end the process.

    Raises InvalidInput for bad configuration.
    """
    pending = PendingPools()
    driver: Future[ConfiguredDriver] = Future()
    lanes = Lanes({Lane.CLOUD: conf.docker.cloud_threads, Lane.LOCAL: conf.docker.local_threads})
    server = Server(driver.result, lanes, pending.clear, scope=conf.docker.scope)
    web = Web(server, listeners, keep_alive=KEEP_ALIVE)
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
