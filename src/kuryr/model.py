"""The nouns that the layers share, and the one protocol by which the host's side speaks to the cloud's side.

The words are Neutron's. No word of an engine stands here: whoever owns a network or a port (a Docker network, a
Docker endpoint, later a pod) is an opaque `owner` string that its front end can recognise again.

`Cloud` is shaped for three later guests: ready ports (`reserve` takes a count), nodes without credentials (every
argument and result is plain, immutable data that can travel over a wire), and other engines.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Protocol

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Mark:
    """What Kuryr writes on everything it makes, in the call that makes it: whose it is.

    `deployment` tells apart independent installations on one cloud or host, `host` is the host's name as the
    cloud knows it (Neutron's binding:host_id).
    """

    deployment: str
    host: str

    def __str__(self) -> str:
        """The text as it stands in a Neutron `description`; Neutron filters it by exact match."""
        return f"{self.beginning}{self.host}"

    @property
    def beginning(self) -> str:
        """What the marks of all hosts of the deployment begin with."""
        return f"kuryr:{self.deployment}@"


@dataclass(frozen=True)
class Route:
    """A host route of a Neutron subnet."""

    destination: IPNetwork
    nexthop: IPAddress


@dataclass(frozen=True)
class AddressRange:
    """An allocation pool: both ends are included."""

    first: IPAddress
    last: IPAddress


@dataclass(frozen=True)
class Subnet:
    """A Neutron subnet as far as containers need it."""

    id: str
    network_id: str
    cidr: IPNetwork
    gateway: IPAddress | None
    name: str = ""
    pools: tuple[AddressRange, ...] = ()
    routes: tuple[Route, ...] = ()
    dhcp: bool = True
    tags: tuple[str, ...] = ()
    subnet_pool: str = ""
    """The id of the subnet pool that its CIDR is part of, if any."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.cidr.version


@dataclass(frozen=True)
class Network:
    """A Neutron network with its subnets."""

    id: str
    name: str
    project_id: str
    mtu: int
    mark: str = ""
    """Its description in Neutron: equal to a `Mark` if that Kuryr made the network."""
    shared: bool = False
    """Whether every project may use it."""
    dns_domain: str = ""
    subnets: tuple[Subnet, ...] = ()


@dataclass(frozen=True)
class FixedIP:
    """An address of a port, and the subnet it comes from."""

    subnet_id: str
    address: IPAddress


@dataclass(frozen=True)
class AddressPair:
    """Who else a port may send as: an address or a CIDR, and a MAC ("" for the port's own)."""

    address: IPAddress | IPNetwork
    mac: str = ""


@dataclass(frozen=True, order=True)
class PortRange:
    """Ports of a transport protocol (`tcp`, `udp` or `sctp`); both ends are included."""

    protocol: str
    first: int
    last: int


ANYWHERE: frozenset[IPNetwork] = frozenset({IPv4Network("0.0.0.0/0"), IPv6Network("::/0")})
"""The sources of an opening for everybody."""


@dataclass(frozen=True)
class Opening:
    """At which of its ports a container may be reached, and from where."""

    ports: frozenset[PortRange]
    sources: frozenset[IPNetwork] = ANYWHERE


@dataclass(frozen=True)
class PortTraits:
    """What a port is beyond its addresses; what is None or empty is left to the cloud.

    Groups and policies are ids, in what a user says also names.
    """

    security_groups: tuple[str, ...] | None = None
    """() for none at all; None for the project's default group."""
    port_security: bool | None = None
    qos_policy: str = ""
    dns_name: str = ""
    allowed_address_pairs: tuple[AddressPair, ...] = ()


USUAL_PORT = PortTraits()
"""A port of which nothing is said."""


@dataclass(frozen=True)
class Vif:
    """A Neutron port that is bound to a host: all that a binding driver needs to plug it."""

    port_id: str
    network_id: str
    mac: str
    mtu: int
    fixed_ips: tuple[FixedIP, ...]
    vif_type: str
    vnic_type: str = "normal"
    details: Mapping[str, object] = field(default_factory=dict)
    owner: str = ""
    """Who uses the port, as written in Neutron; "" while it is only reserved."""
    traits: PortTraits = USUAL_PORT
    """As the cloud has them, by id."""

    def address_in(self, subnet_id: str) -> IPAddress | None:
        """The port's address in a subnet."""
        return next((fixed_ip.address for fixed_ip in self.fixed_ips if fixed_ip.subnet_id == subnet_id), None)


Wanted = tuple[str, IPAddress | None]
"""An address that a port shall have: the subnet's id, and which one, or None for any."""


@dataclass(frozen=True)
class PortRequest:
    """What a new port must be. `owner` is "" when it is reserved before its user is known."""

    network_id: str
    fixed_ips: tuple[Wanted, ...]
    owner: str = ""
    mac: str | None = None
    name: str = ""
    traits: PortTraits = USUAL_PORT


@dataclass(frozen=True)
class Claim:
    """A promise kept by the kernel: the interface of `port_id` on this host belongs to `owner`.

    It is written on the host's own object (a link's alias, an OVSDB row) before the engine is answered, so that
    it survives the driver's death and vanishes with the interface.
    """

    port_id: str
    owner: str


class Cloud(Protocol):
    """The cloud's side as seen from a host. Implemented in process by `kuryr.gateway`; later also over the wire.

    Every method is synchronous, thread-safe and raises only `kuryr.errors.KuryrError`.
    """

    def reserve(self, request: PortRequest, count: int = 1) -> Sequence[Vif]:
        """Make `count` ports, bound to this host, in one call; all or none.

        Raises Conflict when a wanted address is taken, Exhausted when none is left.
        """

    def readdress(self, port_id: str, fixed_ips: Sequence[Wanted]) -> Vif:
        """Give the port exactly these addresses.

        Raises NotFound when the port is gone, Conflict when an address is taken, Exhausted when none is left.
        """

    def identify(
        self, vif: Vif, owner: str, name: str, traits: PortTraits = USUAL_PORT, openings: Collection[Opening] = ()
    ) -> Vif | None:
        """Write on the port who uses it, and what it shall be besides; None when the port is gone.

        The openings come on top of what the port's own groups admit; where no group guards it they mean nothing.
        Raises NotFound when a group or policy is gone.
        """

    def release(self, port_id: str) -> None:
        """Give the port back. A port that is gone already is no error."""

    def held(self) -> Sequence[Vif]:
        """Every port that Kuryr holds for containers of this host."""
