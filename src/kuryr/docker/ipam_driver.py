"""IpamDriver: pools become Neutron subnets when their network comes, addresses become ports.

Docker asks in this order: RequestPool, RequestAddress for the gateway, RequestAddress for every auxiliary address,
CreateNetwork; later, per container, RequestAddress. Nothing of a network exists in Neutron before CreateNetwork.
"""

import logging
from ipaddress import IPv4Address, IPv4Network

from kuryr.docker import messages, options
from kuryr.docker.addresses import host_address, host_range, parse_address, parse_cidr
from kuryr.docker.messages import GATEWAY, REQUEST_ADDRESS_TYPE
from kuryr.docker.pools import PendingPools, PoolId
from kuryr.errors import InvalidInput, NotFound
from kuryr.gateway.networks import Networks
from kuryr.gateway.topology import Topology
from kuryr.host.endpoints import Endpoints
from kuryr.model import AddressRange, IPAddress, Subnet

LOG = logging.getLogger(__name__)

Reply = dict[str, object]


class IpamDriver:
    """Docker's IPAM requests. Thread-safe."""

    def __init__(self, topology: Topology, networks: Networks, endpoints: Endpoints, pending: PendingPools) -> None:
        self._topology = topology
        self._networks = networks
        self._endpoints = endpoints
        self._pending = pending

    def request_pool(self, request: messages.RequestPool) -> Reply:
        """Note a pool; two requests to Neutron if `--ipam-opt` names an existing network, otherwise none."""
        if request.v6:
            raise InvalidInput("--ipv6 is not served", hint="Kuryr serves IPv4 only so far")
        existing = options.existing(request.options)
        cidr = parse_cidr(request.pool, "--subnet") if request.pool else None
        if not existing and cidr is None:
            raise InvalidInput(
                "no --subnet is given",
                hint="give one, or name an existing subnet by --ipam-opt neutron.subnet.uuid=…",
            )
        found = self._topology.find(existing, cidr) if existing else None
        if found:
            cidr = parse_cidr(str(found[1].cidr), "the subnet")
        assert cidr is not None  # noqa: S101 (found or given: one of the two was required above)
        ip_range = parse_cidr(request.sub_pool, "--ip-range") if request.sub_pool else None
        if ip_range and not ip_range.subnet_of(cidr):
            raise InvalidInput(f"--ip-range {ip_range} is outside of --subnet {cidr}")
        if ip_range and found:
            check_range(ip_range, found[1])
        pool = self._pending.add(cidr, ip_range, existing, found)
        return {"PoolID": str(pool), "Pool": str(cidr), "Data": {}}

    def release_pool(self, request: messages.ReleasePool) -> Reply:
        """The subnet goes with its network; only a pool that never got one is forgotten here."""
        self._pending.drop(PoolId.parse(request.pool_id))
        return {}

    def request_address(self, request: messages.RequestAddress) -> Reply:
        """A gateway's or an auxiliary address is noted; for a container a port is made, by one request."""
        pool = PoolId.parse(request.pool_id)
        if (request.options or {}).get(REQUEST_ADDRESS_TYPE) == GATEWAY:
            address = self._gateway(pool, request.address)
        else:
            address = self._container_or_aux(pool, request.address)
        return {"Address": f"{address}/{pool.cidr.prefixlen}", "Data": {}}

    def release_address(self, request: messages.ReleaseAddress) -> Reply:
        """Give a container's port back, behind. Gateways and auxiliary addresses were never taken.

        Never waits for Neutron.
        """
        pool = PoolId.parse(request.pool_id)
        address = parse_address(request.address, "address")
        if self._pending.of(pool):
            return {}
        network = self._networks.remembered_of_key(pool.key)
        if subnet := network and network.subnet_of(pool.cidr):
            self._endpoints.release(subnet.id, address)
        else:
            self._endpoints.left_behind()
        return {}

    def _gateway(self, pool: PoolId, wanted: str) -> IPv4Address:
        if wanted:
            return host_address(wanted, "--gateway", pool.cidr)
        pending = self._pending.of(pool)
        if pending and pending.found:
            return _ipv4(pending.found[1].gateway) or no_gateway(pool)
        return host_range(pool.cidr).first

    def _container_or_aux(self, pool: PoolId, wanted: str) -> IPv4Address:
        """Auxiliary addresses look like containers' but come before the network exists."""
        address = host_address(wanted, "address", pool.cidr) if wanted else None
        if address and self._pending.of(pool):
            return address
        bound = self._networks.of_key(pool.key)
        subnet = bound.network.subnet_of(pool.cidr)
        if subnet is None:
            raise NotFound(f"network {bound.network.name} has no subnet {pool.cidr} any more")
        vif = self._endpoints.reserve(bound.network.id, subnet.id, address)
        return next(ip.address for ip in vif.fixed_ips if isinstance(ip.address, IPv4Address))


def _ipv4(address: IPAddress | None) -> IPv4Address | None:
    return address if isinstance(address, IPv4Address) else None


def no_gateway(pool: PoolId) -> IPv4Address:
    """What Docker is told when a subnet has no gateway: it insists on an address, and this one is nobody's."""
    return pool.cidr.network_address


def check_range(ip_range: IPv4Network, subnet: Subnet) -> None:
    """An existing subnet hands out addresses from its own pools. Raises InvalidInput when `--ip-range` is not one."""
    wanted = host_range(parse_cidr(str(subnet.cidr), "the subnet"), ip_range)
    if AddressRange(wanted.first, wanted.last) not in subnet.pools:
        pools = ", ".join(f"{each.first}-{each.last}" for each in subnet.pools)
        raise InvalidInput(
            f"--ip-range {ip_range} is not an allocation pool of the existing subnet {subnet.id}",
            hint=f"leave it out; its pools are {pools}",
        )
