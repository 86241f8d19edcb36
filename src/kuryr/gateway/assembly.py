"""The cloud's side of one host, put together."""

from collections.abc import Callable

from kuryr.behind import Behind
from kuryr.gateway.anchors import Anchors
from kuryr.gateway.floating import FloatingIPs
from kuryr.gateway.forwarding import Forwardings
from kuryr.gateway.guards import Guards
from kuryr.gateway.idle import IdlePorts
from kuryr.gateway.inheritance import Inheritance
from kuryr.gateway.keeping import Keeping
from kuryr.gateway.networks import Networks
from kuryr.gateway.openings import Openings
from kuryr.gateway.own_networks import OwnNetworks
from kuryr.gateway.ports import LocalCloud
from kuryr.gateway.reservations import Reservations
from kuryr.gateway.routers import Routers
from kuryr.gateway.subnet_pools import Defaults, SubnetPools
from kuryr.gateway.topology import Topology
from kuryr.model import Mark
from kuryr.neutron.client import Neutron


class Gateway:
    """What a front end asks of the cloud, one part for each kind of thing. Sends nothing by itself.

    `sweep_soon` is called when something may have been left behind.
    """

    def __init__(
        self, neutron: Neutron, mark: Mark, behind: Behind, sweep_soon: Callable[[], None], defaults: Defaults
    ) -> None:
        anchors = Anchors(neutron, mark)
        self.topology = Topology(neutron)
        self.openings = Openings(neutron, mark)
        self.ports = LocalCloud(neutron, self.topology, self.openings, mark)
        self.keeping = Keeping(neutron, mark, behind)
        self.inheritance = Inheritance(neutron, self.topology, anchors, self.ports, mark)
        self.networks = Networks(
            self.topology,
            anchors,
            OwnNetworks(neutron, self.topology, mark, sweep_soon),
            self.openings,
            self.keeping,
            self.inheritance,
            sweep_soon,
        )
        self.guards = Guards(neutron)
        self.subnet_pools = SubnetPools(neutron, defaults)
        self.reservations = Reservations(neutron, mark, behind, sweep_soon)
        self.idle = IdlePorts(neutron, mark, sweep_soon)
        self.routers = Routers(neutron)
        self.floating = FloatingIPs(neutron, mark, behind, sweep_soon)
        self.forwardings = Forwardings(neutron, mark)
