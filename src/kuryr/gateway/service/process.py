"""The service's process: `kuryr gateway serve`."""

import asyncio
import functools
import logging
import os
import signal
from pathlib import Path

from oslo_config import cfg

from kuryr import config
from kuryr.errors import InvalidInput
from kuryr.gateway.connection import observe
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.gateway.service.calls import Calls
from kuryr.gateway.service.grants import Grants
from kuryr.gateway.service.http import Door
from kuryr.gateway.service.peer import PeerProtocol
from kuryr.neutron.client import Neutron
from kuryr.neutron.session import connect
from kuryr.suspects import Suspects
from kuryr.web.listeners import Listener, address, bound
from kuryr.web.serving import Web
from kuryr.web.tls import Files

LOG = logging.getLogger(__name__)

FILES = Files("gateway", "certificate", "key", "ca")
KEEP_ALIVE = 3600
"""Seconds that an idle connection stays open."""
MOST_CONNECTIONS = 4000
"""Of all clients; the service's unit allows twice as many files."""


def serve(conf: cfg.ConfigOpts) -> None:
    """Answer calls at [gateway] listen until SIGTERM or SIGINT, then end the process.

    Raises InvalidInput for bad configuration, KuryrError when the address cannot be listened at.
    """
    listener = listen(conf)
    door = Door(
        _calls(conf),
        threads=conf.gateway.threads,
        node_threads=conf.gateway.node_threads,
        timeout=conf.gateway.timeout,
    )
    web = Web(door, [listener], keep_alive=KEEP_ALIVE, protocol=PeerProtocol, most_connections=MOST_CONNECTIONS)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: web.end())
    LOG.info("ready")
    try:
        asyncio.run(web.run())
    finally:
        door.close()
    # Threads that hang in a call to Neutron cannot be interrupted, and the interpreter would wait for them.
    logging.shutdown()
    os._exit(os.EX_OK)


def listen(conf: cfg.ConfigOpts) -> Listener:
    """The listener of [gateway] listen. Raises InvalidInput, KuryrError."""
    where = conf.gateway.listen
    missing = [*([] if where else ["listen"]), *FILES.missing(conf)]
    if missing:
        raise InvalidInput(
            f"[gateway] {', '.join(missing)} must be set for the gateway service", hint="see docs/gateway.md"
        )
    try:
        host, port = address(where)
    except InvalidInput as error:
        raise InvalidInput(f"[gateway] listen: {error.message}", hint=error.hint) from error
    tls = FILES.context(conf)
    return Listener(bound(host, port), tls)


def _calls(conf: cfg.ConfigOpts) -> Calls:
    @functools.cache
    def neutron(project_id: str) -> Neutron:
        return connect(conf, observe, project_id=project_id or None)

    neutron("")
    config.mark(conf)
    return Calls(
        Grants(Path(conf.gateway.grants)),
        conf.deployment,
        neutron,
        defaults=Defaults(conf.neutron.default_subnetpool_v4, conf.neutron.default_subnetpool_v6),
        suspects=lambda: Suspects(conf.sweep.grace),
    )
