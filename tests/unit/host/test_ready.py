"""Ports made ahead: a start takes no request, nobody gets two, nothing is left, and nothing waits for ever."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import Exhausted
from kuryr.host.demand import Sizes
from kuryr.host.holdings import Use
from kuryr.model import READY, Mark, PortTraits, is_ready
from unit.host.life import start, stop, warm
from unit.host.node import Node, Site, during, ports, site

SIZES = Sizes(most=4)


@pytest.fixture
def node(neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> Iterator[Node]:
    node = Node(neutron, kernel, sizes=SIZES)
    warm(node, neutron, blue)
    yield node
    node.close()


def waiting(node: Node) -> list[str]:
    """The ids of ports that wait."""
    return [held.vif.port_id for held in node.endpoints.ready.waiting()]


def fill(node: Node, blue: Site, owner: str = "first") -> str:
    """A start that misses, and what it makes Kuryr do behind."""
    port_id = start(node, blue, owner)
    node.behind.pass_time()
    node.neutron.calls.clear()
    return port_id


def test_the_first_start_makes_ports_for_the_next(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    start(node, blue)
    assert waiting(node) == []
    node.behind.pass_time()
    (port_id,) = waiting(node)
    (made,) = [port for port in ports(neutron) if port["id"] == port_id]
    assert is_ready(made["device_id"])
    assert made["device_owner"] == "compute:kuryr"
    assert made["binding:host_id"] == "h1"
    assert node.kernel.links[port_id].owner == READY
    assert node.kernel.links[port_id].plugged


def test_a_start_with_a_ready_port_takes_one_request_behind(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    assert start(node, blue, "c2") == port_id
    assert neutron.calls == []
    assert node.kernel.links[port_id].owner == "c2"
    node.behind.pass_time()
    assert [call.method for call in neutron.calls if call.path.endswith(port_id)] == ["PUT"]
    (made,) = [port for port in ports(neutron) if port["id"] == port_id]
    assert (made["device_id"], made["name"]) == ("c2", "kuryr-c2")


def test_ports_are_made_in_bulk_as_many_as_were_asked_for(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    for number in range(3):
        start(node, blue, f"c{number}")
    neutron.calls.clear()
    node.behind.pass_time()
    assert [call.method for call in neutron.calls].count("POST") == 1
    assert len(waiting(node)) == 3


def test_there_are_never_more_than_allowed(node: Node, blue: Site) -> None:
    for number in range(8):
        start(node, blue, f"c{number}")
    node.behind.pass_time()
    assert len(waiting(node)) == SIZES.most


def test_a_small_subnet_has_none_to_spare(node: Node, neutron: FakeNeutron) -> None:
    small = site(neutron, "10.2.0.0/28")
    start(node, small)
    node.behind.pass_time()
    assert waiting(node) == []


def test_zero_turns_it_off(neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    node = Node(neutron, kernel, sizes=Sizes(most=0))
    stop(node, blue, "c1", start(node, blue))
    node.behind.pass_time()
    assert ports(neutron) == []
    node.close()


def test_a_short_life_costs_no_request_at_all(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    for number in range(5):
        assert start(node, blue, f"x{number}") == port_id
        stop(node, blue, f"x{number}", port_id)
        assert waiting(node) == [port_id]
    assert neutron.calls == []


def test_a_port_of_whose_user_something_was_written_goes_with_him(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """An operator may have made anything of it in the cloud: only its host is watched here."""
    fill(node, blue)
    (port_id,) = waiting(node)
    start(node, blue, "c2")
    node.behind.pass_time()
    neutron.calls.clear()
    stop(node, blue, "c2", port_id)
    assert [call.method for call in neutron.calls] == ["DELETE"]
    assert port_id not in {port["id"] for port in ports(neutron)}


def test_a_port_that_was_made_with_its_user_goes_with_him(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """Without an IPAM there is one request, which says whose it is."""
    fill(node, blue)
    guarded = PortTraits(security_groups=())
    vif = node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, None)], traits=guarded)
    node.behind.pass_time()
    stop(node, blue, "c2", vif.port_id)
    assert vif.port_id not in {port["id"] for port in ports(neutron)}


def test_a_port_that_something_is_led_to_goes_with_its_user(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    start(node, blue, "c2")
    node.endpoints.tie(port_id)
    stop(node, blue, "c2", port_id)
    assert port_id not in {port["id"] for port in ports(neutron)}
    assert port_id not in node.kernel.links


def test_a_port_whose_user_came_before_a_crash_goes_with_him(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """What was led to it is not known any more."""
    fill(node, blue)
    port_id = start(node, blue, "c2")
    again = node.restarted()
    warm(again, neutron, blue)
    again.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    stop(again, blue, "c2", port_id)
    assert port_id not in {port["id"] for port in ports(neutron)}
    again.close()


def test_the_interface_is_made_anew(node: Node, kernel: FakeKernel, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    start(node, blue, "c2")
    first = kernel.links[port_id]
    stop(node, blue, "c2", port_id)
    assert kernel.links[port_id] is not first


def test_a_user_with_a_mac_address_of_his_own_gets_another_port(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """Docker tells it too late: when a port that was made ahead has been taken."""
    fill(node, blue)
    vif = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    address = vif.fixed_ips[0].address
    made = node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, address)], mac="02:00:00:00:00:02")
    assert (made.mac, made.fixed_ips[0].address) == ("02:00:00:00:00:02", address)
    assert vif.port_id not in {port["id"] for port in ports(neutron)}
    assert vif.port_id not in node.kernel.links


def test_a_port_with_traits_of_its_users_own_goes_with_him(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    vif = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    wanted = [(blue.subnet_id, vif.fixed_ips[0].address)]
    node.endpoints.create("c2", blue.network_id, wanted, traits=PortTraits(security_groups=()))
    stop(node, blue, "c2", port_id)
    assert port_id not in {port["id"] for port in ports(neutron)}


def test_another_kind_of_user_gets_another_port(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    guarded = PortTraits(security_groups=())
    vif = node.endpoints.reserve("d2", blue.network_id, (blue.subnet_id, None), traits=guarded)
    assert vif.port_id not in waiting(node)
    assert len(waiting(node)) == 1


def test_no_port_waits_with_a_name_in_dns(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """It is one container's: for a second port with it Neutron would answer, too."""
    traits = PortTraits(dns_name="www")
    vif = node.endpoints.reserve("net", blue.network_id, (blue.subnet_id, None), traits=traits, ready=True)
    node.behind.pass_time()
    assert waiting(node) == []
    node.endpoints.release(blue.subnet_id, vif.fixed_ips[0].address)
    assert node.behind.drain(10)
    assert [port["dns_name"] for port in ports(neutron) if port["dns_name"]] == []


def test_a_certain_address_that_waits_is_handed_out(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (held,) = node.endpoints.ready.waiting()
    vif = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, held.vif.fixed_ips[0].address))
    assert vif.port_id == held.vif.port_id
    assert neutron.calls == []


def test_a_certain_address_whose_port_is_just_made_anew_is_waited_for(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    """Such as a container's that is restarted."""
    fill(node, blue)
    port_id = start(node, blue, "c2", number=77)
    go = threading.Event()
    node.kernel.on_step = lambda step, _: assert_set(go) if step == "plug" else None
    node.endpoints.delete("c2", release=False)
    node.endpoints.release(blue.subnet_id, blue[77])
    threading.Timer(0.05, go.set).start()
    neutron.calls.clear()
    assert start(node, blue, "c2", number=77) == port_id
    assert neutron.calls == []


def assert_set(event: threading.Event) -> None:
    """Wait for an event."""
    assert event.wait(10)


def test_a_certain_address_of_another_kind_makes_room(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (held,) = node.endpoints.ready.waiting()
    address = held.vif.fixed_ips[0].address
    vif = node.endpoints.reserve(
        "d2", blue.network_id, (blue.subnet_id, address), traits=PortTraits(security_groups=())
    )
    assert (vif.port_id == held.vif.port_id, vif.fixed_ips[0].address) == (False, address)


def test_what_is_not_wired_any_more_is_not_handed_out(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    with node.kernel.failing("await_ready", port_id):
        vif = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    assert vif.port_id != port_id
    assert node.behind.drain(10)
    assert port_id not in {port["id"] for port in ports(neutron)}
    assert port_id not in node.kernel.links


@pytest.mark.parametrize("seconds", [SIZES.trust, SIZES.trust + 1])
@pytest.mark.parametrize("status", ["ACTIVE", "DOWN"])
def test_where_wiring_does_not_show_the_cloud_is_asked_unless_it_was_lately(
    node: Node, neutron: FakeNeutron, blue: Site, seconds: float, status: str
) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    node.kernel.tells_readiness = False
    node.clock.now += seconds
    neutron.cloud.resources["port"][port_id]["status"] = status
    vif = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    looked = seconds > SIZES.trust
    assert (vif.port_id == port_id) is not (looked and status == "DOWN")
    node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, vif.fixed_ips[0].address)])
    if vif.port_id == port_id:
        node.endpoints.join("c2")
    assert neutron.counted("GET", f"/ports/{port_id}") == looked


def test_when_neutron_is_down_ready_ports_start(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    for _ in range(3):
        neutron.drop_next(applied=False)
    start(node, blue, "c2")


def test_a_kind_that_nobody_asks_for_keeps_none(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = fill(node, blue)
    node.clock.now += SIZES.idle + 1
    node.behind.pass_time()
    assert node.behind.drain(10)
    assert waiting(node) == []
    assert [port["id"] for port in ports(neutron)] == [port_id]
    assert set(node.kernel.links) == {port_id}
    neutron.calls.clear()
    node.behind.pass_time()
    assert neutron.calls == []


def test_a_few_may_always_wait(neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    node = Node(neutron, kernel, sizes=Sizes(most=4, least=2))
    for _ in range(3):
        fill(node, blue)
        assert len(waiting(node)) == 2
        node.clock.now += SIZES.idle + 1
        node.behind.pass_time()
    node.endpoints.ready.give_up_one(node.endpoints.ready.waiting()[0])
    node.endpoints.ready.give_up_one(node.endpoints.ready.waiting()[0])
    node.behind.pass_time()
    assert len(waiting(node)) == 2
    node.endpoints.give_up(blue.network_id, 10)
    node.behind.pass_time()
    assert waiting(node) == []
    node.close()


def test_of_a_kind_that_was_found_no_more_are_made_before_its_traits_are_known(
    neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    node = Node(neutron, kernel, sizes=Sizes(most=4, least=2))
    take_guarded(node, blue)
    node.behind.pass_time()
    again = node.restarted()
    again.endpoints.load()
    again.endpoints.ready.give_up_one(again.endpoints.ready.waiting()[0])
    again.endpoints.ready.give_up_one(again.endpoints.ready.waiting()[0])
    again.behind.pass_time()
    assert waiting(again) == []
    again.close()


def test_the_number_follows_demand(node: Node, blue: Site) -> None:
    for number in range(3):
        start(node, blue, f"c{number}")
    node.behind.pass_time()
    assert len(waiting(node)) == 3
    node.clock.now += SIZES.memory + 1
    node.behind.pass_time()
    assert node.behind.drain(10)
    assert len(waiting(node)) == 1


def exhausted(neutron: FakeNeutron, type_: str) -> None:
    """The next port cannot be made."""
    neutron.fail_next(method="POST", path="/ports", status=409, type_=type_, message="No more")


def take_guarded(node: Node, site: Site) -> str:
    """A start that no port which waits is for; the port's id."""
    guarded = PortTraits(security_groups=())
    return node.endpoints.reserve("d2", site.network_id, (site.subnet_id, None), traits=guarded).port_id


@pytest.mark.parametrize(("what", "left"), [("IpAddressGenerationFailure", 1), ("OverQuota", 0)])
def test_what_waits_makes_room_where_addresses_or_a_quota_run_out(
    node: Node, neutron: FakeNeutron, blue: Site, what: str, left: int
) -> None:
    """Addresses of another subnet are of no use."""
    fill(node, blue)
    green = site(neutron, "10.3.0.0/24")
    fill(node, green, "elsewhere")
    exhausted(neutron, what)
    assert take_guarded(node, blue)
    assert [held.vif.network_id for held in node.endpoints.ready.waiting()] == [green.network_id] * left


def test_no_ports_are_made_for_a_while_where_something_ran_out(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    exhausted(neutron, "IpAddressGenerationFailure")
    take_guarded(node, blue)
    fill(node, blue, "c2")
    assert waiting(node) == []
    node.clock.now += SIZES.idle + 1
    fill(node, blue, "c3")
    assert len(waiting(node)) == 1


def test_other_hosts_give_theirs_up_where_addresses_have_run_out(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """At their next look: nobody can take what another host hands out without asking."""
    fill(node, blue)
    green = site(neutron, "10.3.0.0/24")
    fill(node, green, "elsewhere")
    there = Node(neutron, FakeKernel(), mark=Mark("test", "h2"), sizes=SIZES)
    stranger = Node(neutron, FakeKernel(), mark=Mark("another", "h3"), sizes=SIZES)
    fill(stranger, blue)
    exhausted(neutron, "IpAddressGenerationFailure")
    with pytest.raises(Exhausted):
        start(there, blue)
    assert there.behind.drain(10)
    assert len(waiting(node)) == 2
    node.behind.pass_time()
    assert node.behind.drain(10)
    assert [held.vif.network_id for held in node.endpoints.ready.waiting()] == [green.network_id]
    stranger.behind.pass_time()
    assert len(waiting(stranger)) == 1
    start(there, blue)
    fill(node, blue, "c3")
    assert [held.vif.network_id for held in node.endpoints.ready.waiting()] == [green.network_id]
    there.close()
    stranger.close()


def test_a_port_that_another_host_asks_for_may_get_a_user_first(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    there = Node(neutron, FakeKernel(), mark=Mark("test", "h2"), sizes=SIZES)
    there.gateway.neighbours.ask(blue.network_id)
    assert start(node, blue, "c2") == port_id
    node.behind.pass_time()
    (port,) = [port for port in ports(neutron) if port["id"] == port_id]
    assert (port["device_id"], port["name"]) == ("c2", "kuryr-c2")
    there.close()


@pytest.mark.parametrize("applied", [True, False])
def test_a_look_that_neutron_does_not_answer_is_made_again(
    node: Node, neutron: FakeNeutron, blue: Site, applied: bool
) -> None:
    fill(node, blue)
    neutron.drop_next(method="GET", applied=applied)
    neutron.drop_next(method="GET", applied=applied)
    node.behind.pass_time()
    assert len(waiting(node)) == 1
    node.clock.now += SIZES.idle + 1
    node.behind.pass_time()
    assert waiting(node) == []


def test_ports_ahead_take_no_last_address(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """That they could not be made is noted, and nobody else waits for it."""
    start(node, blue)
    exhausted(neutron, "IpAddressGenerationFailure")
    node.behind.pass_time()
    start(node, blue, "c2")
    neutron.calls.clear()
    node.behind.pass_time()
    assert (waiting(node), neutron.counted("POST", "/ports")) == ([], 0)


def test_they_survive_a_restart(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    again = node.restarted()
    warm(again, neutron, blue)
    assert waiting(again) == [port_id]
    assert start(again, blue, "c2") == port_id
    assert neutron.calls == []
    again.close()


def test_what_was_handed_out_is_not_handed_out_again_after_a_crash(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    again = node.restarted()
    warm(again, neutron, blue)
    assert waiting(again) == []
    held = again.endpoints.held(port_id)
    assert held
    assert held.use is Use.ORPHANED
    again.sweep_after_grace("first")
    assert port_id not in {port["id"] for port in ports(neutron)}
    again.close()


def test_a_user_of_whom_the_cloud_knows_nothing_is_named_after_a_crash(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    fill(node, blue)
    port_id = start(node, blue, "c2")
    again = node.restarted()
    again.endpoints.load()
    assert "c2" in again.endpoints.words.owed()
    neutron.calls.clear()
    for owner in again.endpoints.words.owed():
        again.endpoints.words.now(owner, ())
    assert neutron.counted("PUT", "/ports") == 1, "of all others it is written already"
    (port,) = (each for each in ports(neutron) if each["device_id"] == "c2")
    assert port["id"] == port_id
    assert again.endpoints.words.owed() == set()
    again.close()


@pytest.mark.parametrize("step", ["stage", "plug", "await_ready", "announce"])
def test_a_refill_that_fails_on_the_way_leaves_nothing(node: Node, neutron: FakeNeutron, blue: Site, step: str) -> None:
    port_id = start(node, blue)
    with node.kernel.failing(step):
        node.behind.pass_time()
    assert node.behind.drain(10)
    assert [port["id"] for port in ports(neutron)] == [port_id]
    assert set(node.kernel.links) == {port_id}


def test_all_are_plugged_before_one_is_waited_for(node: Node, blue: Site) -> None:
    for number in range(3):
        start(node, blue, f"c{number}")
    steps: list[str] = []
    node.kernel.on_step = lambda step, _: steps.append(step)
    node.behind.pass_time()
    assert len(waiting(node)) == 3
    assert steps == [*["stage", "plug"] * 3, *["await_ready", "announce"] * 3]


def test_the_sweep_leaves_what_waits(node: Node, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    node.sweep_after_grace("first")
    assert waiting(node) == [port_id]


def test_a_network_that_goes_takes_them_along(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = fill(node, blue)
    assert node.endpoints.ready.give_up(blue.network_id)
    node.endpoints.releases.settle_network(blue.network_id, 10)
    assert [port["id"] for port in ports(neutron)] == [port_id]
    assert not node.endpoints.ready.give_up(blue.network_id)


def test_after_a_crash_they_go_with_their_network_at_once(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """Although nobody has asked for a port since, and the crash came while one was taken."""
    port_id = fill(node, blue)
    start(node, blue, "c2")
    node.behind.pass_time()
    assert len(waiting(node)) == 2
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    again = node.restarted()
    again.endpoints.give_up(blue.network_id, 10)
    left = {port["id"]: port["device_id"] for port in ports(neutron)}
    assert left.pop(port_id) == "first"
    assert list(left.values()) == ["c2"]
    assert set(again.kernel.links) == {port_id, *left}
    again.close()


def test_a_network_that_goes_waits_for_those_that_are_being_made(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = start(node, blue)
    with ThreadPoolExecutor() as executor:
        going: list[Future[bool]] = []

        def go() -> None:
            going.append(executor.submit(node.endpoints.ready.give_up, blue.network_id))
            assert not wait(going, 0.05).done

        during(neutron, "POST", "/ports", go)
        node.behind.pass_time()
        assert wait(going, 10).done
    node.endpoints.releases.settle_network(blue.network_id, 10)
    assert [port["id"] for port in ports(neutron)] == [port_id]
    assert set(node.kernel.links) == {port_id}


def test_a_port_whose_network_goes_is_not_kept(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    fill(node, blue)
    (port_id,) = waiting(node)
    start(node, blue, "c2")

    def go(step: str, _: str) -> None:
        if step == "plug":
            node.endpoints.ready.give_up(blue.network_id)

    node.kernel.on_step = go
    stop(node, blue, "c2", port_id)
    assert waiting(node) == []
    assert port_id not in {port["id"] for port in ports(neutron)}
    assert port_id not in node.kernel.links
