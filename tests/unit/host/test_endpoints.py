"""The life of a container's port: how many requests each step takes, twice is once, failures leave nothing."""

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import CloudError, Conflict, Exhausted, NotFound, PlugError
from unit.host.life import start, stop, warm
from unit.host.node import Node, Site, fail_call, ports, site, snapshot


def test_a_start_takes_one_request_and_one_behind(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    warm(node, neutron, blue)
    start(node, blue)
    assert [(call.method, call.path) for call in neutron.calls] == [("POST", "/ports")]
    node.behind.pass_time()
    assert [call.method for call in neutron.calls] == ["POST", "PUT"]


def test_a_stop_takes_one_request_behind(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = start(node, blue)
    node.behind.pass_time()
    neutron.calls.clear()
    with neutron.hold() as hold:
        node.endpoints.delete("c1", release=False)
        held = node.endpoints.held(port_id)
        assert held
        node.endpoints.release(blue.subnet_id, held.vif.fixed_ips[0].address)
        hold.wait_for(1)
    assert node.behind.drain(10)
    assert [call.method for call in neutron.calls] == ["DELETE"]
    assert ports(neutron) == []


def test_a_container_that_lives_short_is_never_identified(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    stop(node, blue, "c1", start(node, blue))
    node.behind.pass_time()
    assert neutron.counted("PUT") == 0


def test_the_port_bears_mark_host_and_project_from_its_birth(node: Node, neutron: FakeNeutron) -> None:
    shared = site(neutron, project_id="stranger", shared=True)
    node.endpoints.reserve("d1", shared.network_id, (shared.subnet_id, None))
    (port,) = ports(neutron)
    assert port["binding:host_id"] == "h1"
    assert port["device_owner"] == "compute:kuryr"
    assert port["device_id"] == "kuryr:reserved"
    assert port["project_id"] == "stranger"


def test_the_port_later_bears_its_user(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    start(node, blue, "container-1234567890")
    node.behind.pass_time()
    (port,) = ports(neutron)
    assert (port["device_id"], port["name"]) == ("container-1234567890", "kuryr-container-12")


def test_the_user_is_known_at_once_when_nobody_reserved(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """Another IPAM than Kuryr's gave out the address."""
    warm(node, neutron, blue)
    node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])], "02:42:00:00:00:07")
    node.behind.pass_time()
    assert [call.method for call in neutron.calls] == ["POST"]
    (port,) = ports(neutron)
    assert (port["device_id"], port["mac_address"]) == ("c1", "02:42:00:00:00:07")


def test_a_wanted_mac_address_replaces_a_reserved_port(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    neutron.calls.clear()
    vif = node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])], "02:42:00:00:00:07")
    assert vif.mac == "02:42:00:00:00:07"
    assert [call.method for call in neutron.calls] == ["DELETE", "POST"]
    assert len(ports(neutron)) == 1


def test_create_twice_is_once(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = start(node, blue)
    neutron.calls.clear()
    held = node.endpoints.held(port_id)
    assert held
    again = node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, held.vif.fixed_ips[0].address)])
    assert again.port_id == port_id
    assert neutron.calls == []


def test_join_twice_is_once(node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    start(node, blue)
    assert node.endpoints.join("c1") == node.endpoints.join("c1")
    assert len(kernel.links) == 1


def test_everything_may_be_deleted_twice(node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    port_id = start(node, blue, number=7)
    for _ in range(2):
        node.endpoints.delete("c1", release=False)
        node.endpoints.release(blue.subnet_id, blue[7])
        assert node.behind.drain(10)
    assert (ports(neutron), kernel.links) == ([], {})
    assert node.endpoints.held(port_id) is None
    assert neutron.counted("DELETE") == 1


def test_joining_without_a_port_says_what_to_do(node: Node) -> None:
    with pytest.raises(NotFound, match="start the container again"):
        node.endpoints.join("nobody")


def test_an_address_in_use_is_refused(node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    start(node, blue, "c1", number=7)
    with pytest.raises(Conflict, match=r"10\.1\.0\.7 is in use: compute:kuryr"):
        node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    with pytest.raises(Conflict, match="c1"):
        node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, blue[7])])
    assert len(ports(neutron)) == 1
    assert kernel.owners() == {"c1"}


def test_exhaustion_asks_for_a_sweep(node: Node, neutron: FakeNeutron) -> None:
    tiny = site(neutron, "10.9.0.0/29")
    for _ in range(4):
        node.endpoints.reserve("d1", tiny.network_id, (tiny.subnet_id, None))
    neutron.calls.clear()
    with pytest.raises(Exhausted):
        node.endpoints.reserve("d1", tiny.network_id, (tiny.subnet_id, None))
    assert node.sweeps_asked == 1
    assert neutron.counted("POST") == 1


def test_a_reservation_nobody_claims_asks_for_a_sweep(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    start(node, blue)
    node.behind.pass_time()
    assert node.sweeps_asked == 0
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    node.behind.pass_time()
    assert node.sweeps_asked == 1


@pytest.mark.parametrize("step", ["stage", "plug", "await_ready"])
def test_a_host_that_fails_to_plug_leaves_nothing(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, step: str
) -> None:
    before = snapshot(neutron)
    with kernel.failing(step), pytest.raises(PlugError):
        start(node, blue, number=7)
    # Whatever failed, the engine gives the address back; after a failed join it deletes the endpoint before.
    node.endpoints.delete("c1", release=False)
    node.endpoints.release(blue.subnet_id, blue[7])
    assert node.behind.drain(10)
    assert (snapshot(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("release", [False, True])
def test_an_interface_that_resists_is_left_to_the_sweep(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, release: bool
) -> None:
    start(node, blue, number=7)
    with kernel.failing("unplug"):
        node.endpoints.delete("c1", release=release)
        if not release:
            node.endpoints.release(blue.subnet_id, blue[7])
        assert node.behind.drain(10)
    assert node.sweeps_asked == 1
    node.sweep_after_grace()
    assert (ports(neutron), kernel.links) == ([], {})


def test_a_half_made_interface_that_resists_is_left_to_the_sweep(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    failing = kernel.failing("stage", error=PlugError("the first reason"))
    with failing, kernel.failing("unplug"), pytest.raises(PlugError, match="the first reason"):
        node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    assert node.sweeps_asked == 1


def test_a_release_that_fails_is_left_to_the_sweep(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    port_id = start(node, blue, number=7)
    neutron.fail_next(method="DELETE")
    stop(node, blue, "c1", port_id)
    assert node.sweeps_asked == 1
    assert len(ports(neutron)) == 1
    node.sweep_after_grace()
    assert ports(neutron) == []


@pytest.mark.parametrize("applied", [False, True])
def test_an_address_whose_release_failed_can_be_had_again(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, applied: bool
) -> None:
    port_id = start(node, blue, number=7)
    neutron.fail_next(method="DELETE", applied=applied)
    stop(node, blue, "c1", port_id)
    again = start(node, blue, "c2", number=7)
    assert [port["id"] for port in ports(neutron)] == [again]
    assert kernel.owners() == {"c2"}


@pytest.mark.parametrize("applied", [False, True])
def test_the_same_under_another_ipam(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, applied: bool
) -> None:
    node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    neutron.fail_next(method="DELETE", applied=applied)
    node.endpoints.delete("c1", release=True)
    assert node.behind.drain(10)
    vif = node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, blue[7])])
    assert [port["id"] for port in ports(neutron)] == [vif.port_id]


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_failing_request_leaves_nothing_that_is_not_swept(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, number: int, applied: bool
) -> None:
    before = snapshot(neutron)
    fail_call(neutron, number, applied=applied)
    with pytest.raises(CloudError):
        start(node, blue, number=7)
    neutron.on_request = None
    node.sweep_after_grace()
    assert (snapshot(neutron), kernel.links) == (before, {})
