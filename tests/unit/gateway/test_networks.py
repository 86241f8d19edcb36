"""Networks that stand on Neutron's: three requests to make or adopt one, two to remove it, and nothing is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron, Request
from kuryr.errors import CloudError, CloudUnavailable, Conflict, InvalidInput, NotFound
from kuryr.gateway.identity import Anchorage, Berth
from kuryr.gateway.networks.specs import SubnetSpec
from kuryr.model import AddressRange, Mark
from unit.host.node import GRACE, MARK, Node, during, fail_call, site, snapshot

SUBNET = SubnetSpec(IPv4Network("10.5.0.0/24"), IPv4Address("10.5.0.1"), key="key1")
ADOPTED = Anchorage("net1", (Berth("key1", "12345678"),))


def again(node: Node) -> Node:
    """The same host after kill -9."""
    return Node(node.neutron, node.kernel, clock=node.clock)


def sweep_after_grace(node: Node, *alive: str) -> int:
    node.networks.sweep(alive, node.suspects)
    node.clock.now += GRACE
    return node.networks.sweep(alive, node.suspects)


def calls(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def made(neutron: FakeNeutron) -> list[str]:
    """Ids of the networks that bear this host's mark."""
    return [id_ for id_, network in snapshot(neutron)["network"].items() if network["description"] == str(MARK)]


def test_making_one_takes_three_requests(node: Node, neutron: FakeNeutron) -> None:
    node.networks.anchors.owners()
    neutron.calls.clear()
    bound = node.networks.create("net1", [SUBNET])
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]
    assert [subnet.cidr for subnet in bound.subnets] == [SUBNET.cidr]
    assert bound.network.project_id == neutron.project_id


def test_removing_it_takes_two_and_leaves_nothing(node: Node, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    node.networks.create("net1", [SUBNET])
    neutron.calls.clear()
    node.networks.remove("net1")
    assert calls(neutron) == ["DELETE ports", "DELETE networks"]
    assert snapshot(neutron) == before


def test_adopting_takes_one_more_request_than_finding_and_removing_one(node: Node, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    network = node.gateway.topology.network(blue.network_id)
    node.networks.anchors.owners()
    neutron.calls.clear()
    node.networks.adopt(ADOPTED, network)
    assert calls(neutron) == ["POST ports"]
    neutron.calls.clear()
    node.networks.remove("net1")
    assert calls(neutron) == ["DELETE ports"]
    assert snapshot(neutron) == before


def test_everything_bears_the_mark_from_its_birth(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    bodies = [next(iter(call.json.values())) for call in neutron.calls if call.method == "POST"]
    assert [body["description"] for body in bodies] == [str(MARK)] * 3
    assert bodies[2]["device_owner"] == "kuryr:network"
    assert bodies[2]["device_id"] == f"net1:key1.{bound.subnets[0].id[:8]}"
    assert bodies[2]["fixed_ips"] == []


def test_gateway_and_pools_reach_neutron(node: Node, neutron: FakeNeutron) -> None:
    pool = AddressRange(IPv4Address("10.5.0.64"), IPv4Address("10.5.0.127"))
    bound = node.networks.create("net1", [SubnetSpec(SUBNET.cidr, None, (pool,), dhcp=False)])
    (subnet,) = bound.network.subnets
    assert (subnet.gateway, subnet.pools) == (None, (pool,))
    assert snapshot(neutron)["subnet"][subnet.id]["enable_dhcp"] is False


def test_making_twice_is_once(node: Node, neutron: FakeNeutron) -> None:
    first = node.networks.create("net1", [SUBNET])
    neutron.calls.clear()
    assert node.networks.create("net1", [SUBNET]) == first
    assert again(node).networks.create("net1", [SUBNET]) == first
    assert neutron.counted("POST") == 0


def test_making_it_twice_at_one_time_is_once(node: Node, neutron: FakeNeutron) -> None:
    with ThreadPoolExecutor(2) as threads:
        bound = list(threads.map(lambda _: node.networks.create("net1", [SUBNET]), range(2)))
    assert bound[0] == bound[1]
    assert len(made(neutron)) == 1


def test_adopting_and_removing_twice_is_once(node: Node, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    network = node.gateway.topology.network(blue.network_id)
    for _ in range(2):
        node.networks.adopt(ADOPTED, network)
    assert len(snapshot(neutron)["port"]) == len(before["port"]) + 1
    for _ in range(2):
        node.networks.remove("net1")
    assert snapshot(neutron) == before


def test_it_is_found_by_owner_and_by_key_after_a_restart(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    assert again(node).networks.of_owner("net1") == bound
    assert again(node).networks.of_key("key1") == bound
    again(node).networks.remove("net1")
    assert made(neutron) == []


def test_an_unknown_one_is_named_with_a_hint(node: Node) -> None:
    with pytest.raises(NotFound, match=r"no Kuryr network 0123456789ab \(remove the network"):
        node.networks.of_owner("0123456789abcdef")
    with pytest.raises(NotFound):
        node.networks.of_key("nokey")


def test_two_of_the_engines_networks_may_stand_on_one(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    node.networks.adopt(Anchorage("net2", (Berth.at("key2", bound.network.subnets[0].id),)), bound.network)
    node.networks.remove("net1")
    assert made(neutron) == [bound.network.id]
    assert node.networks.of_key("key2").network == bound.network
    node.networks.remove("net2")
    assert made(neutron) == []


def test_a_network_that_another_host_uses_stays_until_it_does_not(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    other = Node(neutron, FakeKernel(), mark=Mark("test", "h2"))
    other.networks.adopt(Anchorage("their", ()), other.gateway.topology.network(bound.network.id))
    with pytest.raises(Conflict):
        node.networks.remove("net1")
    assert node.sweeps_asked == 1
    assert sweep_after_grace(node) == 1
    assert made(neutron) == [bound.network.id]
    other.networks.remove("their")
    assert node.networks.sweep((), node.suspects) == 0
    assert made(neutron) == []


def test_leftover_ports_of_this_host_go_with_the_network(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    node.endpoints.reserve("net1", bound.network.id, (bound.network.subnets[0].id, None))
    node.networks.remove("net1")
    assert snapshot(neutron) == {"network": {}, "subnet": {}, "port": {}}


def test_a_network_that_neutron_has_lost_can_be_removed(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    for port in list(neutron.cloud.resources["port"]):
        neutron.cloud.delete("port", port)
    neutron.cloud.delete("network", bound.network.id)
    again(node).networks.remove("net1")
    node.networks.remove("net1")


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_failure_while_making_leaves_nothing_that_is_not_swept(
    node: Node, neutron: FakeNeutron, number: int, applied: bool, drop: bool
) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    fail_call(neutron, number, applied=applied, drop=drop)
    with pytest.raises(CloudError):
        node.networks.create("net1", [SUBNET])
    assert neutron.calls[number - 1 :], "the enumeration is complete"
    neutron.on_request = None
    if snapshot(neutron) != before:
        assert node.sweeps_asked
    assert sweep_after_grace(node) == 0
    assert snapshot(neutron) == before
    assert blue.network_id in before["network"]


def test_no_more_than_four_requests_can_fail_while_making(node: Node, neutron: FakeNeutron) -> None:
    node.networks.create("net1", [SUBNET])
    assert len(neutron.calls) == 4


def test_two_failures_in_a_row_are_left_to_the_sweep(node: Node, neutron: FakeNeutron) -> None:
    """The subnet fails, and so does the undoing."""
    before = snapshot(neutron)
    neutron.fail_next(method="POST", path="/subnets", status=400, type_="InvalidInput", message="no")
    neutron.fail_next(method="DELETE")
    with pytest.raises(InvalidInput):
        node.networks.create("net1", [SUBNET])
    assert node.sweeps_asked
    sweep_after_grace(node)
    assert snapshot(neutron) == before


def test_what_neutron_refuses_leaves_nothing_at_once(node: Node, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    with pytest.raises(Conflict, match="conflicts with allocation pool"):
        node.networks.create(
            "net1",
            [
                SubnetSpec(
                    SUBNET.cidr, SUBNET.gateway, (AddressRange(IPv4Address("10.5.0.1"), IPv4Address("10.5.0.9")),)
                )
            ],
        )
    assert snapshot(neutron) == before


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_while_adopting_leaves_nothing_that_is_not_swept(
    node: Node, neutron: FakeNeutron, number: int, applied: bool
) -> None:
    network = node.gateway.topology.network(site(neutron).network_id)
    before = snapshot(neutron)
    fail_call(neutron, number, applied=applied)
    with pytest.raises(CloudError):
        node.networks.adopt(ADOPTED, network)
    neutron.on_request = None
    assert node.sweeps_asked
    sweep_after_grace(node)
    assert snapshot(neutron) == before


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_while_removing_is_left_to_the_sweep(
    node: Node, neutron: FakeNeutron, number: int, applied: bool
) -> None:
    node.networks.create("net1", [SUBNET])
    fail_call(neutron, number, applied=applied)
    with pytest.raises(CloudError):
        node.networks.remove("net1")
    neutron.on_request = None
    assert node.sweeps_asked
    sweep_after_grace(node)
    assert snapshot(neutron) == {"network": {}, "subnet": {}, "port": {}}


def test_the_sweep_removes_what_the_engine_has_forgotten(node: Node, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    node.networks.create("net1", [SUBNET])
    node.networks.adopt(Anchorage("net2", ()), node.gateway.topology.network(blue.network_id))
    assert node.networks.sweep(("net1", "net2"), node.suspects) == 0
    assert node.networks.sweep((), node.suspects) == 2
    node.clock.now += GRACE - 1
    assert node.networks.sweep((), node.suspects) == 2
    node.clock.now += 1
    assert node.networks.sweep((), node.suspects) == 0
    assert snapshot(neutron) == before
    assert node.networks.anchors.owners() == set()


def test_the_sweep_spares_networks_that_the_engine_knows(node: Node, neutron: FakeNeutron) -> None:
    node.networks.create("net1", [SUBNET])
    before = snapshot(neutron)
    assert sweep_after_grace(node, "net1") == 0
    assert sweep_after_grace(again(node), "net1") == 0
    assert snapshot(neutron) == before


def test_the_sweep_of_a_new_process_spares_a_network_with_another_anchor(node: Node, neutron: FakeNeutron) -> None:
    bound = node.networks.create("net1", [SUBNET])
    node.networks.adopt(Anchorage("net2", ()), bound.network)
    port = node.endpoints.reserve("net1", bound.network.id, (bound.network.subnets[0].id, None))
    fresh = again(node)
    sweep_after_grace(fresh, "net2")
    assert made(neutron) == [bound.network.id]
    assert port.port_id in snapshot(neutron)["port"]
    assert fresh.networks.anchors.owners() == {"net2"}


def test_a_network_that_is_just_being_made_is_not_swept(node: Node, neutron: FakeNeutron) -> None:
    """However slow Neutron is: here it takes longer than the grace period over the subnet."""
    during(neutron, "POST", "/subnets", lambda: sweep_after_grace(node))
    node.networks.create("net1", [SUBNET])
    assert len(made(neutron)) == 1
    assert sweep_after_grace(node, "net1") == 0


def test_the_sweep_never_touches_what_others_made(node: Node, neutron: FakeNeutron) -> None:
    for mark in (Mark("test", "h2"), Mark("other", "h1")):
        other = Node(neutron, FakeKernel(), mark=mark)
        other.networks.create(f"net-{mark.deployment}-{mark.host}", [SUBNET])
    site(neutron, description="kuryr:test@h1 and more")
    before = snapshot(neutron)
    assert sweep_after_grace(node) == 0
    assert snapshot(neutron) == before


def test_a_stranger_who_forges_the_mark_gains_nothing(node: Node, neutron: FakeNeutron) -> None:
    """The service role sees other projects' networks, but may not delete them."""
    site(neutron, project_id="stranger", description=str(MARK))
    node.networks.create("net1", [SUBNET])
    before = snapshot(neutron)
    assert sweep_after_grace(node, "net1") == 0
    assert snapshot(neutron) == before


def test_one_network_that_resists_does_not_save_the_rest(node: Node, neutron: FakeNeutron) -> None:
    for number in range(3):
        node.networks.create(f"net{number}", [SUBNET])
    neutron.fail_next(method="DELETE", path="/networks")
    assert sweep_after_grace(node) == 1
    assert len(made(neutron)) == 1
    sweep_after_grace(node)
    assert made(neutron) == []


def test_a_silent_cloud_ends_the_sweep_at_once(node: Node, neutron: FakeNeutron) -> None:
    for number in range(3):
        node.networks.create(f"net{number}", [SUBNET])
    node.networks.sweep((), node.suspects)
    node.clock.now += GRACE
    neutron.fail_next(method="DELETE", path="/ports", status=503, body="a proxy")
    with pytest.raises(CloudUnavailable):
        node.networks.sweep((), node.suspects)
    assert len(made(neutron)) == 3


def test_different_networks_do_not_wait_for_each_other(node: Node, neutron: FakeNeutron) -> None:
    node.networks.anchors.owners()
    together = threading.Barrier(3)

    def meet(request: Request) -> None:
        if request.method == "POST" and request.path == "/subnets":
            together.wait(5)

    neutron.on_request = meet
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda number: node.networks.create(f"net{number}", [SUBNET]), range(3)))
    assert len(made(neutron)) == 3


@pytest.mark.parametrize(
    "anchorage",
    [
        Anchorage("net1"),
        Anchorage("net1", (Berth("a", "12345678"),)),
        Anchorage("net1", (Berth("a", "12345678"), Berth("", "abcdef01")), ("gateway=none",)),
    ],
)
def test_an_anchorage_reads_back(anchorage: Anchorage) -> None:
    assert Anchorage.parse(str(anchorage)) == anchorage


def test_after_a_restart_and_its_first_sweep_nothing_has_to_be_read_again(node: Node, neutron: FakeNeutron) -> None:
    node.networks.create("net1", [SUBNET])
    restarted = again(node)
    restarted.networks.sweep(("net1",), restarted.suspects)
    neutron.calls.clear()
    assert restarted.networks.of_owner("net1").network.subnets
    restarted.networks.remove("net1")
    assert [call.split()[0] for call in calls(neutron)] == ["DELETE", "DELETE"]


def test_several_subnets_are_made_by_one_request_and_found_by_key_and_address(node: Node, neutron: FakeNeutron) -> None:
    six = SubnetSpec(ip_network("fd00:5::/64"), ip_address("fd00:5::1"), key="key6")
    more = SubnetSpec(IPv4Network("10.6.0.0/24"), None, key="key2")
    node.networks.anchors.owners()
    neutron.calls.clear()
    node.networks.create("net1", [SUBNET, six, more])
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]
    bound = again(node).networks.of_key("key6")
    assert [subnet.cidr for subnet in bound.subnets] == [SUBNET.cidr, six.cidr, more.cidr]
    assert bound.subnet_of_key("key6").cidr == six.cidr
    assert bound.subnet_with(ip_address("10.6.0.9")).cidr == more.cidr
    with pytest.raises(NotFound, match=r"no subnet for 10\.7\.0\.1"):
        bound.subnet_with(ip_address("10.7.0.1"))


def test_more_subnets_than_an_anchor_can_name_are_refused(node: Node, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    subnets = [SubnetSpec(IPv4Network(f"10.{number}.0.0/24"), None, key=f"key{number:05}") for number in range(20)]
    with pytest.raises(InvalidInput, match="20 subnets and 0 settings are more than"):
        node.networks.create("net1", subnets)
    assert snapshot(neutron) == before
