"""Sticky ports that wait for their key to come back; they go with the last network of this host that stands there.

The host that made such a port removes it, whichever host used it last. What another host still uses stays, and is
removed by a sweep when it is idle.
"""

import logging
from collections.abc import Callable, Collection

from kuryr.errors import NotFound, Overtaken
from kuryr.gateway.identity import IDLE_OWNER, lent_owner
from kuryr.model import Mark
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import PortResource
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


class IdlePorts:
    """The sticky ports that one host has made. Thread-safe.

    `sweep_soon` is called when something was left behind.
    """

    def __init__(self, neutron: Neutron, mark: Mark, sweep_soon: Callable[[], None]) -> None:
        self._neutron = neutron
        self._mark = mark
        self._sweep_soon = sweep_soon

    def remove(self, network_id: str) -> None:
        """Delete those of a network that are idle: one request, and one for each."""
        found = self._list(network_id=network_id)
        for port in found:
            if port.device_owner == IDLE_OWNER:
                self._delete(port)
        if any(port.device_owner != IDLE_OWNER for port in found):
            self._sweep_soon()

    def sweep(self, used: Collection[str], suspects: Suspects) -> int:
        """Delete those of networks that are not `used`, when they are idle.

        Returns how many are still there. Raises CloudUnavailable.
        """
        unused = {port.id: port for port in self._list() if port.network_id not in used}
        idle = {id_: f"idle port {id_}" for id_, port in unused.items() if port.device_owner == IDLE_OWNER}
        return len(unused) - len(idle) + suspects.sweep(idle, lambda id_: self._delete(unused[id_]))

    def _delete(self, port: PortResource) -> None:
        try:
            self._neutron.ports.delete(port.id, revision=port.revision)
        except (NotFound, Overtaken) as error:
            LOG.info("idle port %s is not deleted: %s", port.id, error)

    def _list(self, **filters: str) -> list[PortResource]:
        owners = [IDLE_OWNER, lent_owner(self._mark)]
        return self._neutron.ports.list(description=str(self._mark), device_owner=owners, **filters)
