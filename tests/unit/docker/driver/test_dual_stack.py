"""Both address families, several subnets, and the IPAM drivers that a Kuryr network may have."""

import re
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, Exhausted, InvalidInput, NotFound
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Site, site, snapshot

FOUR, SIX = "10.5.0.0/24", "fd00:5::/64"


@pytest.fixture
def dual(docker: Docker, neutron: FakeNeutron) -> DockerNetwork:
    network = docker.create_network(FOUR, SIX)
    neutron.calls.clear()
    return network


def calls(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def container_ports(neutron: FakeNeutron) -> list[dict[str, Any]]:
    return [port for port in snapshot(neutron)["port"].values() if port["device_owner"] == "compute:kuryr"]


def addresses(port: dict[str, Any]) -> set[str]:
    return {fixed["ip_address"] for fixed in port["fixed_ips"]}


def dual_site(neutron: FakeNeutron) -> tuple[Site, str]:
    """An existing network with a subnet of either family."""
    blue = site(neutron)
    body = {"network_id": blue.network_id, "cidr": "fd00:1::/64", "ip_version": 6, "name": "sub6"}
    return blue, str(neutron.cloud.create("subnet", [body], neutron.project_id)[0]["id"])


def test_a_dual_stack_network_takes_no_more_requests(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network(FOUR, SIX)
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]
    subnets = {subnet["cidr"]: subnet for subnet in snapshot(neutron)["subnet"].values()}
    assert subnets[SIX]["gateway_ip"] == "fd00:5::1"
    neutron.calls.clear()
    docker.remove_network(network)
    assert calls(neutron) == ["DELETE ports", "DELETE networks"]
    assert not any(snapshot(neutron).values())


def test_a_container_has_one_port_with_both_addresses(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    container = docker.run(dual)
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports", "PUT ports"]
    (port,) = container_ports(neutron)
    told = {container.address.partition("/")[0], container.address_ipv6.partition("/")[0]}
    assert addresses(port) == told
    assert container.joined["Gateway"] == "10.5.0.1"
    assert container.joined["GatewayIPv6"] == "fd00:5::1"
    neutron.calls.clear()
    docker.stop(container)
    assert calls(neutron) == ["DELETE ports"]
    assert container_ports(neutron) == []


@pytest.mark.parametrize(
    ("wanted", "requests"),
    [
        ({"ip": "10.5.0.9"}, ["POST"]),
        ({"ip6": "fd00:5::9"}, ["POST", "PUT"]),
        ({"ip": "10.5.0.9", "ip6": "fd00:5::9"}, ["POST", "PUT"]),
    ],
)
def test_either_address_can_be_chosen(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork, wanted: dict[str, str], requests: list[str]
) -> None:
    docker.run(dual, ip=wanted.get("ip", ""), ip6=wanted.get("ip6", ""))
    assert [call.method for call in neutron.calls] == requests
    (port,) = container_ports(neutron)
    assert set(wanted.values()) <= addresses(port)
    assert len(port["fixed_ips"]) == 2


def test_a_second_address_in_use_leaves_nothing(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    first = docker.run(dual, ip6="fd00:5::9")
    with pytest.raises(Conflict, match="fd00:5::9"):
        docker.run(dual, ip6="fd00:5::9")
    assert docker.node.behind.drain(10)
    (port,) = container_ports(neutron)
    assert first.address.partition("/")[0] in addresses(port)


def test_a_second_address_that_is_asked_for_in_vain_goes_to_nobody_else(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    """Docker gave up between the two questions; the next container starts from the beginning."""
    docker.call("IpamDriver.RequestAddress", PoolID=dual.pools[0].id, Address="", Options=None)
    container = docker.run(dual)
    ports = container_ports(neutron)
    assert len(ports) == 2
    (own,) = [port for port in ports if container.address.partition("/")[0] in addresses(port)]
    assert container.address_ipv6.partition("/")[0] in addresses(own)


def test_after_a_restart_between_the_two_questions_the_container_still_has_one_port(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    ask = "IpamDriver.RequestAddress"
    four = str(docker.call(ask, PoolID=dual.pools[0].id, Address="", Options=None)["Address"])
    docker.restart_driver()
    six = str(docker.call(ask, PoolID=dual.pools[1].id, Address="", Options=None)["Address"])
    docker.call(
        "NetworkDriver.CreateEndpoint",
        NetworkID=dual.id,
        EndpointID="e" * 64,
        Interface={"Address": four, "AddressIPv6": six},
    )
    assert docker.node.behind.drain(10)
    (port,) = [port for port in container_ports(neutron) if four.partition("/")[0] in addresses(port)]
    assert six.partition("/")[0] in addresses(port)


def test_a_port_outlives_the_first_address_that_is_given_back(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    """Otherwise the second could be somebody else's by the time Docker gives it back."""
    container = docker.run(dual)
    docker.call("NetworkDriver.DeleteEndpoint", NetworkID=dual.id, EndpointID=container.id)
    docker.endpoints.discard(container.id)
    (first, address), (second, another) = container.leases
    docker.call("IpamDriver.ReleaseAddress", PoolID=first, Address=address.partition("/")[0])
    assert docker.node.behind.drain(10)
    assert len(container_ports(neutron)) == 1
    docker.call("IpamDriver.ReleaseAddress", PoolID=second, Address=another.partition("/")[0])
    assert docker.node.behind.drain(10)
    assert container_ports(neutron) == []


def test_an_ipv6_only_network(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network(SIX, ipv6=True)
    container = docker.run(network)
    assert (container.address, container.joined.get("Gateway")) == ("", None)
    assert container.joined["GatewayIPv6"] == "fd00:5::1"
    (port,) = container_ports(neutron)
    assert addresses(port) == {container.address_ipv6.partition("/")[0]}
    docker.stop(container)
    docker.remove_network(network)
    assert not any(snapshot(neutron).values())


def test_ipv6_without_a_subnet_for_it_is_refused(docker: Docker, neutron: FakeNeutron) -> None:
    with pytest.raises(InvalidInput, match=re.escape("--ipv6 needs an IPv6 --subnet")):
        docker.create_network(FOUR, ipv6=True)
    assert not any(snapshot(neutron).values())


@pytest.mark.parametrize("aux", ["fd00:5::7", "fd00:5::ffff:ffff:ffff:ffff"])
def test_range_gateway_and_auxiliary_addresses_of_ipv6(docker: Docker, neutron: FakeNeutron, aux: str) -> None:
    docker.create_network(SIX, ipv6=True, gateway="fd00:5::5", ip_range="fd00:5::/124", aux={"x": aux})
    (subnet,) = snapshot(neutron)["subnet"].values()
    assert subnet["gateway_ip"] == "fd00:5::5"
    pools = [(pool["start"], pool["end"]) for pool in subnet["allocation_pools"]]
    assert pools[0] == ("fd00:5::1", "fd00:5::4")
    assert all(not start <= aux <= end for start, end in pools)
    assert pools[-1][1] == "fd00:5::f"


# -- several subnets


def test_a_wanted_address_chooses_the_subnet(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network(FOUR, "10.6.0.0/24")
    container = docker.run(network, ip="10.6.0.9")
    assert container.address == "10.6.0.9/24"
    assert container.joined["Gateway"] == "10.6.0.1"
    assert docker.run(network).address.startswith("10.5.0.")
    docker.stop(container)
    assert len(container_ports(neutron)) == 1


def test_when_the_first_subnet_is_full_the_next_one_serves(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/30", "10.6.0.0/29")
    # The metadata port has the one address of the first subnet that the gateway leaves.
    container = docker.run(network)
    assert re.fullmatch(r"10\.6\.0\.[2-6]/29", container.address)
    docker.stop(container)
    assert container_ports(neutron) == []


def test_when_all_subnets_are_full_it_is_said(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/30", "10.6.0.0/30")
    with pytest.raises(Exhausted, match="No more IP addresses"):
        docker.run(network)
    assert container_ports(neutron) == []


# -- existing networks


def test_an_existing_network_serves_both_families(docker: Docker, neutron: FakeNeutron) -> None:
    blue, _ = dual_site(neutron)
    before = snapshot(neutron)
    network = docker.create_network("10.1.0.0/24", "fd00:1::/64", ipam_opt={"neutron.net.uuid": blue.network_id})
    assert len(neutron.calls) == 3, "what one pool's question found serves the other's, too"
    container = docker.run(network)
    assert container.address_ipv6.startswith("fd00:1::")
    docker.stop(container)
    docker.remove_network(network)
    assert snapshot(neutron) == before


def test_a_docker_network_of_one_family_leaves_the_other_alone(docker: Docker, neutron: FakeNeutron) -> None:
    blue, _ = dual_site(neutron)
    network = docker.create_network("10.1.0.0/24", ipam_opt={"neutron.net.uuid": blue.network_id})
    docker.run(network)
    (port,) = container_ports(neutron)
    assert len(port["fixed_ips"]) == 1


def test_subnets_of_two_networks_cannot_be_one(docker: Docker, neutron: FakeNeutron) -> None:
    blue, _ = dual_site(neutron)
    other = site(neutron, "10.8.0.0/24", name="other")
    before = snapshot(neutron)
    options = {"neutron.net.uuid": other.network_id, "neutron.subnet.v6.name": "sub6"}
    with pytest.raises(NotFound, match="has no IPv6 subnet named 'sub6'"):
        docker.create_network("10.8.0.0/24", "fd00:1::/64", ipam_opt=options)
    assert snapshot(neutron) == before
    assert blue.network_id in before["network"]


# -- no IPAM at all


def test_without_ipam_neutron_chooses_everything(docker: Docker, neutron: FakeNeutron) -> None:
    blue, _ = dual_site(neutron)
    before = snapshot(neutron)
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue"})
    neutron.calls.clear()
    container = docker.run(network)
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports"]
    (port,) = container_ports(neutron)
    assert {container.address, container.address_ipv6} == {
        f"{address}/{64 if ':' in address else 24}" for address in addresses(port)
    }
    assert container.mac == port["mac_address"]
    assert container.joined["Gateway"] == "10.1.0.1"
    docker.stop(container)
    docker.remove_network(network)
    assert snapshot(neutron) == before
    assert blue.network_id in before["network"]


def test_without_ipam_a_subnet_must_be_clear(docker: Docker, neutron: FakeNeutron) -> None:
    blue, _ = dual_site(neutron)
    body = {"network_id": blue.network_id, "cidr": "10.2.0.0/24", "ip_version": 4, "name": "sub2"}
    neutron.cloud.create("subnet", [body], neutron.project_id)
    with pytest.raises(Conflict, match="several IPv4 subnets"):
        docker.create_network_without_ipam(o={"neutron.net.name": "blue"})
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue", "neutron.subnet.name": "sub2"})
    assert docker.run(network).address.startswith("10.2.0.")


def test_a_chosen_mac_address_is_the_ports(docker: Docker, neutron: FakeNeutron) -> None:
    dual_site(neutron)
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue"})
    docker.run(network, mac="02:00:00:00:00:07")
    assert container_ports(neutron)[0]["mac_address"] == "02:00:00:00:00:07"
