"""Finding what containers of this host left behind, in Neutron and on the host itself.

Three lists are compared: the ports that bear this host's mark, the interfaces that bear this deployment's claim, and
the owners that the engine knows. What no owner uses during the whole grace period is removed on both sides.
"""

import logging
from collections.abc import Collection

from kuryr.binding.registry import Binding
from kuryr.host.endpoints import Endpoints
from kuryr.model import Cloud
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


class Reconciler:
    """Removes leftovers of one host."""

    def __init__(self, cloud: Cloud, binding: Binding, endpoints: Endpoints, suspects: Suspects) -> None:
        self._cloud = cloud
        self._binding = binding
        self._endpoints = endpoints
        self._suspects = suspects

    def sweep(self, alive: Collection[str]) -> int:
        """Remove what none of the owners in `alive` uses.

        Returns how many objects look unused, but not yet for the whole grace period. Raises CloudError, PlugError.
        """
        claims = {found.port_id: found.owner for found in self._binding.found()}
        owners = {vif.port_id: vif.owner for vif in self._cloud.held()}
        unused = {
            port_id
            for port_id in {*claims, *owners}
            if not {claims.get(port_id, ""), owners.get(port_id, "")} & set(alive)
            and not self._endpoints.releases.under_way(port_id)
        }
        convicted = self._suspects.convict(unused)
        for port_id in sorted(convicted):
            self._binding.unplug(port_id)
            if port_id in owners:
                self._cloud.release(port_id)
            self._endpoints.forget(port_id)
            LOG.info("swept port %s, which no container uses", port_id)
        return len(unused) - len(convicted)
