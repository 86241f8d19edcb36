"""Existing networks and subnets are found as people name them, and only those that this project may see."""

from ipaddress import IPv4Network, ip_network

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.gateway.topology import Existing, choose_subnet
from kuryr.model import Named
from unit.host.node import Node, Site, site


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


def second_subnet(neutron: FakeNeutron, blue: Site, cidr: str = "10.2.0.0/24", name: str = "sub2") -> str:
    body = {"network_id": blue.network_id, "cidr": cidr, "ip_version": ip_network(cidr).version, "name": name}
    return str(neutron.cloud.create("subnet", [body], neutron.project_id)[0]["id"])


NETWORK_WAYS = ["net.uuid", "net.name", "net.tag"]
SUBNET_WAYS = ["subnet.uuid", "subnet.name", "subnet.tag"]


def named(neutron: FakeNeutron, site_: Site, way: str) -> Existing:
    """A site as a user may name it."""
    kind, _, how = way.partition(".")
    if kind == "everything":
        return Existing(Named(site_.network_id, "blue"), Named(site_.subnet_id, "sub"))
    tag(neutron, site_)
    id_, name = (site_.network_id, "blue") if kind == "net" else (site_.subnet_id, "sub")
    by = {"uuid": Named(id_), "name": Named(name=name), "tag": Named(tag="role=web")}[how]
    return Existing(network=by) if kind == "net" else Existing(subnet=by)


def tag(neutron: FakeNeutron, site_: Site) -> None:
    neutron.cloud.get("network", site_.network_id)["tags"] = ["role=web"]
    neutron.cloud.get("subnet", site_.subnet_id)["tags"] = ["role=web"]


@pytest.mark.parametrize("way", [*NETWORK_WAYS, *SUBNET_WAYS, "everything"])
def test_it_is_found_by_any_of_its_names_with_few_requests(
    node: Node, neutron: FakeNeutron, blue: Site, way: str
) -> None:
    site(neutron, "10.8.0.0/24", name="another")
    # The other network's subnet is named "sub", too.
    for subnet in neutron.cloud.resources["subnet"].values():
        if subnet["network_id"] != blue.network_id:
            subnet["name"] = "other"
    existing = named(neutron, blue, way)
    network = node.gateway.topology.find(existing)
    assert network.id == blue.network_id
    assert choose_subnet(network, existing.subnet, 4).id == blue.subnet_id
    assert len(neutron.calls) == (3 if way in SUBNET_WAYS else 2)


def test_a_cidr_or_a_name_chooses_among_several_subnets(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    other = second_subnet(neutron, blue)
    network = node.gateway.topology.find(Existing(Named(blue.network_id)))
    assert choose_subnet(network, Named(), 4, IPv4Network("10.2.0.0/24")).id == other
    assert choose_subnet(network, Named(name="sub2"), 4).id == other
    with pytest.raises(Conflict, match=r"several IPv4 subnets.*choose by --subnet or neutron\.subnet\.uuid"):
        choose_subnet(network, Named(), 4)


def test_each_address_family_has_its_own_choice(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    six = second_subnet(neutron, blue, "fd00::/64")
    network = node.gateway.topology.find(Existing(Named(blue.network_id)))
    assert choose_subnet(network, Named(), 4).id == blue.subnet_id
    assert choose_subnet(network, Named(), 6).id == six
    assert node.gateway.topology.find(Existing(subnet_v6=Named(six))).id == blue.network_id


@pytest.mark.parametrize(
    ("existing", "words"),
    [
        (Existing(Named(name="nowhere")), "named 'nowhere'"),
        (Existing(Named(tag="nothing")), "tagged 'nothing'"),
        (Existing(subnet=Named(name="nowhere")), "named 'nowhere'"),
        (Existing(Named("11111111-2222-3333-4444-555555555555")), "11111111"),
        (Existing(Named("not/an/id")), "not/an/id"),
    ],
)
def test_what_does_not_exist_is_named(node: Node, blue: Site, existing: Existing, words: str) -> None:
    with pytest.raises(NotFound, match=words):
        node.gateway.topology.find(existing)


def test_a_subnet_that_does_not_exist_is_named_with_those_that_do(node: Node, blue: Site) -> None:
    network = node.gateway.topology.network(blue.network_id)
    with pytest.raises(NotFound, match=r"no IPv4 subnet named 'nowhere' \(it has: 10\.1\.0\.0/24"):
        choose_subnet(network, Named(name="nowhere"), 4)
    with pytest.raises(NotFound, match=r"no IPv4 subnet 10\.99\.0\.0/24"):
        choose_subnet(network, Named(), 4, IPv4Network("10.99.0.0/24"))
    with pytest.raises(NotFound, match=r"no IPv6 subnet \(it has: none"):
        choose_subnet(network, Named(), 6)


def test_contradictions_are_refused(node: Node, blue: Site) -> None:
    with pytest.raises(InvalidInput, match="is named 'blue', not 'green'"):
        node.gateway.topology.find(Existing(Named(blue.network_id, "green")))
    with pytest.raises(InvalidInput, match="is named 'sub', not 'green'"):
        node.gateway.topology.find(Existing(subnet=Named(blue.subnet_id, "green")))


@pytest.mark.parametrize("way", ["net.name", "net.tag", "subnet.name", "subnet.tag"])
def test_what_means_two_is_refused_with_both_ids(node: Node, neutron: FakeNeutron, blue: Site, way: str) -> None:
    twin = site(neutron, "10.8.0.0/24")
    tag(neutron, twin)
    with pytest.raises(Conflict, match="choose one by neutron") as failure:
        node.gateway.topology.find(named(neutron, blue, way))
    ids = {blue.network_id, twin.network_id} if way.startswith("net") else {blue.subnet_id, twin.subnet_id}
    assert all(id_ in str(failure.value) for id_ in ids)


@pytest.mark.parametrize("way", [*NETWORK_WAYS, *SUBNET_WAYS])
def test_strangers_networks_are_invisible(node: Node, neutron: FakeNeutron, way: str) -> None:
    """Although the service role could see them."""
    theirs = site(neutron, project_id="stranger")
    with pytest.raises(NotFound, match="visible to this project"):
        node.gateway.topology.find(named(neutron, theirs, way))


@pytest.mark.parametrize("way", [*NETWORK_WAYS, *SUBNET_WAYS])
def test_shared_networks_are_visible_whatever_invisible_ones_are_named(
    node: Node, neutron: FakeNeutron, way: str
) -> None:
    for _ in range(2):
        tag(neutron, site(neutron, project_id="stranger"))
    shared = site(neutron, project_id="stranger", shared=True)
    assert node.gateway.topology.find(named(neutron, shared, way)).id == shared.network_id


@pytest.mark.parametrize("way", ["net.name", "net.tag", "subnet.name", "subnet.tag"])
def test_nobody_can_take_a_name_away_by_sharing_a_network(
    node: Node, neutron: FakeNeutron, blue: Site, way: str
) -> None:
    tag(neutron, site(neutron, project_id="stranger", shared=True))
    assert node.gateway.topology.find(named(neutron, blue, way)).id == blue.network_id


def test_what_was_read_is_remembered_and_read_anew_on_demand(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    node.gateway.topology.network(blue.network_id)
    neutron.calls.clear()
    node.gateway.topology.network(blue.network_id)
    assert neutron.calls == []
    second_subnet(neutron, blue)
    node.gateway.topology.refresh()
    assert len(neutron.calls) == 2
    assert len(node.gateway.topology.network(blue.network_id).subnets) == 2


def test_a_network_that_vanished_is_forgotten(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    node.gateway.topology.network(blue.network_id)
    neutron.cloud.delete("network", blue.network_id)
    node.gateway.topology.refresh()
    with pytest.raises(NotFound):
        node.gateway.topology.network(blue.network_id)


def test_refreshing_nothing_asks_nothing(node: Node, neutron: FakeNeutron) -> None:
    node.gateway.topology.refresh()
    assert neutron.calls == []


def test_many_networks_are_read_in_few_requests(node: Node, neutron: FakeNeutron) -> None:
    wanted = {site(neutron, name=f"n{number}").network_id for number in range(60)}
    missing = "11111111-2222-3333-4444-555555555555"
    found = node.gateway.topology.networks({*wanted, missing})
    assert set(found) == wanted
    assert all(len(network.subnets) == 1 for network in found.values())
    assert len(neutron.calls) == 4
