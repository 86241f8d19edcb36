"""What must be gone before a network can be given back: ports and addresses on their way, and idle sticky ports."""

from collections.abc import Collection

from kuryr.docker.options.settings import Sticky
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.protocol import IdlePorts, Networks, Reservations
from kuryr.host.endpoints import Endpoints

SETTLE = 30.0
"""Seconds that the removal of a network waits for ports that are still being deleted."""


class Departure:
    """Clears a network. Thread-safe."""

    def __init__(self, networks: Networks, reservations: Reservations, idle: IdlePorts, endpoints: Endpoints) -> None:
        self._networks = networks
        self._reservations = reservations
        self._idle = idle
        self._endpoints = endpoints

    def clear(self, bound: Bound) -> None:
        """Wait for what is on its way; remove what only this network of the engine's has kept. Raises CloudError."""
        network = bound.network
        self._endpoints.give_up(network.id, SETTLE)
        self._reservations.settle([subnet.id for subnet in network.subnets])
        others = self._networks.anchors.stood_on(besides=[bound.anchorage.owner])
        if _may_keep_ports(bound) and network.id not in others:
            self._idle.remove(network.id)

    def sweep(self, alive: Collection[str]) -> int:
        """Give up what waits on networks that nobody in `alive` stands on: the engine has forgotten them."""
        anchors = self._networks.anchors
        used = anchors.stood_on(besides=anchors.owners().difference(alive))
        for network_id in {held.vif.network_id for held in self._endpoints.ready.waiting()} - used:
            self._endpoints.ready.give_up(network_id)
        return 0


def _may_keep_ports(bound: Bound) -> bool:
    """Whether containers of the network may have sticky ports: by its own rule, or by options of their endpoints."""
    return Sticky.of(bound.anchorage.settings) is not Sticky.NONE or not bound.anchorage.keys
