"""An engine as far as Kuryr can see it: libnetwork's order of calls and its roll-backs, on an in-memory host and cloud.

The order is the one recorded of real engines (moby 20.10 to 29): an address is released when its endpoint could not
be made, a pool when its network could not; what fails on the way out is ignored.
"""

import contextlib
import itertools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, cast

from kuryr.docker.driver.assembly import Driver
from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.engine import Engine, EngineSilent, EngineView, Outlook
from kuryr.docker.options.exposure import PROTOCOLS
from kuryr.docker.protocol import messages
from kuryr.docker.protocol.messages import PORT_MAP
from kuryr.docker.server.methods import INSTANT, METHODS
from kuryr.errors import KuryrError
from kuryr.model import IPAddress, PortRange
from unit.host.node import GRACE, Node

_NUMBERS = itertools.count(1)


def new_id() -> str:
    """An id as Docker makes them: 64 hexadecimal digits, here with the difference in front."""
    return f"{next(_NUMBERS):08x}" + "d" * 56


@dataclass
class Pool:
    """What Docker stores of one subnet of a network. `id` is "" when Docker's own IPAM gave it out."""

    id: str
    cidr: str
    gateway: str = ""
    aux: list[str] = field(default_factory=list)

    @property
    def version(self) -> int:
        return ip_network(self.cidr).version


@dataclass
class DockerNetwork:
    """What Docker stores of a network."""

    id: str
    pools: list[Pool] = field(default_factory=list)

    @property
    def pool_id(self) -> str:
        return self.pools[0].id

    @property
    def gateway(self) -> str:
        return self.pools[0].gateway

    @property
    def pool(self) -> str:
        return self.pools[0].cidr


@dataclass
class Container:
    """What Docker stores of an endpoint."""

    network: DockerNetwork
    id: str
    address: str
    address_ipv6: str
    mac: str
    joined: Mapping[str, Any]
    leases: list[tuple[str, str]]
    """The ids of the pools that addresses came from, and these addresses."""


class Docker:
    """The engine of one host. `restart_driver` kills Kuryr, not the engine."""

    def __init__(self, node: Node) -> None:
        self.networks: set[str] = set()
        self.endpoints: set[str] = set()
        self.addresses: set[IPAddress] = set()
        """Those of containers on networks of another driver, and auxiliary ones."""
        self.expose = True
        """As kuryr.conf has it."""
        self.container_labels: dict[str, dict[str, str]] = {}
        """Of containers that are known by their name, as they are to an engine from 29 on."""
        self.labels_of_networks: dict[str, dict[str, str]] = {}
        self.told: dict[str, Outlook] = {}
        """Of running containers, by endpoint."""
        self.silent = False
        """Whether Docker's own API does not answer, as while it boots."""
        self.start_driver(node)

    def labels(self, container: str) -> Mapping[str, str]:
        """See `kuryr.docker.engine.Engine`."""
        if self.silent:
            raise EngineSilent("Docker does not answer /containers/json: timed out")
        return self.container_labels.get(container, {})

    def network_labels(self, network: str) -> Mapping[str, str]:
        """See `kuryr.docker.engine.Engine`."""
        if self.silent:
            raise EngineSilent("Docker does not answer /networks: timed out")
        return self.labels_of_networks.get(network, {})

    def outlooks(self, endpoints: Collection[str]) -> Mapping[str, Outlook]:
        """See `kuryr.docker.engine.Engine`."""
        return {endpoint: outlook for endpoint, outlook in self.told.items() if endpoint in endpoints}

    def start_driver(self, node: Node) -> None:
        """A new Kuryr process."""
        self.node = node
        node.alive = self.endpoints
        self.pending = PendingPools(patience=0, clock=node.clock)
        engine = cast("Engine", self)
        self.driver = Driver(
            node.gateway, node.endpoints, node.reconciler, engine, node.behind, self.pending, expose=self.expose
        )
        self.sweeps = self.driver.sweeps(node.new_suspects)

    def restart_driver(self) -> None:
        """Kill -9 and a new process."""
        self.start_driver(self.node.restarted())

    def call(self, method: str, **body: Any) -> Mapping[str, Any]:
        """One request, through the same table and decoder as over HTTP."""
        if method in INSTANT:
            return INSTANT[method]
        entry = METHODS[method]
        reply = entry.answer(self.driver, messages.decode(json.dumps(body).encode(), entry.request))
        return cast("Mapping[str, Any]", json.loads(json.dumps(reply, default=_wire)))

    def forgive(self, method: str, **body: Any) -> None:
        """A request whose failure Docker only logs."""
        with contextlib.suppress(KuryrError):
            self.call(method, **body)

    def create_network(
        self,
        *subnets: str,
        o: Mapping[str, Any] | None = None,
        ipam_opt: Mapping[str, str] | None = None,
        gateway: str = "",
        ip_range: str = "",
        aux: Mapping[str, str] | None = None,
        ipv6: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> DockerNetwork:
        """`docker network create -d kuryr --ipam-driver kuryr …`; range, gateway and aux are the first subnet's."""
        network = DockerNetwork(new_id())
        four = [each for each in subnets if ":" not in each] or ([] if subnets else [""])
        six = [each for each in subnets if ":" in each]
        data: dict[int, list[dict[str, Any]]] = {4: [], 6: []}
        try:
            for version, cidr in [*((4, each) for each in four), *((6, each) for each in six)]:
                first = not network.pools
                own = (gateway, ip_range, aux or {}) if first else ("", "", {})
                data[version].append(self._request_pool(network, cidr, version, ipam_opt or {}, *own))
            body = {"IPv4Data": data[4], "IPv6Data": data[6], **(more or {})}
            self._create(network.id, body, o, ipv6=ipv6 or bool(six))
        except KuryrError:
            self._release_pools(network)
            raise
        self.networks.add(network.id)
        return network

    def create_network_with_own_ipam(
        self, subnet: str = "172.18.0.0/16", *, gateway: str = "172.18.0.1", o: Mapping[str, Any] | None = None
    ) -> DockerNetwork:
        """`docker network create -d kuryr`: Docker gives out pool and gateway."""
        length = subnet.partition("/")[2]
        pool = Pool("", subnet, f"{gateway}/{length}")
        data = {"AddressSpace": "LocalDefault", "Pool": subnet, "Gateway": pool.gateway}
        network = DockerNetwork(new_id(), [pool])
        self._create(network.id, {"IPv4Data": [data], "IPv6Data": []}, o)
        self.networks.add(network.id)
        return network

    def create_network_without_ipam(self, *, o: Mapping[str, Any] | None = None) -> DockerNetwork:
        """`docker network create -d kuryr --ipam-driver null`."""
        network = DockerNetwork(new_id())
        data = {"AddressSpace": "null", "Pool": "0.0.0.0/0"}
        self._create(network.id, {"IPv4Data": [data], "IPv6Data": []}, o)
        self.networks.add(network.id)
        return network

    def run(
        self,
        network: DockerNetwork,
        *,
        ip: str = "",
        ip6: str = "",
        mac: str = "",
        options: Mapping[str, Any] | None = None,
        expose: Sequence[tuple[int, int]] = (),
        own_ipam: bool = False,
        name: str = "",
        crash: bool = False,
    ) -> Container:
        """`docker run`, with the roll-back of 20.10 when a step fails; with a `name`, in the words of 29.

        With `crash` the driver dies, and comes back, when it has given out the address.
        """
        told = {"com.docker.network.endpoint.name": name} if name else None
        leases: list[tuple[str, str]] = []
        addresses = {4: "", 6: ""}
        endpoint = new_id()
        try:
            for version, wanted in ((4, ip), (6, ip6)):
                pool = _pool_for(network, version, wanted)
                if pool is not None and own_ipam:
                    addresses[version] = f"{wanted}/{pool.cidr.partition('/')[2]}"
                elif pool is not None:
                    addresses[version] = self._request_address(pool, wanted, told)
                    leases.append((pool.id, addresses[version]))
            if crash:
                self.restart_driver()
            exposed = {"com.docker.network.endpoint.exposedports": [{"Proto": p, "Port": n} for p, n in expose]}
            reply, joined = self._start(network, endpoint, addresses, mac, options, exposed)
        except KuryrError:
            for lease in leases:
                self._release(*lease)
            raise
        self.endpoints.add(endpoint)
        published = [(each["Proto"], each["Port"]) for each in (options or {}).get(PORT_MAP, [])]
        self.told[endpoint] = Outlook(network.id, _ranges(expose), _ranges(published))
        self.call("NetworkDriver.EndpointOperInfo", NetworkID=network.id, EndpointID=endpoint)
        chosen = reply["Interface"]
        return Container(
            network,
            endpoint,
            chosen.get("Address", addresses[4]),
            chosen.get("AddressIPv6", addresses[6]),
            chosen.get("MacAddress", mac),
            joined,
            leases,
        )

    def stop(self, container: Container) -> None:
        """`docker stop`; none of it may fail, as far as Docker cares."""
        ids = {"NetworkID": container.network.id, "EndpointID": container.id}
        self.endpoints.discard(container.id)
        self.told.pop(container.id, None)
        self.call("NetworkDriver.RevokeExternalConnectivity", **ids)
        self.call("NetworkDriver.Leave", **ids)
        self.forgive("NetworkDriver.DeleteEndpoint", **ids)
        for lease in container.leases:
            self._release(*lease)
        assert self.node.behind.drain(10)

    def create_foreign_network(self, subnet: str = "", *, ipam_opt: Mapping[str, str] | None = None) -> DockerNetwork:
        """`docker network create -d macvlan --ipam-driver kuryr`: Kuryr gives out addresses, no more."""
        network = DockerNetwork(new_id())
        version = 6 if ":" in subnet else 4
        try:
            self._request_pool(network, subnet, version, ipam_opt or {}, "", "", {})
        except KuryrError:
            self._release_pools(network)
            raise
        return network

    def take_address(self, network: DockerNetwork, ip: str = "") -> str:
        """A container starts on a network of another driver."""
        address = self._request_address(network.pools[0], ip, None)
        self.addresses.add(ip_interface(address).ip)
        return address

    def return_address(self, network: DockerNetwork, address: str) -> None:
        """A container stops on a network of another driver."""
        self.addresses.discard(ip_interface(address).ip)
        self._release(network.pool_id, address)
        assert self.node.behind.drain(10)

    def remove_network(self, network: DockerNetwork) -> None:
        """`docker network rm`."""
        self.networks.discard(network.id)
        self._release_pools(network)
        self.forgive("NetworkDriver.DeleteNetwork", NetworkID=network.id)

    def sweep(self) -> int:
        """One look at everything."""
        return sum(sweep(self.view()) for sweep in self.sweeps)

    def view(self) -> EngineView:
        """What the engine says of itself."""
        return EngineView(
            frozenset(self.networks),
            frozenset(self.endpoints),
            frozenset(self.addresses),
            labels=self.labels_of_networks,
        )

    def sweep_after_grace(self) -> int:
        """Two looks, as far apart as the grace period."""
        self.sweep()
        self.node.clock.now += GRACE
        return self.sweep()

    def _create(self, id_: str, data: Mapping[str, Any], o: Mapping[str, Any] | None, *, ipv6: bool = False) -> None:
        options = {"com.docker.network.generic": dict(o or {}), "com.docker.network.enable_ipv6": ipv6}
        self.call("NetworkDriver.CreateNetwork", **{"NetworkID": id_, "Options": options, **data})

    def _request_pool(
        self,
        network: DockerNetwork,
        cidr: str,
        version: int,
        ipam_opt: Mapping[str, str],
        gateway: str,
        ip_range: str,
        aux: Mapping[str, str],
    ) -> dict[str, Any]:
        """A pool with its gateway and auxiliary addresses, as CreateNetwork then describes it."""
        body = {"AddressSpace": "KuryrLocal", "Pool": cidr, "SubPool": ip_range, "Options": dict(ipam_opt)}
        reply = self.call("IpamDriver.RequestPool", **body, V6=version == 6)
        pool = Pool(reply["PoolID"], reply["Pool"])
        network.pools.append(pool)
        pool.gateway = self._request_address(pool, gateway, {"RequestAddressType": "com.docker.network.gateway"})
        for address in aux.values():
            pool.aux.append(self._request_address(pool, address, None))
            self.addresses.add(ip_address(address))
        length = pool.cidr.partition("/")[2]
        return {
            "AddressSpace": "KuryrLocal",
            "Pool": pool.cidr,
            "Gateway": pool.gateway,
            "AuxAddresses": {name: f"{address}/{length}" for name, address in aux.items()},
        }

    def _start(
        self,
        network: DockerNetwork,
        endpoint: str,
        addresses: Mapping[int, str],
        mac: str,
        options: Mapping[str, Any] | None,
        exposed: Mapping[str, Any],
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """CreateEndpoint, Join and ProgramExternalConnectivity: the replies of the first two."""
        ids = {"NetworkID": network.id, "EndpointID": endpoint}
        interface = {"Address": addresses[4], "AddressIPv6": addresses[6], "MacAddress": mac}
        reply = self.call("NetworkDriver.CreateEndpoint", **ids, Interface=interface, Options=dict(options or {}))
        outward = {**exposed, **{key: value for key, value in (options or {}).items() if key == PORT_MAP}}
        try:
            joined = self.call("NetworkDriver.Join", **ids, SandboxKey="/x", Options=outward)
            if joined.get("Gateway"):
                self.call("NetworkDriver.ProgramExternalConnectivity", **ids, Options=outward)
        except KuryrError:
            self.forgive("NetworkDriver.DeleteEndpoint", **ids)
            raise
        return reply, joined

    def _request_address(self, pool: Pool, address: str, options: Mapping[str, str] | None) -> str:
        reply = self.call("IpamDriver.RequestAddress", PoolID=pool.id, Address=address, Options=options)
        return str(reply["Address"])

    def _release_pools(self, network: DockerNetwork) -> None:
        for pool in network.pools:
            if pool.id:
                self.addresses -= {ip_interface(each).ip for each in pool.aux}
                for address in filter(None, [pool.gateway, *pool.aux]):
                    self._release(pool.id, address)
                self.forgive("IpamDriver.ReleasePool", PoolID=pool.id)

    def _release(self, pool_id: str, address: str) -> None:
        self.forgive("IpamDriver.ReleaseAddress", PoolID=pool_id, Address=address.partition("/")[0])


def _pool_for(network: DockerNetwork, version: int, wanted: str) -> Pool | None:
    """Where Docker asks for an address: the first pool of a family, or the one that a wanted address lies in."""
    family = [pool for pool in network.pools if pool.version == version]
    fitting = [pool for pool in family if not wanted or _is_in(wanted, pool)]
    return next(iter(fitting or family), None)


def _ranges(ports: Iterable[tuple[int, int]]) -> frozenset[PortRange]:
    return frozenset(PortRange(PROTOCOLS[protocol], n, n) for protocol, n in ports if protocol in PROTOCOLS)


def _is_in(address: str, pool: Pool) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(address) in ip_network(pool.cidr)
    return False


def _wire(value: object) -> object:
    """Msgspec's structs as they are written on the wire."""
    import msgspec  # noqa: PLC0415

    return json.loads(msgspec.json.encode(value))
