"""An engine as far as Kuryr can see it: libnetwork's order of calls and its roll-backs, on an in-memory host and cloud.

The order is the one recorded of real engines (moby 20.10 to 29): an address is released when its endpoint could not
be made, a pool when its network could not; what fails on the way out is ignored.
"""

import contextlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from kuryr.docker import messages
from kuryr.docker.driver import Driver
from kuryr.docker.ipam_driver import IpamDriver
from kuryr.docker.methods import INSTANT, METHODS
from kuryr.docker.network_driver import NetworkDriver
from kuryr.docker.pools import PendingPools
from kuryr.errors import KuryrError
from unit.host.node import Node

_NUMBERS = itertools.count(1)


def new_id() -> str:
    """An id as Docker makes them: 64 hexadecimal digits, here with the difference in front."""
    return f"{next(_NUMBERS):08x}" + "d" * 56


@dataclass
class DockerNetwork:
    """What Docker stores of a network."""

    id: str
    pool_id: str
    pool: str
    gateway: str
    aux: list[str] = field(default_factory=list)


@dataclass
class Container:
    """What Docker stores of an endpoint."""

    network: DockerNetwork
    id: str
    address: str
    mac: str
    joined: Mapping[str, Any]


class Docker:
    """The engine of one host. `restart_driver` kills Kuryr, not the engine."""

    def __init__(self, node: Node) -> None:
        self.networks: set[str] = set()
        self.endpoints: set[str] = set()
        self.start_driver(node)

    def start_driver(self, node: Node) -> None:
        """A new Kuryr process."""
        self.node = node
        self.pending = PendingPools(patience=0, clock=node.clock)
        parts = (node.topology, node.networks, node.endpoints, self.pending)
        self.driver = cast("Driver", SimpleNamespace(network=NetworkDriver(*parts), ipam=IpamDriver(*parts)))

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
        subnet: str = "",
        *,
        o: Mapping[str, Any] | None = None,
        ipam_opt: Mapping[str, str] | None = None,
        gateway: str = "",
        ip_range: str = "",
        aux: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> DockerNetwork:
        """`docker network create -d kuryr --ipam-driver kuryr …`."""
        self.call("IpamDriver.GetDefaultAddressSpaces")
        pool = self.call(
            "IpamDriver.RequestPool",
            AddressSpace="KuryrLocal",
            Pool=subnet,
            SubPool=ip_range,
            Options=dict(ipam_opt or {}),
            V6=False,
        )
        network = DockerNetwork(new_id(), pool["PoolID"], pool["Pool"], "")
        try:
            options = {"RequestAddressType": "com.docker.network.gateway"}
            network.gateway = self._request_address(network, gateway, options)
            for address in (aux or {}).values():
                network.aux.append(self._request_address(network, address, None))
            length = network.pool.partition("/")[2]
            data = {
                "AddressSpace": "KuryrLocal",
                "Pool": network.pool,
                "Gateway": network.gateway,
                "AuxAddresses": {name: f"{address}/{length}" for name, address in (aux or {}).items()},
            }
            self._create(network.id, data, o, more)
        except KuryrError:
            self._release_pool(network)
            raise
        self.networks.add(network.id)
        return network

    def create_network_with_own_ipam(
        self, subnet: str = "172.18.0.0/16", *, gateway: str = "172.18.0.1", o: Mapping[str, Any] | None = None
    ) -> DockerNetwork:
        """`docker network create -d kuryr`: Docker gives out pool and gateway."""
        length = subnet.partition("/")[2]
        network = DockerNetwork(new_id(), "", subnet, f"{gateway}/{length}")
        self._create(network.id, {"AddressSpace": "LocalDefault", "Pool": subnet, "Gateway": network.gateway}, o, None)
        self.networks.add(network.id)
        return network

    def run(
        self,
        network: DockerNetwork,
        *,
        ip: str = "",
        mac: str = "",
        options: Mapping[str, Any] | None = None,
        own_ipam: bool = False,
    ) -> Container:
        """`docker run`, with the roll-back of 20.10 when a step fails."""
        length = network.pool.partition("/")[2]
        address = f"{ip}/{length}" if own_ipam else self._request_address(network, ip, None)
        endpoint = new_id()
        try:
            interface = {"Address": address, "AddressIPv6": "", "MacAddress": mac}
            reply = self.call(
                "NetworkDriver.CreateEndpoint",
                NetworkID=network.id,
                EndpointID=endpoint,
                Interface=interface,
                Options=dict(options or {}),
            )
            try:
                joined = self.call(
                    "NetworkDriver.Join", NetworkID=network.id, EndpointID=endpoint, SandboxKey="/x", Options={}
                )
            except KuryrError:
                self.forgive("NetworkDriver.DeleteEndpoint", NetworkID=network.id, EndpointID=endpoint)
                raise
        except KuryrError:
            if not own_ipam:
                self._release(network, address)
            raise
        self.endpoints.add(endpoint)
        self.call("NetworkDriver.EndpointOperInfo", NetworkID=network.id, EndpointID=endpoint)
        return Container(network, endpoint, address, reply["Interface"].get("MacAddress", mac), joined)

    def stop(self, container: Container, *, own_ipam: bool = False) -> None:
        """`docker stop`; none of it may fail, as far as Docker cares."""
        ids = {"NetworkID": container.network.id, "EndpointID": container.id}
        self.endpoints.discard(container.id)
        self.call("NetworkDriver.RevokeExternalConnectivity", **ids)
        self.call("NetworkDriver.Leave", **ids)
        self.forgive("NetworkDriver.DeleteEndpoint", **ids)
        if not own_ipam:
            self._release(container.network, container.address)
        assert self.node.behind.drain(10)

    def remove_network(self, network: DockerNetwork, *, own_ipam: bool = False) -> None:
        """`docker network rm`."""
        self.networks.discard(network.id)
        if not own_ipam:
            self._release_pool(network)
        self.forgive("NetworkDriver.DeleteNetwork", NetworkID=network.id)

    def sweep(self) -> int:
        """One look at everything."""
        node = self.node
        return node.networks.sweep(self.networks, node.suspects) + node.reconciler.sweep(self.endpoints)

    def sweep_after_grace(self) -> int:
        """Two looks, as far apart as the grace period."""
        self.sweep()
        self.node.clock.now += 60
        return self.sweep()

    def _create(
        self, id_: str, data: Mapping[str, Any], o: Mapping[str, Any] | None, more: Mapping[str, Any] | None
    ) -> None:
        options = {"com.docker.network.generic": dict(o or {}), "com.docker.network.enable_ipv6": False}
        body = {"NetworkID": id_, "Options": options, "IPv4Data": [data], "IPv6Data": []}
        self.call("NetworkDriver.CreateNetwork", **{**body, **(more or {})})

    def _request_address(self, network: DockerNetwork, address: str, options: Mapping[str, str] | None) -> str:
        reply = self.call("IpamDriver.RequestAddress", PoolID=network.pool_id, Address=address, Options=options)
        return str(reply["Address"])

    def _release_pool(self, network: DockerNetwork) -> None:
        for address in filter(None, [network.gateway, *network.aux]):
            self._release(network, address)
        self.forgive("IpamDriver.ReleasePool", PoolID=network.pool_id)

    def _release(self, network: DockerNetwork, address: str) -> None:
        self.forgive("IpamDriver.ReleaseAddress", PoolID=network.pool_id, Address=address.partition("/")[0])


def _wire(value: object) -> object:
    """Msgspec's structs as they are written on the wire."""
    import msgspec  # noqa: PLC0415

    return json.loads(msgspec.json.encode(value))
