"""The cloud's side of one host, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from kuryr.behind import Work
from kuryr.gateway.exposure.floating import FloatingIPs
from kuryr.gateway.exposure.forwarding import Forwardings
from kuryr.gateway.exposure.openings import Openings
from kuryr.gateway.leftovers import Leftovers
from kuryr.gateway.nested.address_pairs import OnAddressPairs
from kuryr.gateway.nested.parent import ParentPort
from kuryr.gateway.nested.trunks import OnTrunk
from kuryr.gateway.networks.anchors import Anchors
from kuryr.gateway.networks.engine_networks import Networks
from kuryr.gateway.networks.inheritance import Inheritance
from kuryr.gateway.networks.own_networks import OwnNetworks
from kuryr.gateway.networks.routers import Routers
from kuryr.gateway.networks.subnet_pools import Defaults, SubnetPools
from kuryr.gateway.ports.container_ports import LocalCloud
from kuryr.gateway.ports.guards import Guards
from kuryr.gateway.ports.idle import IdlePorts
from kuryr.gateway.ports.keeping import Keeping
from kuryr.gateway.ports.neighbours import Neighbours
from kuryr.gateway.ports.placement import Placement
from kuryr.gateway.ports.reservations import Reservations
from kuryr.gateway.topology import Topology
from kuryr.model import Mark, Nesting, Network, Parent
from kuryr.neutron.client import Neutron
from kuryr.suspects import Suspects


@dataclass(frozen=True)
class Bounds:
    """How far the cloud's side goes for a host. By default as far as the credentials do."""

    sees: Callable[[Network], bool] | None = None
    """Which networks are found by name; None for those that the project may use."""
    lends: bool = True
    """Whether the host may have existing ports."""
    inherits: bool = True
    """Whether kuryr-libnetwork may have left something for the host."""


NO_BOUNDS = Bounds()


class LocalGateway:
    """`gateway.protocol.Gateway` in the process that holds the credentials. Sends nothing by itself.

    `sweep_soon` is called when something may have been left behind. `parent` is what the containers of a virtual
    machine are on top of.
    """

    def __init__(
        self,
        neutron: Neutron,
        mark: Mark,
        behind: Work,
        sweep_soon: Callable[[], None],
        defaults: Defaults,
        bounds: Bounds = NO_BOUNDS,
        parent: Parent | None = None,
    ) -> None:
        anchors = Anchors(neutron, mark)
        self.topology = Topology(neutron, bounds.sees)
        self.openings = Openings(neutron, mark)
        placement = nested(neutron, parent, mark) if parent else None
        self.ports = LocalCloud(neutron, self.topology, self.openings, mark, placement, lends=bounds.lends)
        self.neighbours = Neighbours(neutron, mark)
        self.keeping = Keeping(neutron, mark, behind)
        self.inheritance = Inheritance(neutron, self.topology, anchors, self.ports, mark) if bounds.inherits else None
        self.routers = Routers(neutron)
        self.floating = FloatingIPs(neutron, mark, behind, sweep_soon)
        self.networks = Networks(
            self.topology,
            anchors,
            OwnNetworks(neutron, self.topology, self.routers, self.floating, mark, sweep_soon),
            self.openings,
            self.keeping,
            self.inheritance,
            sweep_soon,
        )
        self.guards = Guards(neutron)
        self.subnet_pools = SubnetPools(neutron, defaults)
        self.reservations = Reservations(neutron, mark, behind, sweep_soon)
        self.idle = IdlePorts(neutron, mark, sweep_soon)
        self.forwardings = Forwardings(neutron, mark)

    def leftovers(self, suspects: Callable[[], Suspects]) -> Leftovers:
        """What nothing uses any more; each kind has suspects of its own."""
        return Leftovers(self.networks, self.reservations, self.idle, self.openings, self.floating, suspects)


def nested(neutron: Neutron, parent: Parent, mark: Mark) -> Placement:
    """Where the containers of a virtual machine have their ports."""
    port = ParentPort(neutron, parent)
    if parent.nesting is Nesting.VLAN:
        return OnTrunk(neutron, port, mark)
    return OnAddressPairs(neutron, port, mark, parent.nesting)
