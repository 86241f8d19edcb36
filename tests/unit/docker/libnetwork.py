"""What kuryr-libnetwork 18 leaves in Neutron, as recorded of the real one by `tests/system/test_upgrade.py`."""

import itertools
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from fakes.neutron import FakeNeutron
from kuryr.docker.engine import Outlook
from unit.docker.world import Container, Docker, DockerNetwork, Pool, new_id
from unit.host.node import Site

_ADDRESSES = itertools.count(20)


def tags_of(identifier: str) -> list[str]:
    """By which it knows one of Docker's networks or endpoints again."""
    return [f"kuryr.net.uuid.lh:{identifier[:32]}", f"kuryr.net.uuid.uh:{identifier[32:]}"]


@dataclass
class Libnetwork:
    """kuryr-libnetwork of one host, which has done its work and is gone."""

    neutron: FakeNeutron
    docker: Docker
    host: str = "h1"

    def create_network(self, cidr: str = "10.81.0.0/24", *, project_id: str = "") -> DockerNetwork:
        """`docker network create -d kuryr --subnet …`."""
        project = project_id or self.neutron.project_id
        network = DockerNetwork(new_id())
        pool = self._make("subnetpool", project, name=f"kuryrPool-{cidr}", prefixes=[cidr])
        made = self._make("network", project, name=f"kuryr-net-{network.id[:8]}")
        subnet = self._make(
            "subnet", project, name=f"kuryr-subnet-{cidr}", network_id=made["id"], cidr=cidr, ip_version=4,
            subnetpool_id=pool["id"],
        )  # fmt: skip
        self.neutron.cloud.tag("network", made["id"], tags_of(network.id))
        return self._known(network, subnet, pool)

    def adopt(self, site: Site) -> DockerNetwork:
        """`docker network create -d kuryr -o neutron.net.uuid=… --subnet …`."""
        network, cidr = DockerNetwork(new_id()), str(site.cidr)
        pool = self._make("subnetpool", self.neutron.project_id, name=f"kuryrPool-{cidr}", prefixes=[cidr])
        tags = [*tags_of(network.id), f"kuryr.net.existing:{network.id[:12]}"]
        self.neutron.cloud.tag("network", site.network_id, tags)
        return self._known(network, self.neutron.cloud.get("subnet", site.subnet_id), pool)

    def run(self, network: DockerNetwork, *, existing: str = "") -> Container:
        """`docker run`; with the `--ip` of an existing port that one is used."""
        cloud, endpoint = self.neutron.cloud, new_id()
        port = cloud.get("port", existing) if existing else self._reserve(network)
        bound = {"device_owner": "compute:kuryr", "device_id": endpoint, "binding:host_id": self.host}
        cloud.update("port", port["id"], bound)
        cloud.tag("port", port["id"], ["kuryr.port.existing" if existing else "compute:kuryr", *tags_of(endpoint)])
        if self.host == "h1":
            self.docker.endpoints.add(endpoint)
            self.docker.told[endpoint] = Outlook(network.id)
        address = port["fixed_ips"][0]["ip_address"]
        return Container(network, endpoint, f"{address}/24", "", port["mac_address"], {}, [(network.pool_id, address)])

    def _reserve(self, network: DockerNetwork) -> dict[str, Any]:
        cloud = self.neutron.cloud
        (subnet,) = (each for each in cloud.where("subnet", cidr=network.pool) if network.pool_id in each["tags"])
        address = str(ip_network(network.pool)[next(_ADDRESSES)])
        return self._make(
            "port",
            str(cloud.get("network", subnet["network_id"])["project_id"]),
            name="kuryr-unbound-port",
            network_id=subnet["network_id"],
            fixed_ips=[{"subnet_id": subnet["id"], "ip_address": address}],
        )

    def port_of(self, container: Container) -> dict[str, Any]:
        """The port of a container, as it is now."""
        (port,) = self.neutron.cloud.where("port", device_id=container.id)
        return port

    def _known(self, network: DockerNetwork, subnet: Any, pool: Any) -> DockerNetwork:
        self.neutron.cloud.tag("subnet", subnet["id"], [pool["id"]])
        network.pools.append(Pool(pool["id"], subnet["cidr"], subnet["gateway_ip"]))
        if self.host == "h1":
            self.docker.networks.add(network.id)
        return network

    def _make(self, kind: str, project_id: str, **body: Any) -> dict[str, Any]:
        return self.neutron.cloud.create(kind, [body], project_id)[0]
