"""Existing networks and subnets are found as people name them, and only those that this project may see."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, ip_network
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, InvalidInput, KuryrError, NotFound
from kuryr.gateway.topology import Existing
from unit.host.node import Node, Site, site


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


def second_subnet(neutron: FakeNeutron, blue: Site, cidr: str = "10.2.0.0/24", name: str = "sub2") -> str:
    body = {"network_id": blue.network_id, "cidr": cidr, "ip_version": ip_network(cidr).version, "name": name}
    return str(neutron.cloud.create("subnet", [body], neutron.project_id)[0]["id"])


@pytest.mark.parametrize("by", ["network_id", "network_name", "subnet_id", "subnet_name", "everything"])
def test_it_is_found_by_any_of_its_names_with_two_requests(
    node: Node, neutron: FakeNeutron, blue: Site, by: str
) -> None:
    site(neutron, "10.8.0.0/24", name="another")
    names = {
        "network_id": blue.network_id,
        "network_name": "blue",
        "subnet_id": blue.subnet_id,
        "subnet_name": "sub",
    }
    # The other network's subnet is named "sub", too.
    for subnet in neutron.cloud.resources["subnet"].values():
        if subnet["network_id"] != blue.network_id:
            subnet["name"] = "other"
    existing = Existing(**names) if by == "everything" else Existing(**{by: names[by]})
    network, subnet_ = node.topology.find(existing)
    assert (network.id, subnet_.id) == (blue.network_id, blue.subnet_id)
    assert len(neutron.calls) == 2


def test_a_cidr_chooses_among_several_subnets(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    other = second_subnet(neutron, blue)
    by_network = Existing(network_id=blue.network_id)
    assert node.topology.find(by_network, IPv4Network("10.2.0.0/24"))[1].id == other
    with pytest.raises(Conflict, match=r"several subnets.*choose one by --subnet or neutron\.subnet\.uuid"):
        node.topology.find(by_network)


def test_an_ipv6_subnet_is_not_in_the_way(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    second_subnet(neutron, blue, "fd00::/64")
    assert node.topology.find(Existing(network_id=blue.network_id))[1].id == blue.subnet_id


@pytest.mark.parametrize(
    ("existing", "error", "words"),
    [
        (Existing(network_name="nowhere"), NotFound, "'nowhere'"),
        (Existing(subnet_name="nowhere"), NotFound, "'nowhere'"),
        (Existing(network_id="11111111-2222-3333-4444-555555555555"), NotFound, "11111111"),
        (Existing(network_id="not/an/id"), NotFound, "not/an/id"),
        (Existing(network_name="blue", subnet_name="nowhere"), NotFound, "it has: 10.1.0.0/24"),
    ],
)
def test_what_does_not_exist_is_named(
    node: Node, blue: Site, existing: Existing, error: type[KuryrError], words: str
) -> None:
    with pytest.raises(error, match=words):
        node.topology.find(existing)


def test_contradictions_are_refused(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    with pytest.raises(InvalidInput, match="is named 'blue', not 'green'"):
        node.topology.find(Existing(network_id=blue.network_id, network_name="green"))
    with pytest.raises(InvalidInput, match="is named 'sub', not 'green'"):
        node.topology.find(Existing(subnet_id=blue.subnet_id, subnet_name="green"))
    other = site(neutron, "10.8.0.0/24", name="other")
    with pytest.raises(NotFound):
        node.topology.find(Existing(network_id=blue.network_id, subnet_id=other.subnet_id))
    with pytest.raises(NotFound):
        node.topology.find(Existing(network_id=blue.network_id), IPv4Network("10.99.0.0/24"))


@pytest.mark.parametrize("by", ["network_name", "subnet_name"])
def test_a_name_that_means_two_is_refused_with_both_ids(node: Node, neutron: FakeNeutron, blue: Site, by: str) -> None:
    twin = site(neutron, "10.8.0.0/24")
    with pytest.raises(Conflict, match="choose one by neutron") as failure:
        node.topology.find(Existing(**{by: "blue" if by == "network_name" else "sub"}))
    ids = {blue.network_id, twin.network_id} if by == "network_name" else {blue.subnet_id, twin.subnet_id}
    assert all(id_ in str(failure.value) for id_ in ids)


@pytest.mark.parametrize("by", ["network_id", "network_name", "subnet_id", "subnet_name"])
def test_strangers_networks_are_invisible(node: Node, neutron: FakeNeutron, by: str) -> None:
    """Although the service role could see them."""
    theirs = site(neutron, project_id="stranger")
    names: dict[str, Any] = {
        "network_id": theirs.network_id,
        "network_name": "blue",
        "subnet_id": theirs.subnet_id,
        "subnet_name": "sub",
    }
    with pytest.raises(NotFound, match="visible to this project"):
        node.topology.find(Existing(**{by: names[by]}))


@pytest.mark.parametrize("by", ["network_id", "network_name", "subnet_id", "subnet_name"])
def test_shared_networks_are_visible_whatever_invisible_ones_are_named(
    node: Node, neutron: FakeNeutron, by: str
) -> None:
    for _ in range(2):
        site(neutron, project_id="stranger")
    shared = site(neutron, project_id="stranger", shared=True)
    names: dict[str, Any] = {
        "network_id": shared.network_id,
        "network_name": "blue",
        "subnet_id": shared.subnet_id,
        "subnet_name": "sub",
    }
    network, _ = node.topology.find(Existing(**{by: names[by]}))
    assert network.id == shared.network_id


@pytest.mark.parametrize("existing", [Existing(network_name="blue"), Existing(subnet_name="sub")])
def test_nobody_can_take_a_name_away_by_sharing_a_network(
    node: Node, neutron: FakeNeutron, blue: Site, existing: Existing
) -> None:
    site(neutron, project_id="stranger", shared=True)
    assert node.topology.find(existing)[0].id == blue.network_id


def test_what_was_read_is_remembered_and_read_anew_on_demand(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    node.topology.network(blue.network_id)
    neutron.calls.clear()
    node.topology.network(blue.network_id)
    assert neutron.calls == []
    second_subnet(neutron, blue)
    node.topology.refresh()
    assert len(neutron.calls) == 2
    assert len(node.topology.network(blue.network_id).subnets) == 2


def test_a_network_that_vanished_is_forgotten(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    node.topology.network(blue.network_id)
    neutron.cloud.delete("network", blue.network_id)
    node.topology.refresh()
    with pytest.raises(NotFound):
        node.topology.network(blue.network_id)


def test_refreshing_nothing_asks_nothing(node: Node, neutron: FakeNeutron) -> None:
    node.topology.refresh()
    assert neutron.calls == []


def test_many_networks_are_read_in_few_requests(node: Node, neutron: FakeNeutron) -> None:
    wanted = {site(neutron, name=f"n{number}").network_id for number in range(60)}
    missing = "11111111-2222-3333-4444-555555555555"
    found = node.topology.networks({*wanted, missing})
    assert set(found) == wanted
    assert all(len(network.subnets) == 1 for network in found.values())
    assert len(neutron.calls) == 4


def test_subnets_of_one_network_that_are_found_at_one_time_are_all_remembered(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    wanted = {blue.subnet_id} | {second_subnet(neutron, blue, f"10.{n}.0.0/24", f"s{n}") for n in range(2, 10)}
    with ThreadPoolExecutor(len(wanted)) as threads:
        list(threads.map(lambda id_: node.topology.find(Existing(subnet_id=id_)), wanted))
    assert {subnet.id for subnet in node.topology.network(blue.network_id).subnets} == wanted
