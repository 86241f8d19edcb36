"""NetworkDriver: Docker's networks stand on Neutron's, and its endpoints on ports of this host.

Docker holds a lock per network over RequestAddress and CreateEndpoint, but not over Join. So what is slow and local,
plugging, happens in Join; what is slow and far away, making the port, is one request before it.
"""

import logging
from collections.abc import Iterable
from ipaddress import IPv4Network

from kuryr.docker import gateways, messages, options
from kuryr.docker.addresses import host_address, host_range, parse_address, parse_cidr, without
from kuryr.docker.capabilities import ADDRESS_SPACES
from kuryr.docker.gateways import GatewayStyle
from kuryr.docker.ipam_driver import check_range, no_gateway
from kuryr.docker.messages import GENERIC, INTERNAL, PORT_MAP, AddressData
from kuryr.docker.pools import Pending, PendingPools
from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.gateway.identity import Anchorage
from kuryr.gateway.networks import Bound, Networks, NetworkSpec
from kuryr.gateway.topology import Existing, Topology
from kuryr.host.endpoints import Endpoints
from kuryr.model import AddressRange, Network, Subnet, Vif

LOG = logging.getLogger(__name__)

Reply = dict[str, object]

NULL_SPACE = "null"
"""The address space of Docker's own `--ipam-driver null`, which gives no addresses at all."""

SETTLE = 30.0
"""Seconds that the removal of a network waits for ports that are still being deleted."""


class NetworkDriver:
    """Docker's requests about networks and endpoints. Thread-safe."""

    def __init__(self, topology: Topology, networks: Networks, endpoints: Endpoints, pending: PendingPools) -> None:
        self._topology = topology
        self._networks = networks
        self._endpoints = endpoints
        self._pending = pending

    def allocate_network(self, request: messages.AllocateNetwork) -> Reply:
        """A swarm's nodes get only the options that are answered here, so all are."""
        return {"Options": request.options or {}}

    def create_network(self, request: messages.CreateNetwork) -> Reply:
        """Make or adopt the Neutron network: at most three requests. Twice is once."""
        if request.network_id in self._networks.owners():
            return {}
        data = _only_ipv4(request)
        cidr = parse_cidr(data.pool, "--subnet")
        pending = self._pool(data, cidr)
        generic = _generic(request.options)
        named = options.existing(generic, others=[gateways.OPTION])
        internal = bool((request.options or {}).get(INTERNAL))
        style = GatewayStyle.chosen(generic, internal=internal)
        anchorage = Anchorage(request.network_id, (pending.id.key,) if pending else (), style.settings)
        existing = options.agree(named, pending.existing) if pending else named
        if existing:
            network, subnet = self._find(existing, pending, cidr)
            _check_gateway(data, pending, subnet)
            _check_aux(data, cidr, subnet)
            if pending and pending.id.ip_range:
                check_range(pending.id.ip_range, subnet)
            self._networks.adopt(anchorage, network)
        else:
            self._networks.create(anchorage, _spec(data, cidr, pending, routed=not internal))
        if pending:
            self._pending.drop(pending.id)
        else:
            LOG.info("network %s takes its addresses from Docker; --ipam-driver kuryr starts faster", anchorage.owner)
        return {}

    def delete_network(self, request: messages.NetworkOnly) -> Reply:
        """Give the network back; what is still being deleted on it is waited for."""
        try:
            network_id = self._networks.of_owner(request.network_id).network.id
        except NotFound:
            pass
        else:
            self._endpoints.releases.settle_network(network_id, SETTLE)
        self._networks.remove(request.network_id)
        return {}

    def create_endpoint(self, request: messages.CreateEndpoint) -> Reply:
        """A container takes the port at its address. No request to Neutron if Kuryr's IPAM made the port before."""
        options.refuse_own(request.options)
        given = request.interface or messages.Interface()
        if not given.address:
            raise InvalidInput("the endpoint has no IPv4 address", hint="Kuryr serves IPv4 only so far")
        bound = self._networks.of_owner(request.network_id)
        if GatewayStyle.of(bound.anchorage.settings) is not GatewayStyle.ENGINE:
            _refuse_published_ports(request.options)
        subnet = _subnet_of(bound, given.address)
        vif = self._endpoints.create(
            request.endpoint_id,
            bound.network.id,
            subnet.id,
            parse_address(given.address, "address"),
            given.mac_address or None,
        )
        filled = messages.Interface(mac_address="" if given.mac_address else vif.mac)
        return {"Interface": filled}

    def delete_endpoint(self, request: messages.Endpoint) -> Reply:
        """Remove the interface; the port too, unless Kuryr's IPAM will be asked to. Never waits for Neutron."""
        anchorage = self._networks.remembered(request.network_id)
        self._endpoints.delete(request.endpoint_id, release=anchorage is not None and not anchorage.keys)
        return {}

    def join(self, request: messages.Endpoint) -> Reply:
        """Plug the interface and tell Docker how to name it and where traffic goes."""
        joined = self._endpoints.join(request.endpoint_id)
        bound = self._networks.of_owner(request.network_id)
        subnets = _subnets_of(bound.network, joined.vif)
        style = GatewayStyle.of(bound.anchorage.settings)
        reply: Reply = {
            "InterfaceName": {"SrcName": joined.interface.name, "DstPrefix": "eth"},
            "StaticRoutes": list(_routes(subnets)),
            "DisableGatewayService": style is not GatewayStyle.ENGINE,
        }
        gateway = next((subnet.gateway for subnet in subnets if subnet.gateway), None)
        if gateway and style is GatewayStyle.NEUTRON:
            reply["Gateway"] = str(gateway)
        return reply

    def _pool(self, data: AddressData, cidr: IPv4Network) -> Pending | None:
        """The pool that Kuryr's IPAM gave out for this network; None if the engine's own IPAM did."""
        if data.address_space not in ADDRESS_SPACES:
            return None
        pending = self._pending.of_cidr(cidr)
        if pending is None:
            raise Conflict(
                f"the pool {cidr} of this network is not known any more, because the Kuryr driver was restarted",
                hint="run the command again",
            )
        return pending

    def _find(self, existing: Existing, pending: Pending | None, cidr: IPv4Network) -> tuple[Network, Subnet]:
        if pending and pending.found and pending.existing == existing:
            return pending.found
        network, subnet = self._topology.find(existing, cidr)
        if pending and pending.found and pending.found[1].id != subnet.id:
            raise InvalidInput("-o and --ipam-opt name two different subnets", hint="one of them suffices")
        return network, subnet


def _generic(given: messages.Options | None) -> messages.Options:
    generic = (given or {}).get(GENERIC) or {}
    if not isinstance(generic, dict):
        raise InvalidInput("the options of this network cannot be read")
    return generic


def _only_ipv4(request: messages.CreateNetwork) -> AddressData:
    if request.ipv6:
        raise InvalidInput("--ipv6 is not served", hint="Kuryr serves IPv4 only so far")
    if len(request.ipv4 or []) != 1:
        raise InvalidInput(f"a network needs one --subnet, not {len(request.ipv4 or [])}")
    data = (request.ipv4 or [])[0]
    if data.address_space == NULL_SPACE:
        raise InvalidInput("--ipam-driver null is not served", hint="use --ipam-driver kuryr")
    return data


def _spec(data: AddressData, cidr: IPv4Network, pending: Pending | None, *, routed: bool) -> NetworkSpec:
    gateway = host_address(data.gateway, "--gateway", cidr) if data.gateway else None
    aux = {host_address(each, "--aux-address", cidr) for each in (data.aux_addresses or {}).values()}
    ip_range = pending.id.ip_range if pending else None
    pools: tuple[AddressRange, ...] = ()
    if ip_range or aux or not routed:
        # Docker shows the gateway of an internal network, although there is none: no container may have that address.
        taken = aux | ({gateway} if gateway else set())
        pools = tuple(AddressRange(each.first, each.last) for each in without(host_range(cidr, ip_range), taken))
        if not pools:
            raise InvalidInput(f"no address is left for containers in {ip_range or cidr}")
    # Under Docker's own IPAM no port of Neutron's (DHCP, metadata) may take an address that Docker could give out.
    return NetworkSpec(cidr, gateway if routed else None, pools, dhcp=pending is not None)


def _check_gateway(data: AddressData, pending: Pending | None, subnet: Subnet) -> None:
    """Docker and Neutron must agree on the gateway, or containers would be told another than `docker inspect`."""
    if not data.gateway:
        return
    told = parse_address(data.gateway, "--gateway")
    if told == subnet.gateway or (pending and subnet.gateway is None and told == no_gateway(pending.id)):
        return
    has = f"gateway {subnet.gateway}" if subnet.gateway else "no gateway"
    hint = f"give --gateway {subnet.gateway}" if subnet.gateway else "name the subnet by --ipam-opt instead of -o"
    raise InvalidInput(f"the existing subnet {subnet.id} has {has}, Docker expects {told}", hint=hint)


def _check_aux(data: AddressData, cidr: IPv4Network, subnet: Subnet) -> None:
    """An auxiliary address must stay unused, which an existing subnet only promises outside of its pools."""
    for each in (data.aux_addresses or {}).values():
        address = host_address(each, "--aux-address", cidr)
        if any(int(pool.first) <= int(address) <= int(pool.last) for pool in subnet.pools):
            raise InvalidInput(
                f"--aux-address {address} is in an allocation pool of the existing subnet {subnet.id}",
                hint="reserve it in Neutron by a port instead",
            )


def _refuse_published_ports(given: messages.Options | None) -> None:
    published = (given or {}).get(PORT_MAP)
    if published:
        raise InvalidInput(
            "-p is not served: a container is reached at its own Neutron address",
            hint="open the port in the project's security group, or create the network with -o kuryr.gateway=engine",
        )


def _subnet_of(bound: Bound, address: str) -> Subnet:
    wanted = parse_address(address, "address")
    matching = [subnet for subnet in bound.network.subnets if wanted in subnet.cidr]
    if not matching:
        raise NotFound(f"network {bound.network.name} has no subnet for {address}")
    return matching[0]


def _subnets_of(network: Network, vif: Vif) -> list[Subnet]:
    own = {fixed_ip.subnet_id for fixed_ip in vif.fixed_ips}
    return [subnet for subnet in network.subnets if subnet.id in own]


def _routes(subnets: Iterable[Subnet]) -> Iterable[Reply]:
    """Neutron's host routes of the container's own subnets; RouteType 0 goes by a next hop."""
    for subnet in subnets:
        for route in subnet.routes:
            yield {"Destination": str(route.destination), "RouteType": 0, "NextHop": str(route.nexthop)}
