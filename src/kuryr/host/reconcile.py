"""Finding what containers of this host left behind, in Neutron and on the host itself.

Three lists are compared: the ports that bear this host's marks, the interfaces that bear this deployment's claim, and
the owners that the engine knows. What no owner uses during the whole grace period is removed on both sides.
"""

import logging
from collections.abc import Collection

from kuryr.binding.registry import Binding
from kuryr.errors import CloudUnavailable, KuryrError
from kuryr.host.endpoints import Endpoints
from kuryr.host.holdings import Held, Use
from kuryr.model import Cloud, Vif
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


class Reconciler:
    """Removes leftovers of one host."""

    def __init__(self, cloud: Cloud, binding: Binding, endpoints: Endpoints) -> None:
        self._cloud = cloud
        self._binding = binding
        self._endpoints = endpoints

    def sweep(self, alive: Collection[str], suspects: Suspects) -> int:
        """Remove what none of the owners in `alive` uses.

        Returns how many objects look unused, but not yet for the whole grace period. Raises CloudError, PlugError.
        """
        self._endpoints.load()
        claims = {found.port_id: found.owner for found in self._binding.found()}
        vifs = {vif.port_id: vif for vif in (*self._cloud.half_lent(), *self._cloud.held())}
        unused: dict[str, tuple[str, Vif | None, Held | None]] = {}
        for port_id in {*claims, *vifs}:
            held, vif = self._endpoints.held(port_id), vifs.get(port_id)
            if held and held.use is Use.READY and port_id in vifs:
                continue
            users = {claims.get(port_id, ""), vif.owner if vif else ""}
            if users.isdisjoint(alive) and not self._endpoints.releases.under_way(port_id):
                unused[_suspicion(port_id, held)] = (port_id, vif, held)
        removed = 0
        for suspicion in sorted(suspects.convict(unused)):
            removed += self._removed(*unused[suspicion])
        return len(unused) - removed

    def _removed(self, port_id: str, vif: Vif | None, seen: Held | None) -> bool:
        """Whether the port could be removed. What resists must not keep the sweep from all the rest."""
        try:
            removed = self._endpoints.discard(port_id, vif, seen)
        except CloudUnavailable:
            raise
        except KuryrError as error:
            LOG.warning("port %s cannot be swept: %s", port_id, error)
            return False
        if removed:
            LOG.info("swept port %s, which no container uses", port_id)
        return removed


def _suspicion(port_id: str, held: Held | None) -> str:
    """What is suspected: a port in one use. `alive` is older than what is seen here, so a new user must start anew."""
    return f"{port_id} {held.use.name} {held.owner}" if held else port_id
