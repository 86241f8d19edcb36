"""What a front end may ask of the cloud's side, wherever that is: in its own process, or in a gateway service.

`model.Cloud` is the half of it that concerns the ports of a host's containers; the rest is here. All arguments and
results are plain, immutable data. `WIRE` lists the families whose methods travel: those of a protocol here, so that a
new method is a line in its protocol and an implementation, and nothing else. What a method says of itself for that:

    @repeatable   twice is once, so it may be sent again when its answer was lost
    @behind       nobody waits for it: it answers nothing, and whatever fails is swept later
    @forgiving    what it names may be gone already, and then nothing needs to be done
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from kuryr.gateway.exposure.floating import FloatingChoice
from kuryr.gateway.exposure.forwarding import Forward
from kuryr.gateway.identity import Anchor, Anchorage, Setting
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.networks.inheritance import Inheritance
from kuryr.gateway.networks.specs import NO_WAY_OUT, USUAL_NETWORK, NetworkSpec, SubnetSpec, WayOut
from kuryr.gateway.ports.neighbours import Neighbours
from kuryr.gateway.topology import Existing
from kuryr.model import (
    AS_SAID,
    USUAL_PORT,
    Cloud,
    ExternalNetworkId,
    FloatingIPId,
    IPAddress,
    IPNetwork,
    Named,
    Network,
    NetworkId,
    PortId,
    PortTraits,
    ProjectId,
    SubnetId,
    Vif,
    Wanted,
    Word,
)
from kuryr.neutron.resources import (
    FloatingIPResource,
    RouterResource,
    SubnetPoolResource,
)
from kuryr.suspects import Suspects

Function = TypeVar("Function", bound=Callable[..., Any])

REPEATABLE: set[Callable[..., Any]] = {
    Cloud.spare,
    Cloud.readdress,
    Cloud.identify,
    Cloud.await_active,
    Cloud.release,
    Cloud.held,
    Cloud.half_lent,
}
BEHIND: set[Callable[..., Any]] = set()
FORGIVING: set[Callable[..., Any]] = {Cloud.identify, Cloud.release}


def repeatable(function: Function) -> Function:
    """See above."""
    REPEATABLE.add(function)
    return function


def behind(function: Function) -> Function:
    """See above."""
    BEHIND.add(function)
    return function


def forgiving(function: Function) -> Function:
    """See above."""
    FORGIVING.add(function)
    return function


class NetworkCalls(Protocol):
    """Networks of the engine, made on or standing on Neutron's. See `gateway.networks.Networks`."""

    @repeatable
    def create(
        self,
        owner: Word,
        subnets: Sequence[SubnetSpec],
        settings: tuple[Setting, ...] = (),
        spec: NetworkSpec = USUAL_NETWORK,
        template: PortTraits = USUAL_PORT,
        way_out: WayOut = NO_WAY_OUT,
    ) -> Bound:
        """Make a network for the engine's network `owner`."""

    @repeatable
    def adopt(self, anchorage: Anchorage, network: Network, template: PortTraits = USUAL_PORT) -> Bound:
        """Use an existing network."""

    @repeatable
    def of_owner(self, owner: Word) -> Bound:
        """What the engine's network `owner` stands on. Raises NotFound."""

    @repeatable
    def of_key(self, key: Word) -> Bound:
        """What the network stands on whose addresses are asked for by `key`. Raises NotFound."""

    @repeatable
    def every(self) -> Sequence[Bound]:
        """All networks of this host's engine."""

    @repeatable
    def tag(self, owner: Word, tags: Sequence[str]) -> None:
        """Add tags to the network that was made for `owner`."""

    @repeatable
    def remove(self, owner: Word, *, everywhere: bool = False) -> None:
        """Give back what `owner` stands on."""


class Anchors(Protocol):
    """What is known of this host's anchors. See `gateway.anchors.Anchors`."""

    def remembered(self, owner: str) -> Anchorage | None:
        """What is known of the engine's network `owner` without asking anybody."""

    def owners(self) -> set[str]:
        """The engine's networks that stand on Neutron's."""

    def settings(self) -> list[tuple[str, ...]]:
        """Those of all networks of the engine."""

    def has_key(self, key: str) -> bool:
        """Whether `key` is one by which addresses of this host's networks are asked for."""

    def stood_on(self, *, besides: Collection[str] = ()) -> set[str]:
        """The Neutron networks that this host's engine uses, besides for some of its own networks."""

    def network_of(self, owner: str) -> str:
        """The Neutron network that `owner` stands on, whichever host has recorded it; "" if none."""


class OwnNetworks(Protocol):
    """What only a swarm's manager asks. See `gateway.own_networks.OwnNetworks`."""

    def take_over(self, network: Network) -> None:
        """From now on a network that Kuryr made on another host is this host's to remove."""


class Networks(NetworkCalls, Protocol):
    """What a front end asks besides: what is remembered, and what only a process with credentials can do."""

    @property
    def anchors(self) -> Anchors:
        """Which there are."""

    @property
    def own(self) -> OwnNetworks:
        """Those that Kuryr made."""

    def remembered_of_key(self, key: str) -> Bound | None:
        """What is known, without asking anybody, of the network whose addresses are asked for by `key`."""

    def inherit(self, owners: Collection[str]) -> Mapping[str, Anchor]:
        """Adopt those of the engine's networks `owners` that kuryr-libnetwork made."""


class Topology(Protocol):
    """Existing networks. See `gateway.topology.Topology`."""

    @repeatable
    def find(self, existing: Existing) -> Network:
        """The one network that is meant. Raises NotFound, Conflict, InvalidInput."""

    @repeatable
    def network(self, network_id: NetworkId) -> Network:
        """The network of this id. Raises NotFound."""

    @repeatable
    def network_of_subnet(self, subnet_id: SubnetId) -> Network:
        """The network that has this subnet. Raises NotFound."""


class Guards(Protocol):
    """Security groups and QoS policies by name. See `gateway.guards.Guards`."""

    @repeatable
    def resolve(
        self, traits: Annotated[PortTraits, AS_SAID], project_id: ProjectId = "", *, anew: bool = False
    ) -> PortTraits:
        """The same traits with ids instead of names. Raises NotFound, Conflict."""


class SubnetPools(Protocol):
    """Where ranges come from. See `gateway.subnet_pools.SubnetPools`."""

    @repeatable
    def find(self, named: Named, version: int) -> SubnetPoolResource:
        """The pool that a user names. Raises NotFound, Conflict, InvalidInput."""

    @repeatable
    def default(self, version: int) -> SubnetPoolResource:
        """The pool for networks without a range. Raises InvalidInput."""

    @repeatable
    def free_range(self, pool: SubnetPoolResource, taken: Iterable[IPNetwork]) -> IPNetwork:
        """A range of the pool that nobody has. Raises Exhausted."""


class Reservations(Protocol):
    """Addresses kept for whoever is no port of Kuryr's. See `gateway.reservations.Reservations`."""

    def keep(self, network: Network, wanted: Wanted, key: Word) -> IPAddress:
        """Keep an address. Raises Conflict, Exhausted."""

    @behind
    @repeatable
    def give_back(self, subnet_id: SubnetId, address: IPAddress, key: Word) -> None:
        """Let go of an address."""

    @repeatable
    def settle(self, subnet_ids: Collection[SubnetId]) -> None:
        """Wait until no address of these subnets is on its way back."""


class Keeping(Protocol):
    """Addresses kept for a swarm. See `gateway.keeping.Keeping`."""

    def keep(self, network: Network, wanted: Wanted, keeper: str, traits: PortTraits = USUAL_PORT) -> IPAddress:
        """Keep an address. Raises Conflict, Exhausted, NotFound."""

    def release(self, network_id: str, address: IPAddress, keeper: str) -> None:
        """Keep an address no longer."""


class IdlePorts(Protocol):
    """Sticky ports that nobody uses. See `gateway.idle.IdlePorts`."""

    @repeatable
    def remove(self, network_id: NetworkId) -> None:
        """Delete those of a network."""


class Routers(Protocol):
    """Ways out. See `gateway.routers.Routers`."""

    @repeatable
    def find(self, named: Named) -> RouterResource:
        """The router that is meant. Raises NotFound, Conflict."""

    @repeatable
    def find_external(self, named: Named) -> ExternalNetworkId:
        """The external network that is meant. Raises NotFound, Conflict."""

    @repeatable
    def external_of(self, network: Network) -> ExternalNetworkId:
        """The external network that a network is led to. Raises NotFound, Conflict."""


class FloatingIPs(Protocol):
    """See `gateway.floating.FloatingIPs`."""

    def make(self, external_id: ExternalNetworkId, project_id: ProjectId) -> FloatingIPResource:
        """A new one that leads nowhere yet. Raises Exhausted, NotFound."""

    @repeatable
    def give_new(self, vif: Vif, external_id: ExternalNetworkId, project_id: ProjectId) -> None:
        """Let one of the port's own lead to it. Raises Exhausted, NotFound."""

    @repeatable
    def give(self, choice: FloatingChoice, vif: Vif, network: Network) -> None:
        """Associate an existing one with a port. Raises InUse, NotFound."""

    @behind
    @repeatable
    @forgiving
    def take_back(self, port_id: PortId) -> None:
        """Remove what was made for a port."""

    @repeatable
    @forgiving
    def remove(self, id_: FloatingIPId) -> None:
        """Remove one of Kuryr's."""


class Forwardings(Protocol):
    """Ports of a floating IP. See `gateway.forwarding.Forwardings`."""

    @repeatable
    def make(self, floating_ip: FloatingIPId, vif: Vif, address: IPAddress, wanted: Collection[Forward]) -> None:
        """Let a floating IP lead to a port. Raises PortTaken, Exhausted, InvalidInput."""

    @repeatable
    @forgiving
    def withdraw(self, floating_ip: FloatingIPId, port_id: PortId) -> None:
        """Remove what leads to a port."""


class Leftovers(Protocol):
    """What nothing uses any more. Each answers how much looks so and is still there, and raises CloudError."""

    @repeatable
    def networks(self, alive: Collection[str]) -> int:
        """Remove what no network of the engine stands on; `alive` are the owners that the engine knows."""

    @repeatable
    def addresses(self, alive: Collection[IPAddress]) -> int:
        """Give back what is kept for whoever is no port of Kuryr's, but those that the engine still uses."""

    @repeatable
    def idle_ports(self) -> int:
        """Remove sticky ports of networks that this host does not use."""

    @repeatable
    def groups(self) -> int:
        """Remove security groups that no port needs."""

    @repeatable
    def floating_ips(self, kept: Collection[str]) -> int:
        """Remove floating IPs that lead nowhere, but those that networks stand on."""


class Gateway(Protocol):
    """The cloud's side as one host sees it, one family of methods for each kind of thing. Sends nothing by itself."""

    @property
    def ports(self) -> Cloud:
        """The ports of this host's containers."""

    @property
    def networks(self) -> Networks:
        """Those of the engine, on Neutron's."""

    @property
    def topology(self) -> Topology:
        """Existing networks."""

    @property
    def guards(self) -> Guards:
        """Security groups and QoS policies."""

    @property
    def subnet_pools(self) -> SubnetPools:
        """Where ranges come from."""

    @property
    def reservations(self) -> Reservations:
        """Addresses of whoever is no port of Kuryr's."""

    @property
    def keeping(self) -> Keeping:
        """Addresses kept for a swarm."""

    @property
    def idle(self) -> IdlePorts:
        """Sticky ports that nobody uses."""

    @property
    def routers(self) -> Routers:
        """Ways out."""

    @property
    def floating(self) -> FloatingIPs:
        """Addresses outside."""

    @property
    def forwardings(self) -> Forwardings:
        """Their ports."""

    @property
    def neighbours(self) -> Neighbours | None:
        """Other hosts; None on a machine that may not speak to them."""

    @property
    def inheritance(self) -> Inheritance | None:
        """None where nothing can be: kuryr-libnetwork knew no other way than credentials on the host."""

    def leftovers(self, suspects: Callable[[], Suspects]) -> Leftovers:
        """What nothing uses any more. Where it is looked for in this process, each kind has `suspects` of its own."""


WIRE: Mapping[str, type] = {
    "ports": Cloud,
    "networks": NetworkCalls,
    "topology": Topology,
    "guards": Guards,
    "subnet_pools": SubnetPools,
    "reservations": Reservations,
    "idle": IdlePorts,
    "routers": Routers,
    "floating": FloatingIPs,
    "forwardings": Forwardings,
    "leftovers": Leftovers,
}
"""What travels, by the attribute of `Gateway`. A swarm's manager and kuryr-libnetwork's heir need credentials."""
