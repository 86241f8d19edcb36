"""`docker network create` and `rm` in all their forms: what reaches Neutron, in how many requests, what is refused."""

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import CloudError, Conflict, InvalidInput, KuryrError, NotFound
from unit.docker.world import Docker
from unit.host.node import MARK, Site, fail_call, site, snapshot


def calls(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def the_subnet(neutron: FakeNeutron) -> Mapping[str, Any]:
    """The one subnet in the cloud."""
    (subnet,) = snapshot(neutron)["subnet"].values()
    return dict(subnet)


def option(by: str, blue: Site) -> dict[str, str]:
    return {
        by: {
            "neutron.net.uuid": blue.network_id,
            "neutron.net.name": "blue",
            "neutron.subnet.uuid": blue.subnet_id,
            "neutron.subnet.name": "sub",
        }[by]
    }


def look_ups(by: str) -> int:
    """Requests by which an existing network is found: one more when only its subnet is named."""
    return 3 if "subnet" in by else 2


ALL_NAMES = ["neutron.net.uuid", "neutron.net.name", "neutron.subnet.uuid", "neutron.subnet.name"]


def test_creating_takes_three_requests_and_removing_two(docker: Docker, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    network = docker.create_network("10.5.0.0/24")
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]
    neutron.calls.clear()
    docker.remove_network(network)
    assert calls(neutron) == ["DELETE ports", "DELETE networks"]
    assert snapshot(neutron) == before


@pytest.mark.parametrize("by", ALL_NAMES)
def test_adopting_takes_three_requests_and_removing_one(docker: Docker, neutron: FakeNeutron, by: str) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    network = docker.create_network(ipam_opt=option(by, blue))
    assert [call.split()[0] for call in calls(neutron)] == ["GET"] * look_ups(by) + ["POST"]
    assert (network.pool, network.gateway) == ("10.1.0.0/24", "10.1.0.1/24")
    neutron.calls.clear()
    docker.remove_network(network)
    assert calls(neutron) == ["DELETE ports"]
    assert snapshot(neutron) == before


@pytest.mark.parametrize("by", ALL_NAMES)
def test_adopting_by_a_network_option_takes_a_subnet_too(docker: Docker, neutron: FakeNeutron, by: str) -> None:
    blue = site(neutron)
    with pytest.raises(InvalidInput, match=r"no IPv4 --subnet is given.*--ipam-opt neutron\.subnet\.uuid"):
        docker.create_network(o=option(by, blue))
    neutron.calls.clear()
    docker.create_network("10.1.0.0/24", o=option(by, blue))
    assert len(neutron.calls) == look_ups(by) + 1
    assert len(snapshot(neutron)["network"]) == 1


@pytest.mark.parametrize("by", ALL_NAMES)
def test_both_options_may_say_the_same(docker: Docker, neutron: FakeNeutron, by: str) -> None:
    blue = site(neutron)
    docker.create_network("10.1.0.0/24", o=option(by, blue), ipam_opt=option(by, blue))
    assert len(neutron.calls) == look_ups(by) + 1


def test_both_options_may_say_the_same_in_different_words(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    docker.create_network(o=option("neutron.net.name", blue), ipam_opt=option("neutron.subnet.uuid", blue))
    assert len(snapshot(neutron)["network"]) == 1


@pytest.mark.parametrize(
    ("o", "ipam_opt", "error", "words"),
    [
        (
            {"neutron.net.name": "blue"},
            {"neutron.net.name": "green"},
            InvalidInput,
            "two different ones: blue and green",
        ),
        (
            {"neutron.subnet.name": "subgreen"},
            {"neutron.net.name": "blue"},
            NotFound,
            "has no IPv4 subnet named 'subgreen'",
        ),
        ({"neutron.net.name": "nowhere"}, None, NotFound, "no Neutron network named 'nowhere'"),
        (None, {"neutron.net.name": "nowhere"}, NotFound, "no Neutron network named 'nowhere'"),
        (
            {"neutron.net.nmae": "blue"},
            None,
            InvalidInput,
            r"no option neutron\.net\.nmae \(did you mean neutron\.net\.name",
        ),
        (None, {"kuryr.speed": "fast"}, InvalidInput, r"no option kuryr\.speed"),
        (
            {"neutron.net.uuid": ""},
            None,
            InvalidInput,
            r"option neutron\.net\.uuid= cannot be used \(it should be a UUID",
        ),
        ({"neutron.net.uuid": "blue"}, None, InvalidInput, r"option neutron\.net\.uuid=blue cannot be used"),
        ({"neutron.net.name": " "}, None, InvalidInput, r"option neutron\.net\.name=  ?cannot be used"),
        ({"neutron.net.uuid": ["x"]}, None, InvalidInput, r"option neutron\.net\.uuid"),
    ],
)
def test_contradictions_and_typing_errors_are_refused_and_change_nothing(
    docker: Docker,
    neutron: FakeNeutron,
    o: dict[str, Any] | None,
    ipam_opt: dict[str, str] | None,
    error: type[KuryrError],
    words: str,
) -> None:
    site(neutron)
    green = site(neutron, "10.1.0.0/24", name="green")
    neutron.cloud.resources["subnet"][green.subnet_id]["name"] = "subgreen"
    before = snapshot(neutron)
    with pytest.raises(error, match=words) as failure:
        docker.create_network("10.1.0.0/24", o=o, ipam_opt=ipam_opt)
    assert "\n" not in str(failure.value)
    assert snapshot(neutron) == before
    # Nothing is pending either: the right command works at once.
    docker.create_network("10.1.0.0/24", o={"neutron.net.name": "blue"})


def test_a_subnet_name_that_means_another_one_in_the_named_network_is_refused(
    docker: Docker, neutron: FakeNeutron
) -> None:
    """Alone, the name means this project's subnet; together with the network it would mean the other."""
    site(neutron)
    shared = site(neutron, name="common", project_id="stranger", shared=True)
    before = snapshot(neutron)
    with pytest.raises(InvalidInput, match="-o and --ipam-opt name two different subnets"):
        docker.create_network(o=option("neutron.net.uuid", shared), ipam_opt={"neutron.subnet.name": "sub"})
    assert snapshot(neutron) == before


def test_options_of_others_are_left_alone(docker: Docker, neutron: FakeNeutron) -> None:
    docker.create_network("10.5.0.0/24", o={"com.example.color": "red"}, ipam_opt={"vendor": "x"})


@pytest.mark.parametrize("generic", [["x"], "text", 7])
def test_options_that_are_no_options_are_refused(docker: Docker, generic: object) -> None:
    with pytest.raises(InvalidInput):
        docker.create_network("10.5.0.0/24", more={"Options": {"com.docker.network.generic": generic}})


def test_networks_of_other_projects_are_invisible_and_shared_ones_are_not(docker: Docker, neutron: FakeNeutron) -> None:
    theirs = site(neutron, project_id="stranger")
    with pytest.raises(NotFound, match="visible to this project"):
        docker.create_network(ipam_opt=option("neutron.net.uuid", theirs))
    neutron.cloud.resources["network"][theirs.network_id]["shared"] = True
    before = snapshot(neutron)
    network = docker.create_network(ipam_opt=option("neutron.net.uuid", theirs))
    anchors = [port for port in snapshot(neutron)["port"].values() if port["description"] == str(MARK)]
    assert [anchor["project_id"] for anchor in anchors] == ["stranger"]
    docker.remove_network(network)
    assert snapshot(neutron) == before


def test_names_that_mean_two_are_refused(docker: Docker, neutron: FakeNeutron) -> None:
    site(neutron)
    site(neutron, "10.2.0.0/24")
    with pytest.raises(Conflict, match=r"2 Neutron networks are named 'blue'.*neutron\.net\.uuid"):
        docker.create_network(ipam_opt={"neutron.net.name": "blue"})


def test_two_docker_networks_may_adopt_one(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    one = docker.create_network(ipam_opt=option("neutron.net.uuid", blue))
    two = docker.create_network(ipam_opt=option("neutron.net.uuid", blue))
    first, second = docker.run(one), docker.run(two)
    assert first.address != second.address
    docker.stop(first)
    docker.remove_network(one)
    docker.stop(second)
    docker.remove_network(two)
    assert snapshot(neutron) == before


# -- gateways


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


# -- ranges and auxiliary addresses


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


# -- what is not served


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"IPv4Data": []}, "a network needs a --subnet"),
        ({"IPv4Data": None}, "a network needs a --subnet"),
        ({"IPv4Data": [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}]}, "so it needs an existing network"),
    ],
)
def test_what_is_not_served_is_said_in_the_users_words(
    docker: Docker, neutron: FakeNeutron, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        docker.create_network("10.5.0.0/24", more=more)
    assert snapshot(neutron)["network"] == {}


# -- the engine's own IPAM


def test_the_engines_own_ipam_works(docker: Docker, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    network = docker.create_network_with_own_ipam()
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]
    assert the_subnet(neutron)["enable_dhcp"] is False, "no port of Neutron's may take an address of Docker's"
    neutron.calls.clear()
    container = docker.run(network, ip="172.18.0.2", own_ipam=True)
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports"]
    neutron.calls.clear()
    docker.stop(container)
    assert calls(neutron) == ["DELETE ports"]
    docker.remove_network(network)
    assert snapshot(neutron) == before


def test_the_engines_own_ipam_may_adopt(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    named = option("neutron.net.uuid", blue)
    network = docker.create_network_with_own_ipam("10.1.0.0/24", gateway="10.1.0.1", o=named)
    assert docker.run(network, ip="10.1.0.7", own_ipam=True).joined["Gateway"] == "10.1.0.1"
    with pytest.raises(InvalidInput, match="has gateway"):
        docker.create_network_with_own_ipam("10.1.0.0/24", gateway="10.1.0.2", o=named)


# -- twice, failures, restarts


def create_body(docker: Docker, pool: Mapping[str, Any], **o: str) -> dict[str, Any]:
    data = {"AddressSpace": "KuryrLocal", "Pool": pool["Pool"], "Gateway": ""}
    return {
        "NetworkID": "n" * 64,
        "Options": {"com.docker.network.generic": o},
        "IPv4Data": [data],
    }


def test_creating_a_network_twice_is_once(docker: Docker, neutron: FakeNeutron) -> None:
    body = create_body(docker, docker.call("IpamDriver.RequestPool", Pool="10.5.0.0/24"))
    docker.call("NetworkDriver.CreateNetwork", **body)
    neutron.calls.clear()
    docker.call("NetworkDriver.CreateNetwork", **body)
    docker.restart_driver()
    docker.call("NetworkDriver.CreateNetwork", **body)
    assert neutron.counted("POST") == 0
    assert len(snapshot(neutron)["network"]) == 1


def test_removing_a_network_twice_is_once(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24")
    for _ in range(2):
        docker.call("IpamDriver.ReleaseAddress", PoolID=network.pool_id, Address="10.5.0.1")
        docker.call("IpamDriver.ReleasePool", PoolID=network.pool_id)
        docker.call("NetworkDriver.DeleteNetwork", NetworkID=network.id)
    assert snapshot(neutron)["network"] == {}
    assert neutron.counted("DELETE") == 2


def test_a_pool_that_was_lost_with_the_driver_is_said_so(docker: Docker, neutron: FakeNeutron) -> None:
    body = create_body(docker, docker.call("IpamDriver.RequestPool", Pool="10.5.0.0/24"))
    docker.restart_driver()
    with pytest.raises(Conflict, match=r"driver was restarted \(run the command again\)"):
        docker.call("NetworkDriver.CreateNetwork", **body)
    assert snapshot(neutron)["network"] == {}


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("adopt", [False, True])
def test_a_failure_while_creating_leaves_nothing_that_is_not_swept(
    docker: Docker, neutron: FakeNeutron, number: int, applied: bool, adopt: bool
) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    ipam_opt = option("neutron.net.name", blue) if adopt else {}
    fail_call(neutron, number, applied=applied)
    with pytest.raises(CloudError):
        docker.create_network("10.1.0.0/24", ipam_opt=ipam_opt)
    neutron.on_request = None
    docker.create_network("10.1.0.0/24", ipam_opt=ipam_opt)
    docker.networks.clear()
    assert docker.sweep_after_grace() == 0
    assert snapshot(neutron) == before


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_while_removing_is_swept(docker: Docker, neutron: FakeNeutron, number: int, applied: bool) -> None:
    network = docker.create_network("10.5.0.0/24")
    fail_call(neutron, number, applied=applied)
    docker.remove_network(network)
    neutron.on_request = None
    assert docker.node.sweeps_asked
    docker.sweep_after_grace()
    assert snapshot(neutron) == {"network": {}, "subnet": {}, "port": {}}


def test_everything_can_be_removed_after_a_restart(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    made = docker.create_network("10.5.0.0/24")
    adopted = docker.create_network(ipam_opt=option("neutron.net.uuid", blue))
    docker.restart_driver()
    docker.remove_network(made)
    docker.remove_network(adopted)
    assert snapshot(neutron) == before


def test_removing_waits_for_ports_on_their_way_out(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24")
    container = docker.run(network)
    ids = {"NetworkID": network.id, "EndpointID": container.id}
    with neutron.hold() as hold:
        docker.call("NetworkDriver.DeleteEndpoint", **ids)
        docker.call("IpamDriver.ReleaseAddress", PoolID=network.pool_id, Address=container.address)
        hold.wait_for(1)
        hold.release()
        docker.remove_network(network)
    assert [call.path.split("/")[1] for call in neutron.calls if call.method == "DELETE"] == [
        "ports",
        "ports",
        "networks",
    ]
    assert snapshot(neutron)["network"] == {}


def test_equal_subnets_are_different_networks(docker: Docker, neutron: FakeNeutron) -> None:
    one, two = docker.create_network("10.5.0.0/24"), docker.create_network("10.5.0.0/24")
    assert one.pool_id != two.pool_id
    first, second = docker.run(one, ip="10.5.0.9"), docker.run(two, ip="10.5.0.9")
    docker.stop(first)
    assert docker.node.endpoints.join(second.id).interface.name == second.joined["InterfaceName"]["SrcName"]
