"""The subnets that CreateNetwork asks for, one by one: read, and held against what exists or turned into what shall be.

Docker tells the same facts twice, to the IPAM driver when it asks for pools and addresses, and to the network driver
here. What was said there waits in `PendingPools`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kuryr.docker.driver.pools import Pending, PendingPools, check_range
from kuryr.docker.options.addresses import host_address, host_range, parse_address, parse_cidr, without
from kuryr.docker.protocol.capabilities import ADDRESS_SPACES
from kuryr.docker.protocol.messages import AddressData, CreateNetwork
from kuryr.errors import Conflict, InvalidInput
from kuryr.gateway.networks.specs import SubnetSpec
from kuryr.gateway.topology import Existing, choose_subnet
from kuryr.model import AddressRange, IPAddress, IPNetwork, Network, Subnet

NULL_SPACE = "null"
"""The address space of Docker's own `--ipam-driver null`, which gives no addresses at all."""


@dataclass(frozen=True)
class Requested:
    """One `--subnet` of a new Docker network. `pending` is None when Docker's own IPAM gave out the pool."""

    cidr: IPNetwork
    gateway: IPAddress | None
    aux: frozenset[IPAddress]
    pending: Pending | None

    @property
    def key(self) -> str:
        """By which its addresses will be asked for; "" when they never are."""
        return self.pending.id.key if self.pending else ""


def without_addresses(request: CreateNetwork) -> bool:
    """Whether the network has Docker's null IPAM."""
    return any(data.address_space == NULL_SPACE for data in _data(request))


def subnets(request: CreateNetwork, pools: PendingPools) -> list[Requested]:
    """What is asked for, in Docker's order. Raises InvalidInput, Conflict when a pool is not known any more."""
    requested = [_read(data, pools) for data in _data(request)]
    if not requested:
        raise InvalidInput("a network needs a --subnet")
    options = request.options or {}
    if options.get("com.docker.network.enable_ipv6") and all(each.cidr.version == 4 for each in requested):
        raise InvalidInput("--ipv6 needs an IPv6 --subnet", hint="give one, such as --subnet fd00:1::/64")
    return requested


def spec(requested: Requested, *, routed: bool, dhcp: bool | None = None) -> SubnetSpec:
    """The subnet that Kuryr shall make. Raises InvalidInput when no address would be left for containers."""
    cidr, gateway, pending = requested.cidr, requested.gateway, requested.pending
    ip_range = pending.id.ip_range if pending else None
    pools: tuple[AddressRange, ...] = ()
    if ip_range or requested.aux or not routed:
        # Docker before 28 shows a gateway although there is none: no container may have that address.
        taken = requested.aux | ({gateway} if gateway else set())
        pools = tuple(without(host_range(cidr, ip_range), taken))
        if not pools:
            raise InvalidInput(f"no address is left for containers in {ip_range or cidr}")
    # Under Docker's own IPAM no port of Neutron's (DHCP, metadata) may take an address that Docker could give out.
    if dhcp and pending is None:
        raise InvalidInput(
            "neutron.dhcp=true needs --ipam-driver kuryr", hint="Docker's own could hand out its address"
        )
    served = pending is not None and dhcp is not False
    return SubnetSpec(cidr, gateway if routed else None, pools, dhcp=served, key=requested.key)


def match(requested: Requested, network: Network, existing: Existing) -> Subnet:
    """The existing subnet that is meant. Raises NotFound, and InvalidInput when Docker and Neutron would disagree."""
    version = requested.cidr.version
    subnet = choose_subnet(network, existing.subnet_of(version), version, requested.cidr)
    pending = requested.pending
    if pending and pending.found and pending.found[1].id != subnet.id:
        raise InvalidInput("-o and --ipam-opt name two different subnets", hint="one of them suffices")
    _check_gateway(requested, subnet)
    _check_aux(requested, subnet)
    if pending and pending.id.ip_range:
        check_range(pending.id.ip_range, subnet)
    return subnet


def _data(request: CreateNetwork) -> Sequence[AddressData]:
    return [*(request.ipv4 or []), *(request.ipv6 or [])]


def _read(data: AddressData, pools: PendingPools) -> Requested:
    cidr = parse_cidr(data.pool, "--subnet")
    gateway = parse_address(data.gateway, "--gateway") if data.gateway else None
    aux = frozenset(host_address(each, "--aux-address", cidr) for each in (data.aux_addresses or {}).values())
    pending = None
    if data.address_space in ADDRESS_SPACES:
        pending = pools.of_cidr(cidr)
        if pending is None:
            raise Conflict(
                f"the pool {cidr} of this network is not known any more, because the Kuryr driver was restarted",
                hint="run the command again",
            )
    if gateway and gateway != cidr.network_address:
        host_address(str(gateway), "--gateway", cidr)
    return Requested(cidr, gateway, aux, pending)


def _check_gateway(requested: Requested, subnet: Subnet) -> None:
    """Docker and Neutron must agree on the gateway, or containers would be told another than `docker inspect`."""
    told, pending = requested.gateway, requested.pending
    if told is None or told == subnet.gateway:
        return
    if pending and subnet.gateway is None and told == pending.id.no_gateway:
        return
    has = f"gateway {subnet.gateway}" if subnet.gateway else "no gateway"
    hint = f"give --gateway {subnet.gateway}" if subnet.gateway else "name the subnet by --ipam-opt instead of -o"
    raise InvalidInput(f"the existing subnet {subnet.id} has {has}, Docker expects {told}", hint=hint)


def _check_aux(requested: Requested, subnet: Subnet) -> None:
    """An auxiliary address must stay unused: Kuryr's IPAM keeps it, others need one outside of the subnet's pools."""
    if requested.pending and requested.pending.found:
        return
    for address in requested.aux:
        if any(address in pool for pool in subnet.pools):
            raise InvalidInput(
                f"--aux-address {address} is in an allocation pool of the existing subnet {subnet.id}",
                hint="name the subnet by --ipam-opt instead of -o",
            )
