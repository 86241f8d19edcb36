"""The cloud's side of one host through a service, put together."""

from collections.abc import Callable, Collection
from typing import Any, cast

from kuryr.behind import Behind
from kuryr.gateway.protocol import (
    FloatingIPs,
    Forwardings,
    Guards,
    IdlePorts,
    Keeping,
    Leftovers,
    Reservations,
    Routers,
    SubnetPools,
    Topology,
)
from kuryr.gateway.remote.families import Channel, Family, Unserved
from kuryr.gateway.remote.networks import RemoteNetworks
from kuryr.gateway.wire.calls import METHODS
from kuryr.model import Cloud
from kuryr.suspects import Suspects


class RemoteGateway:
    """`gateway.protocol.Gateway` on top of a channel. `sweep_soon` is called when something may have been left."""

    inheritance = None
    neighbours = None

    def __init__(self, channel: Channel, behind: Behind, sweep_soon: Callable[[], None]) -> None:
        def family(name: str) -> Any:
            return Family(name, channel, behind, sweep_soon)

        self.ports: Cloud = family("ports")
        self.networks = RemoteNetworks(family("networks"))
        self.topology: Topology = family("topology")
        self.guards: Guards = family("guards")
        self.subnet_pools: SubnetPools = family("subnet_pools")
        self.reservations: Reservations = family("reservations")
        self.keeping = cast("Keeping", Unserved("a swarm's network"))
        self.idle: IdlePorts = family("idle")
        self.routers: Routers = family("routers")
        self.floating: FloatingIPs = family("floating")
        self.forwardings: Forwardings = family("forwardings")
        self._leftovers = _Leftovers(self.networks, channel, behind, sweep_soon)

    def leftovers(self, _suspects: Callable[[], Suspects]) -> Leftovers:
        """What nothing uses any more. The service has suspects of its own."""
        return cast("Leftovers", self._leftovers)


class _Leftovers(Family):
    """What is swept in the cloud is not remembered here either."""

    def __init__(
        self, networks: RemoteNetworks, channel: Channel, behind: Behind, sweep_soon: Callable[[], None]
    ) -> None:
        super().__init__("leftovers", channel, behind, sweep_soon)
        self._remembered = networks.anchors

    def networks(self, alive: Collection[str]) -> int:
        """See `gateway.protocol.Leftovers`."""
        left: int = self._now(METHODS["leftovers"]["networks"], alive)
        self._remembered.reread()
        return left
