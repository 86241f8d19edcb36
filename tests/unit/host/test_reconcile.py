"""The sweep of a host: what no container uses goes, after the grace period; everything else stays."""

import pytest

from fakes.binding import FakeKernel, Link
from fakes.neutron import FakeNeutron
from kuryr.errors import CloudUnavailable, Conflict
from kuryr.model import Mark
from unit.host.life import Restart, start
from unit.host.node import GRACE, Node, Site, during, ports, snapshot


def test_nothing_is_removed_at_first_sight(node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    start(node, blue)
    assert node.sweep() == 1
    node.clock.now += GRACE - 1
    assert node.sweep() == 1
    assert (len(ports(neutron)), len(kernel.links)) == (1, 1)
    node.clock.now += 1
    assert node.sweep() == 0
    assert (ports(neutron), kernel.links) == ([], {})


def test_containers_that_live_are_never_swept(node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    port_id = start(node, blue, "c1")
    for _ in range(5):
        assert node.sweep_after_grace("c1") == 0
    assert [port["id"] for port in ports(neutron)] == [port_id]
    assert kernel.owners() == {"c1"}


def test_they_are_not_after_a_restart_either(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    start(node, blue, "c1")
    node = restart(node)
    assert node.sweep_after_grace("c1") == 0
    assert kernel.owners() == {"c1"}
    assert len(ports(neutron)) == 1


def test_an_interface_without_a_port_and_a_port_without_an_interface_go(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    kernel.links["11111111-gone"] = Link("c9", "")
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, None))
    node.sweep_after_grace()
    assert (ports(neutron), kernel.links) == ([], {})


def test_what_others_made_is_never_touched(node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> None:
    others = [
        Node(neutron, FakeKernel(), mark=Mark("test", "h2")),
        Node(neutron, FakeKernel(), mark=Mark("other", "h1")),
    ]
    for number, other in enumerate(others):
        start(other, blue, f"other{number}")
        other.close()
    body = {"network_id": blue.network_id, "device_owner": "compute:nova", "device_id": "vm"}
    neutron.cloud.create("port", [body], neutron.project_id)
    before = snapshot(neutron)
    start(node, blue)
    node.sweep_after_grace()
    assert snapshot(neutron) == before


def test_a_port_on_its_way_out_is_not_counted(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    start(node, blue, number=7)
    node.endpoints.delete("c1", release=False)
    swept: list[int] = []
    during(neutron, "DELETE", "/ports", lambda: swept.append(node.sweep()))
    node.endpoints.release(blue.subnet_id, blue[7])
    assert node.behind.drain(10)
    assert swept == [0]


def test_one_interface_that_resists_does_not_save_the_rest(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    stubborn = min(start(node, blue, f"c{number}") for number in range(3))
    with kernel.failing("unplug", stubborn):
        assert node.sweep_after_grace() == 1
    assert [port["id"] for port in ports(neutron)] == [stubborn]
    node.sweep_after_grace()
    assert (ports(neutron), kernel.links) == ([], {})


def test_one_port_that_neutron_will_not_delete_does_not_save_the_rest(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    for number in range(3):
        start(node, blue, f"c{number}")
    neutron.fail_next(method="DELETE", status=403, type_="PolicyNotAuthorized", message="disallowed by policy")
    assert node.sweep_after_grace() == 1
    assert len(ports(neutron)) == 1
    node.sweep_after_grace()
    assert ports(neutron) == []


def test_a_silent_cloud_ends_the_sweep_at_once(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """Otherwise each of a thousand leftovers would wait for its own time-out."""
    for number in range(3):
        start(node, blue, f"c{number}")
    node.sweep()
    node.clock.now += GRACE
    neutron.fail_next(method="DELETE", status=503, body="a proxy")
    with pytest.raises(CloudUnavailable):
        node.sweep()
    assert len(ports(neutron)) == 3
    node.sweep_after_grace()
    assert ports(neutron) == []


@pytest.mark.parametrize("moment", ["POST /ports", "GET /ports", "found"])
def test_who_takes_over_an_orphan_while_it_is_swept_keeps_it(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart, moment: str
) -> None:
    """The sweep's list of the living is older than the user's claim."""
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    node = restart(node)
    node.sweep()
    node.clock.now += GRACE
    started: list[str] = []

    def take() -> None:
        started.append(start(node, blue, "c2", number=7))

    if moment == "found":
        kernel.on_step = lambda step, _: take() if step == "found" and not started else None
    elif moment == "GET /ports":
        during(neutron, "GET", "/ports", take)
    else:
        during(neutron, "POST", "/ports", lambda: node.sweep() and None)
        take()
    node.sweep()
    assert kernel.owners() == {"c2"}
    assert [port["id"] for port in ports(neutron)] == started


def test_an_orphan_that_is_being_swept_is_nobodys(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    node = restart(node)
    node.sweep()
    node.clock.now += GRACE
    refused: list[bool] = []

    def take(step: str, _: str) -> None:
        if step == "unplug" and not refused:
            refused.append(True)
            with pytest.raises(Conflict):
                start(node, blue, "c2", number=7)

    kernel.on_step = take
    node.sweep()
    assert refused == [True]
    assert (ports(neutron), kernel.links) == ([], {})


def test_a_claim_with_a_new_user_counts_as_new(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart
) -> None:
    """Docker lists an endpoint only after Join; the grace period must begin with the user, not with the port."""
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    node = restart(node)
    node.sweep()
    node.clock.now += GRACE - 1
    start(node, blue, "c2", number=7)
    node.clock.now += 1
    assert node.sweep() == 1
    assert kernel.owners() == {"c2"}
    assert node.sweep("c2") == 0
