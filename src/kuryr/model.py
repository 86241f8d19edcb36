"""The nouns that the layers share, and the one protocol by which the host's side speaks to the cloud's side.

The words are Neutron's. No word of an engine stands here: whoever owns a network or a port (a Docker network, a
Docker endpoint, later a pod) is an opaque `owner` string that its front end can recognise again.

`Cloud` is shaped for three guests: ready ports (`reserve` takes a count), nodes without credentials (every argument and
result is plain, immutable data that travels over a wire, and says by its type what it names), and other engines.
"""

import enum
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Protocol

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_uuid(text: str) -> bool:
    """Whether a text has the form of Neutron's ids."""
    return _UUID.fullmatch(text) is not None


class Kind(Enum):
    """What a text names in the cloud, said by its type: so whoever passes it on can see whether that is allowed."""

    NETWORK = auto()
    SUBNET = auto()
    PORT = auto()
    SECURITY_GROUP = auto()
    QOS_POLICY = auto()
    SUBNET_POOL = auto()
    ROUTER = auto()
    FLOATING_IP = auto()
    EXTERNAL_NETWORK = auto()
    PROJECT = auto()


NetworkId = Annotated[str, Kind.NETWORK]
SubnetId = Annotated[str, Kind.SUBNET]
PortId = Annotated[str, Kind.PORT]
SecurityGroupId = Annotated[str, Kind.SECURITY_GROUP]
QosPolicyId = Annotated[str, Kind.QOS_POLICY]
SubnetPoolId = Annotated[str, Kind.SUBNET_POOL]
RouterId = Annotated[str, Kind.ROUTER]
FloatingIPId = Annotated[str, Kind.FLOATING_IP]
ExternalNetworkId = Annotated[str, Kind.EXTERNAL_NETWORK]
ProjectId = Annotated[str, Kind.PROJECT]

AS_SAID = object()
"""Marks an argument in which names stand as a user said them: it is asked what they mean."""

Word = Annotated[str, re.compile(r"[A-Za-z0-9_.-]{0,128}")]
"""A text of the front end's that becomes part of something that is parsed again."""


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

    @property
    def of_deployment(self) -> str:
        """What things bear that belong to no host: an operator made them ahead of time."""
        return f"kuryr:{self.deployment}"


@dataclass(frozen=True)
class Route:
    """A host route of a Neutron subnet."""

    destination: IPNetwork
    nexthop: IPAddress


@dataclass(frozen=True)
class AddressRange:
    """Such as an allocation pool: both ends are included."""

    first: IPAddress
    last: IPAddress

    def __contains__(self, address: IPAddress) -> bool:
        return int(self.first) <= int(address) <= int(self.last)


@dataclass(frozen=True)
class Subnet:
    """A Neutron subnet as far as containers need it."""

    id: SubnetId
    network_id: NetworkId
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

    id: NetworkId
    name: str
    project_id: ProjectId
    mtu: int
    mark: str = ""
    """Its description in Neutron: equal to a `Mark` if that Kuryr made the network."""
    shared: bool = False
    """Whether every project may use it."""
    dns_domain: str = ""
    subnets: tuple[Subnet, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class FixedIP:
    """An address of a port, and the subnet it comes from."""

    subnet_id: SubnetId
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
    """At which of its ports a container may be reached, and from where.

    A container may have several: what it exposes is one for its network's neighbours, what it publishes is another for
    everybody. Each is a security group of its own, so that many containers can share it.
    """

    ports: frozenset[PortRange]
    sources: frozenset[IPNetwork] = ANYWHERE


@dataclass(frozen=True)
class PortTraits:
    """What a port is beyond its addresses; what is None or empty is left to the cloud.

    Groups and policies are ids, in what a user says also names.
    """

    security_groups: tuple[SecurityGroupId, ...] | None = None
    """() for none at all; None for the project's default group."""
    port_security: bool | None = None
    qos_policy: QosPolicyId = ""
    dns_name: str = ""
    allowed_address_pairs: tuple[AddressPair, ...] = ()


USUAL_PORT = PortTraits()
"""A port of which nothing is said."""


@dataclass(frozen=True)
class Named:
    """How a user names something that exists; empty fields say nothing."""

    id: str = ""
    name: str = ""
    tag: str = ""

    @classmethod
    def of(cls, text: str) -> "Named":
        """What is named where a user may give a name or an id. What looks like an id is one."""
        return cls(id=text.lower()) if is_uuid(text.lower()) else cls(name=text)

    def __bool__(self) -> bool:
        return bool(self.id or self.name or self.tag)

    def __str__(self) -> str:
        said = (("", self.id), ("named ", self.name), ("tagged ", self.tag))
        return " ".join(f"{how}{what!r}" if how else what for how, what in said if what)


@dataclass(frozen=True)
class Lent:
    """What a port is called that its user only borrows: it exists without him and is given back as it was."""

    name: str = ""
    tags: tuple[str, ...] = ()
    is_own: bool = False
    """Whether Kuryr made it, for a sticky key: then it becomes what its user wants."""


@dataclass(frozen=True)
class Vif:
    """A Neutron port that is bound to a host: all that a binding driver needs to plug it."""

    port_id: PortId
    network_id: NetworkId
    mac: str
    mtu: int
    fixed_ips: tuple[FixedIP, ...]
    vif_type: str
    vnic_type: str = "normal"
    details: Mapping[str, object] = field(default_factory=dict)
    profile: Mapping[str, object] = field(default_factory=dict)
    """What its maker, or an operator, says of the hardware that it takes (binding:profile)."""
    project_id: ProjectId = ""
    owner: str = ""
    """Who uses the port, as written in Neutron; "" while it is only reserved."""
    traits: PortTraits = USUAL_PORT
    """As the cloud has them, by id."""
    lent: Lent | None = None
    """None for a port that was made for its user and goes with him."""

    @property
    def is_foreign(self) -> bool:
        """Whether it is somebody else's port: nothing of it changes but who uses it."""
        return self.lent is not None and not self.lent.is_own

    @property
    def bound_by(self) -> str:
        """The driver of Neutron's that has bound the port for its agent to wire; "" if Neutron does not say."""
        drivers = self.details.get("bound_drivers")
        # Neutron lists the drivers by level; the one of the lowest level plugs.
        return str(drivers[max(drivers)]) if isinstance(drivers, Mapping) and drivers else ""

    def address_in(self, subnet_id: str) -> IPAddress | None:
        """The port's address in a subnet."""
        return next((fixed_ip.address for fixed_ip in self.fixed_ips if fixed_ip.subnet_id == subnet_id), None)


Wanted = tuple[SubnetId, IPAddress | None]
"""An address that a port shall have: the subnet's id, and which one, or None for any."""


@dataclass(frozen=True)
class Choice:
    """Which port a user wants, if not just a new one; false when he does not care."""

    port: Named = field(default_factory=Named)
    """One that exists; by a tag, any of those that are free."""
    sticky: str = ""
    """The one that this key had before. Its first time makes it."""

    def __bool__(self) -> bool:
        return bool(self.port or self.sticky)

    def __str__(self) -> str:
        return f"port {self.port}" if self.port else f"the port of sticky key {self.sticky!r}"

    def fits(self, vif: Vif) -> bool:
        """Whether this is such a port."""
        lent, port = vif.lent or Lent(), self.port
        return (
            port.id in {"", vif.port_id}
            and port.name in {"", lent.name}
            and (not port.tag or port.tag in lent.tags)
            and (not self.sticky or vif.mac == sticky_mac(self.sticky))
        )


NO_CHOICE = Choice()
"""A user who does not care."""


def sticky_mac(key: str) -> str:
    """The MAC address of a sticky key's port.

    It follows from the key, so that Neutron itself, which has a MAC address once per network, sees to it that a key
    has one port there. `f2` marks it as locally administered.
    """
    return "f2:" + hashlib.blake2b(key.encode(), digest_size=5).digest().hex(":")


READY = "kuryr:ready"
"""The owner of ports that wait for a user, on the interface; in Neutron the kind of user follows (see `kind_of`)."""

READY_NAME = "kuryr-ready"
"""What such ports are called."""

Owner = Annotated[str, re.compile(rf"({READY}:)?[A-Za-z0-9_.-]{{0,128}}")]
"""A front end's word for a user, or a kind of users."""


@dataclass(frozen=True)
class PortRequest:
    """What a port must be. `owner` is "" when it is reserved before its user is known."""

    network_id: NetworkId
    fixed_ips: tuple[Wanted, ...]
    owner: Owner = ""
    mac: str | None = None
    name: str = ""
    traits: PortTraits = USUAL_PORT
    choice: Choice = NO_CHOICE
    ready: bool = True
    """Whether one that was made ahead will do."""


def is_ready(owner: str) -> bool:
    """Whether a port with this owner waits for a user."""
    return owner == READY or owner.startswith(f"{READY}:")


def kind_of(request: PortRequest) -> str:
    """The owner, in Neutron, of ports made ahead for requests like this one; "" when none can be.

    It says all by which such ports differ, so that they are recognised after a restart: a port with other groups must
    never be taken for one with the usual ones. Certain addresses do not matter: a port either has them or not.

    A name in DNS is one container's: a second port with it would be answered for it.
    """
    if request.mac or request.choice or request.traits.dns_name or not request.ready:
        return ""
    subnets = tuple(subnet_id for subnet_id, _ in request.fixed_ips)
    said = repr((request.network_id, subnets, request.traits))
    return f"{READY}:{hashlib.blake2b(said.encode(), digest_size=8).hexdigest()}"


class Nesting(enum.StrEnum):
    """How containers of a virtual machine share its interface."""

    VLAN = "vlan"
    MACVLAN = "macvlan"
    IPVLAN = "ipvlan"


@dataclass(frozen=True)
class Parent:
    """The interface of a virtual machine, with a Neutron port behind it that its containers are on top of."""

    nesting: Nesting
    link: str
    mac: str
    port_id: str = ""
    """"" if it is to be found by its MAC address."""


@dataclass(frozen=True)
class Claim:
    """A promise kept by the kernel: the interface of `port_id` on this host belongs to `owner`.

    It is written on the host's own object (a link's alias, an OVSDB row) before the engine is answered, so that
    it survives the driver's death and vanishes with the interface.
    """

    port_id: str
    owner: str


class Cloud(Protocol):
    """The cloud's side as seen from a host. Implemented by `kuryr.gateway`, in process and over the wire.

    Every method is synchronous, thread-safe and raises only `kuryr.errors.KuryrError`.
    """

    def reserve(self, request: PortRequest, count: int = 1) -> Sequence[Vif]:
        """Make `count` ports, bound to this host, in one call; all or none.

        One port may also be an existing one that nobody uses: the one that is chosen, or the one that has the wanted
        address or MAC. It is only lent. Raises Conflict when what is wanted is in use, Exhausted when no address is
        left, NotFound when what is chosen does not exist.
        """

    def spare(self, network_id: NetworkId, subnet_ids: Sequence[SubnetId]) -> int:
        """How many ports one host may keep ready in these subnets. From memory, if the network was read before."""

    def readdress(self, vif: Vif, fixed_ips: Sequence[Wanted]) -> Vif:
        """Give a port that is not lent exactly these addresses.

        Raises NotFound when the port is gone, Conflict when an address is taken, Exhausted when none is left.
        """

    def identify(
        self, vif: Vif, owner: Word, name: str, traits: PortTraits = USUAL_PORT, openings: Collection[Opening] = ()
    ) -> Vif | None:
        """Write on the port who uses it, and what it shall be besides; None when the port is gone.

        The openings come on top of what the port's own groups admit; where no group guards it they mean nothing.
        Raises NotFound when a group or policy is gone.
        """

    def await_active(self, vif: Vif, timeout: float) -> None:
        """Wait until the cloud says that the port is wired; for ports of which nothing on the host says so.

        Raises PlugError after `timeout` seconds.
        """

    def release(self, vif: Vif) -> None:
        """Delete a port that was made for its user; give one back as it was that is lent. Gone already is no error."""

    def held(self) -> Sequence[Vif]:
        """Every port that Kuryr holds for containers of this host."""

    def half_lent(self) -> Sequence[Vif]:
        """Ports that this host was about to borrow or to give back when something went wrong, or is about to now."""
