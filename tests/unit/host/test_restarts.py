"""A driver that has just started: it finds what was running, and serves what comes at once."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron, Request
from kuryr import locks
from kuryr.errors import CloudUnavailable, Conflict, KuryrError
from unit.host.life import Restart, start
from unit.host.node import Node, Site, ports


def test_a_start_takes_four_requests_after_a_restart(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """So the enumeration above is complete: ports held, network, subnets, the new port."""
    start(node, blue, number=7)
    assert len(neutron.calls) == 4


def test_the_same_address_waits_for_its_release(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = start(node, blue, number=7)
    with neutron.hold() as hold:
        node.endpoints.delete("c1", release=False)
        node.endpoints.release(blue.subnet_id, blue[7])
        hold.wait_for(1)
        hold.release()
        again = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    assert again.port_id != port_id


def test_what_was_running_is_found_after_a_restart(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    port_id = start(node, blue, number=7)
    node = restart(node)
    assert node.endpoints.join("c1").vif.port_id == port_id
    node.endpoints.delete("c1", release=False)
    node.endpoints.release(blue.subnet_id, blue[7])
    assert node.behind.drain(10)
    assert (ports(neutron), kernel.links) == ([], {})


def test_an_endpoint_can_be_deleted_after_a_restart_without_the_cloud(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    start(node, blue, number=7)
    node = restart(node)
    with neutron.down():
        node.endpoints.delete("c1", release=False)
        assert kernel.links == {}
        node.endpoints.release(blue.subnet_id, blue[7])
        assert node.behind.drain(10)
        assert node.sweeps_asked == 1
    node.sweep_after_grace()
    assert ports(neutron) == []


def test_what_is_given_back_right_after_a_start_goes_without_a_sweep(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    """Of a host that crashed, links are gone, rows and ports are not."""
    start(node, blue, number=7)
    kernel.links.clear()
    node = restart(node)
    with neutron.hold() as hold:
        node.endpoints.delete("c1", release=False)
        node.endpoints.release(blue.subnet_id, blue[7])
        hold.wait_for(1)
    assert node.behind.drain(10)
    assert (ports(neutron), node.sweeps_asked) == ([], 0)


def test_who_wants_an_address_waits_for_those_that_are_being_given_back(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    node.endpoints.load()
    neutron.fail_next(method="POST", status=409, type_="IpAddressGenerationFailure", message="No more IP addresses")
    given_back = threading.Event()
    node.behind.soon(lambda: wait_for(given_back))
    assert node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    given_back.set()
    assert neutron.counted("POST") == 2
    assert node.sweeps_asked == 0


def wait_for(event: threading.Event) -> None:
    assert event.wait(10)


def test_a_reservation_survives_a_restart(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    """The process died between RequestAddress and CreateEndpoint."""
    reserved = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    node = restart(node)
    vif = node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    assert vif.fixed_ips == reserved.fixed_ips
    assert kernel.owners() == {"c1"}


def test_a_wanted_address_is_taken_over_from_an_orphan(
    node: Node, neutron: FakeNeutron, blue: Site, restart: Restart
) -> None:
    """A crash, then the same container with its `--ip` again, before any sweep. Nothing of the old port is kept."""
    orphan = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    node = restart(node)
    assert start(node, blue, "c2", number=7) != orphan.port_id
    node.behind.pass_time()
    (port,) = ports(neutron)
    assert port["device_id"] == "c2"


def test_a_claimed_port_is_nobody_elses_after_a_restart(
    node: Node, neutron: FakeNeutron, blue: Site, restart: Restart
) -> None:
    port_id = start(node, blue, number=7)
    node.alive.add("c1")
    node = restart(node)
    with pytest.raises(Conflict):
        node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    with pytest.raises(Conflict, match="c1"):
        node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, blue[7])])
    assert [port["id"] for port in ports(neutron)] == [port_id]


def test_an_orphan_has_one_new_owner_however_many_want_it(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    orphan = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    node = restart(node)
    node.endpoints.release(blue.subnet_id, blue[200])
    barrier = threading.Barrier(2)
    met = threading.Semaphore(2)

    def meet(request: Request) -> None:
        if request.method == "POST" and met.acquire(blocking=False):
            barrier.wait(5)

    neutron.on_request = meet

    def take() -> str:
        try:
            return node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7])).port_id
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(2) as threads:
        taken = set(threads.map(lambda _: take(), range(2)))
    (port,) = ports(neutron)
    assert taken == {port["id"], "refused"}
    assert port["id"] != orphan.port_id


def test_a_reserved_port_has_one_owner_however_many_want_it(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    reserved = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    entered = threading.Semaphore(0)
    go = threading.Event()

    def slow(step: str, port_id: str) -> None:
        if step == "stage":
            entered.release()
            go.wait(5)

    kernel.on_step = slow

    def take(owner: str) -> str:
        try:
            return node.endpoints.create(owner, blue.network_id, [(blue.subnet_id, blue[7])]).port_id
        except KuryrError:
            return "refused"

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(take, "c1")
        assert entered.acquire(timeout=5)
        second = threads.submit(take, "c2")
        assert second.result(5) == "refused"
        go.set()
        assert first.result(5) == reserved.port_id
    assert node.behind.drain(10)
    assert [port["id"] for port in ports(neutron)] == [reserved.port_id]
    assert kernel.owners() == {"c1"}


def test_a_cloud_that_hangs_at_the_start_is_asked_once(
    node: Node, neutron: FakeNeutron, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten containers wait for one answer, not for ten in a row."""
    waiting = threading.Semaphore(0)

    class Watched(Future[None]):
        def result(self, timeout: float | None = None) -> None:
            waiting.release()
            return super().result(timeout)

    def take() -> str:
        try:
            node.endpoints.load()
        except CloudUnavailable:
            return "unavailable"
        return "fine"

    monkeypatch.setattr(locks, "Future", Watched)
    neutron.fail_next(method="GET", path="/ports", status=503, body="a proxy", times=10)
    with ThreadPoolExecutor(10) as threads, neutron.hold() as hold:
        taking = [threads.submit(take) for _ in range(10)]
        hold.wait_for(1)
        assert all(waiting.acquire(timeout=5) for _ in range(9))
        hold.release()
        assert {future.result(5) for future in taking} == {"unavailable"}
    assert neutron.counted("GET", "/ports") == 1


def test_an_address_that_a_living_container_has_is_not_given_back(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """It may be an auxiliary address or a gateway of another network of the engine on the same subnet."""
    port_id = start(node, blue, number=9)
    node.alive.add("c1")
    node.endpoints.release(blue.subnet_id, blue[9])
    assert node.behind.drain(10)
    assert [port["id"] for port in ports(neutron)] == [port_id]
    assert node.kernel.owners() == {"c1"}

    # When the engine does not know the container any more, only the news of its end was lost.
    node.alive.clear()
    node.endpoints.release(blue.subnet_id, blue[9])
    assert node.behind.drain(10)
    assert ports(neutron) == []
    assert node.kernel.owners() == set()


def test_a_port_with_this_hosts_mark_on_another_host_is_not_this_hosts(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    port_id = start(node, blue)
    neutron.cloud.resources["port"][port_id]["binding:host_id"] = "elsewhere"
    assert node.cloud.held() == []


@pytest.mark.parametrize("claimed", [False, True])
def test_an_address_that_is_given_back_while_it_is_asked_for_is_had_in_the_end(
    node: Node, neutron: FakeNeutron, blue: Site, *, claimed: bool
) -> None:
    """Right after a start: the engine's release is still on its way when Neutron says that the address is taken."""
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    if claimed:
        node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    fresh = node.restarted()
    fresh.endpoints.load()
    refused = threading.Event()

    def give_back(asked: Request) -> None:
        match asked.method:
            case "POST" if not refused.is_set():
                fresh.endpoints.release(blue.subnet_id, blue[7])
            case "GET":
                refused.set()
            case "DELETE":
                assert refused.wait(5)

    neutron.on_request = give_back
    vif = fresh.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    assert fresh.behind.drain(10)
    assert [port["id"] for port in ports(neutron)] == [vif.port_id]
    fresh.close()
