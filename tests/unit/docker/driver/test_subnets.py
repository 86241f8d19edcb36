"""What a network's subnets are: gateways, host routes, ranges, auxiliary addresses; made, and of those that exist."""

from ipaddress import IPv4Interface, IPv4Network
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import InvalidInput
from unit.docker.existing import option, the_subnet
from unit.docker.world import Docker
from unit.host.node import site, snapshot


@pytest.mark.parametrize(("wanted", "got"), [("", "10.5.0.1"), ("10.5.0.254", "10.5.0.254")])
def test_a_new_subnet_has_the_wanted_gateway_or_the_first_address(
    docker: Docker, neutron: FakeNeutron, wanted: str, got: str
) -> None:
    network = docker.create_network("10.5.0.0/24", gateway=wanted)
    assert network.gateway == f"{got}/24"
    assert the_subnet(neutron)["gateway_ip"] == got
    assert docker.run(network).joined["Gateway"] == got


@pytest.mark.parametrize("gateway", ["10.6.0.1", "10.5.0.0", "10.5.0.255", "nonsense", "fd00::1"])
def test_an_impossible_gateway_is_refused(docker: Docker, neutron: FakeNeutron, gateway: str) -> None:
    with pytest.raises(InvalidInput, match="--gateway"):
        docker.create_network("10.5.0.0/24", gateway=gateway)
    assert snapshot(neutron)["network"] == {}


def test_an_existing_subnets_own_gateway_is_told(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    neutron.cloud.resources["subnet"][blue.subnet_id]["gateway_ip"] = "10.1.0.254"
    network = docker.create_network(ipam_opt=option("neutron.subnet.uuid", blue))
    assert network.gateway == "10.1.0.254/24"
    assert docker.run(network).joined["Gateway"] == "10.1.0.254"


@pytest.mark.parametrize("by_ipam_opt", [True, False])
def test_another_gateway_than_the_existing_one_is_refused(
    docker: Docker, neutron: FakeNeutron, by_ipam_opt: bool
) -> None:
    blue = site(neutron)
    neutron.cloud.resources["subnet"][blue.subnet_id]["gateway_ip"] = "10.1.0.254"
    before = snapshot(neutron)
    named = option("neutron.subnet.uuid", blue)

    def create() -> None:
        if by_ipam_opt:
            docker.create_network(ipam_opt=named, gateway="10.1.0.9")
        else:
            docker.create_network("10.1.0.0/24", o=named)

    with pytest.raises(InvalidInput, match=r"has gateway 10\.1\.0\.254.*give --gateway 10\.1\.0\.254"):
        create()
    assert snapshot(neutron) == before
    docker.create_network("10.1.0.0/24", o=named, gateway="10.1.0.254")


def test_a_subnet_without_a_gateway_gives_containers_none(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    neutron.cloud.resources["subnet"][blue.subnet_id]["gateway_ip"] = None
    with pytest.raises(InvalidInput, match=r"no gateway.*--ipam-opt instead of -o"):
        docker.create_network("10.1.0.0/24", o=option("neutron.subnet.uuid", blue))
    network = docker.create_network(ipam_opt=option("neutron.subnet.uuid", blue))
    joined = docker.run(network).joined
    assert "Gateway" not in joined
    assert joined["DisableGatewayService"] is True


def test_host_routes_of_a_subnet_reach_the_container(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    routes = [{"destination": "10.99.0.0/16", "nexthop": "10.1.0.9"}]
    neutron.cloud.resources["subnet"][blue.subnet_id]["host_routes"] = routes
    network = docker.create_network(ipam_opt=option("neutron.subnet.uuid", blue))
    assert docker.run(network).joined["StaticRoutes"] == [
        {"Destination": "10.99.0.0/16", "RouteType": 0, "NextHop": "10.1.0.9"}
    ]


def test_host_routes_of_other_subnets_do_not(docker: Docker, neutron: FakeNeutron) -> None:
    """B12 of the driver before: it pushed the routes of whole networks."""
    blue = site(neutron)
    other = {"network_id": blue.network_id, "cidr": "10.2.0.0/24", "ip_version": 4}
    other["host_routes"] = [{"destination": "10.98.0.0/16", "nexthop": "10.2.0.9"}]
    neutron.cloud.create("subnet", [other], neutron.project_id)
    network = docker.create_network(ipam_opt=option("neutron.subnet.uuid", blue))
    assert docker.run(network).joined["StaticRoutes"] == []


def pools(neutron: FakeNeutron) -> list[str]:
    return [f"{pool['start']}-{pool['end']}" for pool in the_subnet(neutron)["allocation_pools"]]


def test_an_ip_range_is_where_containers_get_their_addresses(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24", ip_range="10.5.0.128/25")
    assert pools(neutron) == ["10.5.0.128-10.5.0.254"]
    assert IPv4Interface(docker.run(network).address).ip in IPv4Network("10.5.0.128/25")
    assert docker.run(network, ip="10.5.0.9").address == "10.5.0.9/24"


def test_a_range_leaves_out_gateway_and_auxiliary_addresses(docker: Docker, neutron: FakeNeutron) -> None:
    docker.create_network(
        "10.5.0.0/24", ip_range="10.5.0.0/28", gateway="10.5.0.5", aux={"one": "10.5.0.1", "far": "10.5.0.200"}
    )
    assert pools(neutron) == ["10.5.0.2-10.5.0.4", "10.5.0.6-10.5.0.15"]


def test_auxiliary_addresses_are_never_given_out(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/29", aux={"router": "10.5.0.2", "printer": "10.5.0.4"})
    assert pools(neutron) == ["10.5.0.3-10.5.0.3", "10.5.0.5-10.5.0.6"]
    before = snapshot(neutron)
    docker.remove_network(network)
    assert before["network"]
    assert snapshot(neutron)["network"] == {}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ip_range": "10.6.0.0/25"}, "--ip-range 10.6.0.0/25 is outside of --subnet"),
        ({"ip_range": "10.0.0.0/8"}, "--ip-range 10.0.0.0/8 is outside of --subnet"),
        ({"ip_range": "10.5.0.1/25"}, "host bits set .did you mean 10.5.0.0/25"),
        ({"ip_range": "10.5.0.1"}, "no prefix length"),
        ({"ip_range": "10.5.0.1/32"}, "no address is left"),
        ({"ip_range": "10.5.0.0/32"}, "no address is left"),
        ({"aux": {"x": "10.6.0.1"}}, "address 10.6.0.1 is outside of"),
        ({"aux": {"x": "nonsense"}}, "not an address"),
    ],
)
def test_impossible_ranges_and_addresses_are_refused(
    docker: Docker, neutron: FakeNeutron, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        docker.create_network("10.5.0.0/24", **more)
    assert snapshot(neutron)["network"] == {}
    docker.create_network("10.5.0.0/24")


@pytest.mark.parametrize("subnet", ["10.5.0.1/24", "10.5.0.0", "nonsense", "fd00::1/64", "10.5.0.0/33"])
def test_an_impossible_subnet_is_refused_before_anything_is_asked(
    docker: Docker, neutron: FakeNeutron, subnet: str
) -> None:
    with pytest.raises(InvalidInput, match="--subnet"):
        docker.create_network(subnet)
    assert neutron.calls == []


def test_a_range_on_an_existing_subnet_must_be_one_of_its_pools(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    neutron.cloud.resources["subnet"][blue.subnet_id]["allocation_pools"] = [
        {"start": "10.1.0.128", "end": "10.1.0.254"}
    ]
    named = option("neutron.subnet.uuid", blue)
    with pytest.raises(InvalidInput, match=r"not an allocation pool.*its pools are 10\.1\.0\.128-10\.1\.0\.254"):
        docker.create_network(ipam_opt=named, ip_range="10.1.0.0/25")
    with pytest.raises(InvalidInput, match="not an allocation pool"):
        docker.create_network("10.1.0.0/24", o=named, ip_range="10.1.0.0/25")
    docker.create_network(ipam_opt=named, ip_range="10.1.0.128/25")


def test_an_auxiliary_address_on_a_subnet_named_by_o_must_lie_outside_of_its_pools(
    docker: Docker, neutron: FakeNeutron
) -> None:
    """The IPAM driver was not told that the subnet exists, so it has not kept the address."""
    blue = site(neutron)
    named = option("neutron.subnet.uuid", blue)
    with pytest.raises(InvalidInput, match="in an allocation pool of the existing subnet"):
        docker.create_network("10.1.0.0/24", o=named, aux={"x": "10.1.0.9"})
    neutron.cloud.resources["subnet"][blue.subnet_id]["allocation_pools"] = [
        {"start": "10.1.0.128", "end": "10.1.0.254"}
    ]
    docker.create_network("10.1.0.0/24", o=named, aux={"x": "10.1.0.9"})
