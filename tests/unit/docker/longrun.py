"""A driver as a process of its own, on an in-memory host and cloud, which tells what it takes up: GET /metrics.

`python -m unit.docker.longrun SOCKET`
"""

import asyncio
import collections
import gc
import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any, cast

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr import metrics
from kuryr.behind import Behind
from kuryr.docker.driver.assembly import Driver
from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.engine import Engine
from kuryr.docker.server import sockets
from kuryr.docker.server.http import Lanes, Server
from kuryr.docker.server.methods import Lane
from kuryr.docker.server.service import KEEP_ALIVE
from kuryr.gateway.assembly import LocalGateway
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.host.demand import Sizes
from kuryr.host.endpoints import Endpoints
from kuryr.host.reconcile import Reconciler
from kuryr.host.timing import Timing
from kuryr.web.listeners import Listener
from kuryr.web.serving import Web
from unit.docker.wire import ready
from unit.host.node import MARK

SHORT = Timing(identify=0.1, patience=0.5)
"""What is kept for a while shall have been forgotten when it is counted."""


def main(path: Path) -> None:
    """Serve until the process is killed."""
    logging.disable()  # of a thousand refusals
    neutron = FakeNeutron()
    neutron.calls = cast("list[Any]", collections.deque(maxlen=1))
    behind = Behind()
    gateway = LocalGateway(neutron.client(), MARK, behind, lambda: None, Defaults())
    binding = FakeKernel().binding()
    endpoints = Endpoints(gateway.ports, binding, behind, SHORT, lambda _: True, lambda: None, Sizes(pause=0.1))
    reconciler = Reconciler(gateway.ports, binding, endpoints)
    driver = Driver(gateway, endpoints, reconciler, Engine("/nowhere"), behind, PendingPools(), expose=True)
    lanes = Lanes({Lane.CLOUD: 4, Lane.LOCAL: 2})
    server = Server(ready(driver).result, lanes, lambda: None)
    server.observe = metrics.observe_engine_request
    server.exposition = lambda: json.dumps(taken_up(behind)).encode()
    web = Web(server, [Listener(sockets.listen(path))], keep_alive=KEEP_ALIVE)
    asyncio.run(web.run())


def taken_up(behind: Behind) -> dict[str, int]:
    """What the process has, once nothing is under way."""
    assert behind.drain(10)
    gc.collect()
    (resident,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return {
        "file descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "objects": len(gc.get_objects()),
        "KB": int(resident.split()[1]),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
