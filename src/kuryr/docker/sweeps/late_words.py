"""What a container's start leaves to be written behind, written after all when the driver died before it could.

Two seconds into an endpoint's life its port gets its user's name, and the group that opens what it exposes. Docker says
that once, in Join. So after a start Docker is asked what it said of the endpoints whose ports lack it.
"""

import logging

from kuryr.docker.engine import Engine, EngineView
from kuryr.docker.options.exposure import ExposePolicy
from kuryr.errors import CloudUnavailable, KuryrError, NotFound
from kuryr.gateway.protocol import Networks
from kuryr.host.endpoints import Endpoints

LOG = logging.getLogger(__name__)


class LateWords:
    """Writes them, as one of the driver's sweeps. `expose` is what kuryr.conf says."""

    def __init__(self, engine: Engine, networks: Networks, endpoints: Endpoints, *, expose: bool) -> None:
        self._engine = engine
        self._networks = networks
        self._endpoints = endpoints
        self._expose = expose

    def sweep(self, view: EngineView) -> int:
        """Write what is missing on the ports of living endpoints; no request to anybody when nothing is.

        Returns how many still lack it. Raises EngineSilent, CloudUnavailable.
        """
        left = 0
        for owner in sorted(self._endpoints.nameless() & view.endpoints):
            try:
                self._write(owner)
            except CloudUnavailable:
                raise
            except KuryrError as error:
                left += 1
                LOG.warning("who uses the port of endpoint %s is not written: %s", owner[:12], error)
        return left

    def _write(self, owner: str) -> None:
        told = self._engine.exposed(owner)
        if told is None:
            return
        network_id, ports = told
        try:
            bound = self._networks.of_owner(network_id)
        except NotFound:
            return
        policy = ExposePolicy.of(bound.anchorage.settings)
        self._endpoints.name(owner, policy.openings(bound.network, ports, default=self._expose))
        LOG.info("wrote who uses the port of endpoint %s, which a crash had prevented", owner[:12])
