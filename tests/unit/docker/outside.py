"""The outside: an external network with the tenant's router to it, and what is published there."""

from collections.abc import Mapping
from typing import Any

from fakes.neutron import FakeNeutron
from unit.docker.world import Container, Docker, DockerNetwork
from unit.host.node import Site, site, snapshot

CIDR = "10.5.0.0/24"


ROUTED = {"neutron.router.name": "edge"}


class Outside:
    """An external network, and the tenant's router to it."""

    def __init__(self, neutron: FakeNeutron) -> None:
        self.neutron = neutron
        cloud = neutron.cloud
        (network,) = cloud.create("network", [{"name": "public", "router:external": True}], "admin")
        self.id = str(network["id"])
        body = {"network_id": self.id, "cidr": "203.0.113.0/24", "ip_version": 4, "enable_dhcp": False}
        cloud.create("subnet", [body], "admin")
        gateway = {"network_id": self.id}
        (router,) = cloud.create("router", [{"name": "edge", "external_gateway_info": gateway}], neutron.project_id)
        self.router = str(router["id"])

    def floating_ip(self, project: str = "") -> dict[str, Any]:
        """A free floating IP that the tenant has."""
        body = {"floating_network_id": self.id, "description": "mine"}
        (made,) = self.neutron.cloud.create("floatingip", [body], project or self.neutron.project_id)
        return dict(made)


def published(*ports: tuple[int, int] | tuple[int, int, int], proto: int = 6) -> Mapping[str, Any]:
    """What Docker says for `-p <outer>:<inner>`, or `-p <first>-<last>:<inner>`; 0 for a port of any number."""
    entries = [
        {"Proto": proto, "IP": "", "Port": inner, "HostIP": "", "HostPort": outer, "HostPortEnd": (*last, outer)[0]}
        for outer, inner, *last in ports
    ]
    return {"com.docker.network.portmap": entries}


def forwarding(docker: Docker, **more: str) -> DockerNetwork:
    """A network whose ports are forwarded."""
    return docker.create_network(CIDR, o={**ROUTED, "kuryr.publish": "forwarding", **more})


def floating_ips(neutron: FakeNeutron) -> dict[str, dict[str, Any]]:
    """All there are, by id."""
    return snapshot(neutron).get("floatingip", {})


def forwarded(neutron: FakeNeutron) -> dict[tuple[str, int], tuple[str, int]]:
    """Outer ports, and where they lead."""
    made = snapshot(neutron).get("port_forwarding", {}).values()
    return {
        (each["protocol"], each["external_port"]): (each["internal_ip_address"], each["internal_port"]) for each in made
    }


def calls(neutron: FakeNeutron) -> list[str]:
    made = [
        f"{call.method} {call.path.strip('/').split('/')[-1 if call.method == 'POST' else 0]}" for call in neutron.calls
    ]
    neutron.calls.clear()
    return made


def attached(neutron: FakeNeutron) -> list[str]:
    """The addresses that routers have in tenants' networks."""
    ports = snapshot(neutron)["port"].values()
    return [port["fixed_ips"][0]["ip_address"] for port in ports if port["device_owner"] == "network:router_interface"]


def address(container: Container) -> str:
    return container.address.partition("/")[0]


def routed_site(neutron: FakeNeutron, outside: Outside) -> Site:
    """An existing network on the tenant's router."""
    blue = site(neutron)
    route(outside, blue)
    return blue


def route(outside: Outside, place: Site) -> None:
    """Attach an existing network to the tenant's router."""
    body = {
        "network_id": place.network_id,
        "device_owner": "network:router_interface",
        "device_id": outside.router,
        "fixed_ips": [{"subnet_id": place.subnet_id, "ip_address": str(place[1])}],
    }
    outside.neutron.cloud.create("port", [body], outside.neutron.project_id)


def program(docker: Docker, container: Container, options: Mapping[str, Any]) -> None:
    ids = {"NetworkID": container.network.id, "EndpointID": container.id}
    docker.call("NetworkDriver.ProgramExternalConnectivity", **ids, Options=dict(options))


def revoke(docker: Docker, container: Container) -> None:
    docker.call("NetworkDriver.RevokeExternalConnectivity", NetworkID=container.network.id, EndpointID=container.id)
