"""The parts of engines that make a swarm: who leads it, and who runs its tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.neutron import FakeNeutron
from unit.docker.world import Container, Docker, DockerNetwork, Pool

CIDR = "10.5.0.0/24"


@dataclass
class Manager:
    """The part of an engine that leads the swarm, in swarmkit's order of calls."""

    docker: Docker
    pools: dict[str, str] = field(default_factory=dict)
    """What swarmkit holds in memory: pool ids by network."""

    def allocate(
        self,
        network: str,
        options: Mapping[str, str] | None = None,
        ipam_opt: Mapping[str, str] | None = None,
        gateway: str = "",
    ) -> dict[str, str]:
        """A network comes to this manager: created, or known from before. Returns what the swarm stores."""
        call = self.docker.call
        pool = call("IpamDriver.RequestPool", AddressSpace="KuryrGlobal", Pool=CIDR, Options=ipam_opt)
        asked = {"RequestAddressType": "com.docker.network.gateway", "com.docker.network.ipam.serial": "true"}
        reply = call("IpamDriver.RequestAddress", PoolID=pool["PoolID"], Address=gateway, Options=asked)
        data = {"AddressSpace": "", "Pool": pool["Pool"], "Gateway": reply["Address"]}
        reply = call("NetworkDriver.AllocateNetwork", NetworkID=network, Options=dict(options or {}), IPv4Data=[data])
        self.pools[network] = pool["PoolID"]
        return dict(reply["Options"])

    def address(self, network: str, wanted: str = "") -> str:
        """For a task or a service."""
        options = {"com.docker.network.ipam.serial": "true"}
        body = {"PoolID": self.pools[network], "Address": wanted, "Options": options}
        return str(self.docker.call("IpamDriver.RequestAddress", **body)["Address"]).partition("/")[0]

    def release(self, network: str, address: str) -> None:
        self.docker.call("IpamDriver.ReleaseAddress", PoolID=self.pools[network], Address=address)

    def free(self, network: str) -> None:
        self.docker.call("NetworkDriver.FreeNetwork", NetworkID=network)
        self.release(network, "10.5.0.1")
        self.docker.call("IpamDriver.ReleasePool", PoolID=self.pools.pop(network))


@dataclass
class Worker:
    """The part of an engine that runs tasks."""

    docker: Docker
    pool: str = ""

    def use(self, network: str, options: Mapping[str, str]) -> None:
        """The network's first task comes."""
        call = self.docker.call
        self.pool = call("IpamDriver.RequestPool", AddressSpace="KuryrLocal", Pool=CIDR, Options=None)["PoolID"]
        asked = {"RequestAddressType": "com.docker.network.gateway"}
        call("IpamDriver.RequestAddress", PoolID=self.pool, Address="10.5.0.1", Options=asked)
        data = {"AddressSpace": "KuryrLocal", "Pool": CIDR, "Gateway": "10.5.0.1/24"}
        generic = {"com.docker.network.generic": dict(options), "com.docker.network.enable_ipv6": False}
        call("NetworkDriver.CreateNetwork", NetworkID=network, Options=generic, IPv4Data=[data], IPv6Data=[])

    def run(self, network: str, address: str) -> Container:
        """A task starts, with the address that the manager has got for it."""
        joined = DockerNetwork(network, [Pool(self.pool, CIDR)])
        return self.docker.run(joined, ip=address)

    def leave(self, network: str) -> None:
        """Its last task has gone."""
        self.docker.call("IpamDriver.ReleaseAddress", PoolID=self.pool, Address="10.5.0.1")
        self.docker.call("IpamDriver.ReleasePool", PoolID=self.pool)
        self.docker.forgive("NetworkDriver.DeleteNetwork", NetworkID=network)


def kuryrs(neutron: FakeNeutron) -> list[dict[str, Any]]:
    return [port for port in of_kind(neutron, "port") if port["description"].startswith("kuryr:")]


def of_kind(neutron: FakeNeutron, kind: str) -> list[dict[str, Any]]:
    return list(neutron.cloud.resources[kind].values())


def settled(engine: Docker) -> None:
    assert engine.node.behind.drain(10)
