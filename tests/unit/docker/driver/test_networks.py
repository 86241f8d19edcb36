"""`docker network create` and `rm` in all their forms: what reaches Neutron, in how many requests, what is refused."""

from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, InvalidInput, KuryrError, NotFound
from unit.docker.existing import option, the_subnet
from unit.docker.world import Docker
from unit.host.node import MARK, calls, site, snapshot


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
