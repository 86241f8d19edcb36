"""What a container's start leaves to be written behind, written after all when the driver died before it could.

Two seconds into an endpoint's life its port gets its user's name, and the groups that open what it exposes and
publishes. Docker says that once, in Join. So after a start Docker is asked what it said of the endpoints that were
there before.
"""

import logging

from kuryr.docker.engine import Engine, EngineView, Outlook
from kuryr.docker.options.exposure import ExposePolicy
from kuryr.docker.options.publishing import Publication
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
        """Write what is missing on the ports of living endpoints; no request to anybody when nothing may be.

        Returns how many may still lack it. Raises EngineSilent, CloudUnavailable.
        """
        self._endpoints.load()
        owed = self._endpoints.words.owed() & view.endpoints
        outlooks = self._engine.outlooks(owed) if owed else {}
        left = len(owed)
        for owner, outlook in sorted(outlooks.items()):
            try:
                self._write(owner, outlook)
                left -= 1
            except CloudUnavailable:
                raise
            except KuryrError as error:
                LOG.warning("who uses the port of endpoint %s is not written: %s", owner[:12], error)
        return left

    def _write(self, owner: str, outlook: Outlook) -> None:
        try:
            bound = self._networks.of_owner(outlook.network)
        except NotFound:
            return
        settings = bound.anchorage.settings
        exposed = ExposePolicy.of(settings).openings(bound.network, outlook.exposed, default=self._expose)
        published = Publication.of(settings).openings_of(outlook.published)
        self._endpoints.words.now(owner, (*exposed, *published))
