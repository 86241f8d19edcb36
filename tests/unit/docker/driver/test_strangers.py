"""What others have in the cloud never matters, and is never touched: ports, subnets, routes."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict
from unit.docker.world import Docker
from unit.host.node import Site, site, snapshot


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    """An existing network."""
    return site(neutron)


@pytest.fixture
def machine(neutron: FakeNeutron, blue: Site) -> dict[str, Any]:
    """A virtual machine's port on it."""
    body = {
        "network_id": blue.network_id,
        "device_owner": "compute:nova",
        "device_id": "a-machine",
        "binding:host_id": "elsewhere",
        "mac_address": "fa:16:3e:00:00:01",
        "fixed_ips": [{"subnet_id": blue.subnet_id, "ip_address": str(blue[77])}],
    }
    return neutron.cloud.create("port", [body], neutron.project_id)[0]


@pytest.mark.parametrize(
    ("ip", "mac"), [("10.1.0.77", ""), ("", "fa:16:3e:00:00:01"), ("10.1.0.77", "fa:16:3e:00:00:01")]
)
def test_a_machines_port_is_neither_taken_nor_harmed_whoever_asks_for_its_addresses(
    docker: Docker, neutron: FakeNeutron, blue: Site, machine: dict[str, Any], ip: str, mac: str
) -> None:
    """The engine gives back what it was refused; that must not unbind the machine's port either."""
    network = docker.create_network(ipam_opt={"neutron.net.uuid": blue.network_id})
    before = snapshot(neutron)
    with pytest.raises(Conflict):
        docker.run(network, ip=ip, mac=mac)
    assert docker.node.behind.drain(10)
    docker.sweep_after_grace()
    assert snapshot(neutron) == before


def test_a_strangers_subnet_with_the_same_cidr_and_another_gateway_is_no_conflict(
    docker: Docker, neutron: FakeNeutron
) -> None:
    theirs = site(neutron, "10.5.0.0/24", project_id="stranger", shared=True)
    neutron.cloud.resources["subnet"][theirs.subnet_id]["gateway_ip"] = "10.5.0.99"
    before = snapshot(neutron)
    network = docker.create_network("10.5.0.0/24", gateway="10.5.0.254")
    container = docker.run(network)
    assert container.joined["Gateway"] == "10.5.0.254"
    docker.stop(container)
    docker.remove_network(network)
    assert snapshot(neutron) == before


def test_routes_of_a_subnet_that_the_container_is_not_in_are_not_told(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    body = {
        "network_id": blue.network_id,
        "cidr": "10.2.0.0/24",
        "ip_version": 4,
        "host_routes": [{"destination": "10.99.0.0/16", "nexthop": "10.2.0.9"}],
    }
    neutron.cloud.create("subnet", [body], neutron.project_id)
    network = docker.create_network(ipam_opt={"neutron.subnet.uuid": blue.subnet_id})
    assert docker.run(network).joined["StaticRoutes"] == []


def test_the_last_docker_network_on_a_subnet_works_on_when_another_is_removed(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    named = {"neutron.subnet.uuid": blue.subnet_id}
    one, two = docker.create_network(ipam_opt=named), docker.create_network(ipam_opt=named)
    docker.remove_network(one)
    docker.restart_driver()
    container = docker.run(two)
    assert IPv4Address(container.address.partition("/")[0]) in blue.cidr
