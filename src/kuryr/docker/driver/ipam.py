"""IpamDriver: pools become Neutron subnets when their network comes, addresses become ports.

Docker asks in this order: RequestPool, RequestAddress for the gateway, RequestAddress for every auxiliary address, all
this for every `--subnet`; then CreateNetwork; later, per container, RequestAddress for each address family. Nothing of
a network exists in Neutron before CreateNetwork.
"""

import contextlib
import logging
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from kuryr.docker.driver import pools
from kuryr.docker.driver.choices import Choices, Wish, check_lent
from kuryr.docker.driver.pools import InheritedPool, PendingPools, PoolId, check_range
from kuryr.docker.driver.sources import Sources
from kuryr.docker.options import catalogue, naming, traits
from kuryr.docker.options.addresses import host_address, host_range, is_within, parse_address, parse_cidr
from kuryr.docker.options.catalogue import Place
from kuryr.docker.options.settings import Ahead
from kuryr.docker.protocol import messages
from kuryr.docker.protocol.messages import ENDPOINT_NAME, GATEWAY, REQUEST_ADDRESS_TYPE
from kuryr.docker.sweeps.inheriting import Inheriting
from kuryr.errors import Conflict, Exhausted, InvalidInput, NotFound
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.protocol import Gateway
from kuryr.gateway.topology import Existing, choose_subnet
from kuryr.host.endpoints import Endpoints
from kuryr.model import IPAddress, IPNetwork, Named, PortTraits, Subnet

LOG = logging.getLogger(__name__)

Reply = dict[str, object]
IPInterface = IPv4Interface | IPv6Interface
"""An address with the length of its network, as Docker wants it."""


class IpamDriver:
    """Docker's IPAM requests. Thread-safe."""

    def __init__(
        self,
        gateway: Gateway,
        sources: Sources,
        choices: Choices,
        endpoints: Endpoints,
        inheriting: Inheriting,
        pending: PendingPools,
    ) -> None:
        self._topology = gateway.topology
        self._networks = gateway.networks
        self._reservations = gateway.reservations
        self._keeping = gateway.keeping
        self._sources = sources
        self._choices = choices
        self._endpoints = endpoints
        self._inheriting = inheriting
        self._pending = pending

    def request_pool(self, request: messages.RequestPool) -> Reply:
        """Note a pool.

        No request to Neutron when only `--subnet` is given; two when `--ipam-opt` names an existing network or no range
        is given, one when it names a subnet pool to `--subnet`.
        """
        values = catalogue.read(request.options, Place.POOL)
        version = 6 if request.v6 else 4
        existing = naming.existing(values)
        cidr = parse_cidr(request.pool, "--subnet") if request.pool else None
        if cidr and cidr.version != version:
            raise InvalidInput(f"--subnet {cidr} is not one of IPv{version}")
        ip_range = parse_cidr(request.sub_pool, "--ip-range") if request.sub_pool else None
        if ip_range and cidr is None and not existing:
            raise InvalidInput("--ip-range needs a --subnet")
        named = naming.subnet_pool(values, version)
        if existing:
            pool = self._add_existing(existing, named, version, cidr, ip_range)
        elif cidr:
            _check_within(ip_range, cidr)
            pool = self._pending.add(cidr, ip_range, source=self._sources.of_range(cidr, named))
        else:
            # Docker asks anew, holding what it got, until a range overlaps no route of the host: what waits is taken.
            cidr, source = self._sources.free_range(version, named, self._pending.cidrs())
            pool = self._pending.add(cidr, source=source)
        return {"PoolID": str(pool), "Pool": str(pool.cidr), "Data": {}}

    def _add_existing(
        self, existing: Existing, named: Named, version: int, cidr: IPNetwork | None, ip_range: IPNetwork | None
    ) -> PoolId:
        """The pool of a subnet that exists."""
        network = self._pending.found(existing) or self._topology.find(existing)
        subnet = choose_subnet(network, existing.subnet_of(version), version, cidr)
        self._sources.check(subnet, named)
        if ip_range:
            _check_within(ip_range, subnet.cidr)
            check_range(ip_range, subnet)
        return self._pending.add(subnet.cidr, ip_range, existing, (network, subnet))

    def release_pool(self, request: messages.ReleasePool) -> Reply:
        """The subnet goes with its network; only a pool that never got one is forgotten here."""
        pool = pools.parse(request.pool_id)
        if isinstance(pool, PoolId):
            self._pending.drop(pool)
        return {}

    def request_address(self, request: messages.RequestAddress) -> Reply:
        """A gateway's or an auxiliary address is noted; for a container a port is made, by one request."""
        pool, name = pools.parse(request.pool_id), (request.options or {}).get(ENDPOINT_NAME, "")
        if isinstance(pool, InheritedPool):
            address = self._inherited(pool.key, request.address, name)
        elif (request.options or {}).get(REQUEST_ADDRESS_TYPE) == GATEWAY:
            address = self._gateway(pool, request.address)
        else:
            address = self._container_or_aux(pool, request.address, name)
        return {"Address": str(address), "Data": {}}

    def release_address(self, request: messages.ReleaseAddress) -> Reply:
        """Give a container's port back, or an address that was kept, behind. Gateways were never taken.

        Never waits for Neutron: what is not known yet, after a start, is read behind.
        """
        pool = pools.parse(request.pool_id)
        address = parse_address(request.address, "address")
        if isinstance(pool, InheritedPool):
            self._container_released(pool.key, address)
        elif not self._released(pool, address) and pool.subnet_id:
            self._reservations.give_back(pool.subnet_id, address, pool.key)
        return {}

    def _released(self, pool: PoolId, address: IPAddress) -> bool:
        """Whether the address needs no more care: a container's, whose port goes, or a gateway's."""
        if pending := self._pending.of(pool):
            return pending.found is None or pending.found[1].gateway == address
        return self._container_released(pool.key, address)

    def _container_released(self, key: str, address: IPAddress) -> bool:
        if bound := self._networks.remembered_of_key(key):
            return self._released_in(bound, address)
        self._endpoints.when_loaded(lambda: self._released_in(self._networks.of_key(key), address))
        return False

    def _released_in(self, bound: Bound, address: IPAddress) -> bool:
        try:
            subnet = bound.subnet_with(address)
        except NotFound:
            return False
        if subnet.gateway == address:
            return True
        if bound.anchorage.keeps:
            self._keeping.release(bound.network.id, address, bound.anchorage.keeper)
            return True
        return self._endpoints.release(subnet.id, address)

    def _gateway(self, pool: PoolId, wanted: str) -> IPInterface:
        pending = self._pending.of(pool)
        if wanted:
            gateway = host_address(wanted, "--gateway", pool.cidr)
        elif pending and pending.found:
            gateway = pending.found[1].gateway or pool.no_gateway
        else:
            gateway = host_range(pool.cidr).first
        return ip_interface(f"{gateway}/{pool.cidr.prefixlen}")

    def _container_or_aux(self, pool: PoolId, wanted: str, name: str) -> IPInterface:
        """Auxiliary addresses look like containers' but come before the network exists.

        So do the containers' of another network driver, whose network never comes here.
        """
        address = host_address(wanted, "address", pool.cidr) if wanted else None
        pending = self._pending.of(pool)
        if address and pending and not pending.found:
            return ip_interface(f"{address}/{pool.cidr.prefixlen}")
        if pool.subnet_id and (pending or not self._networks.anchors.has_key(pool.key)):
            return self._keep(pool, address)
        if pending:
            raise NotFound(
                f"{pool.cidr} has no Neutron network: another network driver needs an existing subnet",
                hint="name it by --ipam-opt neutron.subnet.uuid=…",
            )
        return self._container(pool.key, wanted, name)

    def _inherited(self, key: str, wanted: str, name: str) -> IPInterface:
        try:
            return self._container(key, wanted, name)
        except Conflict:
            # A container that was stopped before it was taken over has its address still.
            if not self._inheriting.catch_up():
                raise
            return self._container(key, wanted, name)

    def _container(self, key: str, wanted: str, name: str) -> IPInterface:
        bound = self._networks.of_key(key)
        subnet = bound.subnet_of_key(key)
        address = host_address(wanted, "address", subnet.cidr) if wanted else None
        wish = self._choices.before_address(bound, name, address)

        def reserve(said: PortTraits) -> IPInterface:
            return self._reserve(bound, subnet, address, replace(wish, traits=said))

        got = self._choices.fulfil(bound, wish.traits, traits.of_network(bound), reserve)
        try:
            check_lent(wish.traits, lent=self._endpoints.borrows([(subnet.id, got.ip)]))
        except InvalidInput:
            self._endpoints.release(subnet.id, got.ip)
            raise
        return got

    def _keep(self, pool: PoolId, address: IPAddress | None) -> IPInterface:
        """An address of an existing subnet for somebody who is no port of Kuryr's: one request."""
        network = self._topology.network_of_subnet(pool.subnet_id)
        kept = self._reservations.keep(network, (pool.subnet_id, address), pool.key)
        return ip_interface(f"{kept}/{pool.cidr.prefixlen}")

    def _reserve(self, bound: Bound, subnet: Subnet, address: IPAddress | None, wish: Wish) -> IPInterface:
        """An address of `subnet`; when any will do and none is left there, one of the next subnet of its family.

        Docker itself never asks the next pool: it cannot tell from a remote driver's error that one is full.
        """
        others = [each for each in bound.subnets if each.version == subnet.version and each != subnet]
        *first, last = [subnet] if address else [subnet, *others]
        for candidate in first:
            with contextlib.suppress(Exhausted):
                return self._reserve_in(bound, candidate, address, wish)
        return self._reserve_in(bound, last, address, wish)

    def _reserve_in(self, bound: Bound, subnet: Subnet, address: IPAddress | None, wish: Wish) -> IPInterface:
        """An address of `subnet`, on a port that also gets one of the other address family.

        A swarm's manager asks for the address alone, which some node will use.
        """
        anchorage, wanted = bound.anchorage, (subnet.id, address)
        if anchorage.keeps:
            got: IPAddress | None = self._keeping.keep(bound.network, wanted, anchorage.keeper, wish.traits)
        else:
            along = [each.id for each in bound.subnets if each.version != subnet.version][:1]
            scope, network_id = anchorage.owner, bound.network.id
            ready = Ahead.of(anchorage.settings) is Ahead.AUTO
            vif = self._endpoints.reserve(scope, network_id, wanted, along, wish.traits, wish.choice, ready=ready)
            got = vif.address_in(subnet.id)
        return ip_interface(f"{got}/{subnet.cidr.prefixlen}")


def _check_within(ip_range: IPNetwork | None, cidr: IPNetwork) -> None:
    if ip_range and not is_within(ip_range, cidr):
        raise InvalidInput(f"--ip-range {ip_range} is outside of --subnet {cidr}")
