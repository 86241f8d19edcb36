"""Waiting for Neutron's word that a port is wired, and what is said when it is not, or cannot be."""

from dataclasses import replace

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import PlugError
from kuryr.gateway.ports.container_ports import LocalCloud
from kuryr.gateway.ports.wiring import Wiring
from kuryr.model import PortRequest, Vif
from unit.host.node import MARK, Node, ports, site


class Time:
    """Passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def vif(node: Node, neutron: FakeNeutron) -> Vif:
    blue = site(neutron)
    (vif,) = node.cloud.reserve(PortRequest(blue.network_id, ((blue.subnet_id, None),)))
    neutron.calls.clear()
    return vif


def wiring(neutron: FakeNeutron, time: Time, *, admin: bool = False) -> Wiring:
    return Wiring(neutron.client(admin=admin), MARK, time.clock, time.sleep)


def test_it_ends_when_the_port_is_active(neutron: FakeNeutron, vif: Vif, time: Time) -> None:
    def become_active(_: object) -> None:
        if time.now >= 3:
            neutron.cloud.resources["port"][vif.port_id]["status"] = "ACTIVE"

    neutron.on_request = become_active
    wiring(neutron, time).await_active(vif, 20)
    assert 3 <= time.now < 5
    assert neutron.counted("GET", f"/ports/{vif.port_id}") == len(neutron.calls) <= 6


def test_a_port_that_stays_down_tells_the_state_of_the_hosts_agents(neutron: FakeNeutron, vif: Vif, time: Time) -> None:
    neutron.cloud.report(MARK.host, "Linux bridge agent", alive=False)
    neutron.cloud.report(MARK.host, "DHCP agent")
    neutron.cloud.report("elsewhere", "Open vSwitch agent")
    with pytest.raises(PlugError) as failure:
        wiring(neutron, time, admin=True).await_active(vif, 20)
    assert time.now == 20
    assert str(failure.value) == (
        f"port {vif.port_id} was plugged on h1, but its status is DOWN, not ACTIVE"
        " (h1 has: DHCP agent, alive, Linux bridge agent, dead since 2026-01-01 00:00:00)"
    )
    assert neutron.counted("GET", "/agents") == 1
    assert neutron.calls[-1].params["host"] == ["h1"]


def test_who_may_not_see_agents_says_how_to(neutron: FakeNeutron, vif: Vif, time: Time) -> None:
    neutron.cloud.report(MARK.host, "Linux bridge agent")
    wanted = r"\(is the agent of Neutron's driver ovn alive there\? openstack network agent list --host h1\)"
    with pytest.raises(PlugError, match=wanted):
        wiring(neutron, time).await_active(vif, 1)


def test_a_port_that_is_deleted_meanwhile_is_not_waited_for(neutron: FakeNeutron, vif: Vif, time: Time) -> None:
    neutron.cloud.delete("port", vif.port_id)
    with pytest.raises(PlugError, match="was deleted while it was plugged"):
        wiring(neutron, time).await_active(vif, 20)
    assert time.now == 0


def test_a_port_that_no_agent_can_wire_is_refused_and_removed(neutron: FakeNeutron, node: Node) -> None:
    neutron.cloud.dead_hosts.add(MARK.host)
    neutron.cloud.report(MARK.host, "Open vSwitch agent", alive=False)
    blue = site(neutron)
    cloud = LocalCloud(neutron.client(admin=True), node.gateway.topology, node.gateway.openings, MARK)
    with pytest.raises(PlugError, match=r"could not bind port .* to h1 .h1 has: Open vSwitch agent, dead since 2026"):
        cloud.reserve(PortRequest(blue.network_id, ((blue.subnet_id, None),)))
    assert ports(neutron) == []


def test_a_port_is_active_before_its_container_starts_where_only_the_cloud_knows(
    neutron: FakeNeutron, node: Node
) -> None:
    node.kernel.tells_readiness = False
    blue = site(neutron)
    vif = node.endpoints.create("one", blue.network_id, [(blue.subnet_id, None)])
    with pytest.raises(PlugError, match="its status is DOWN"):
        node.endpoints.join("one")
    neutron.cloud.resources["port"][vif.port_id]["status"] = "ACTIVE"
    neutron.calls.clear()
    assert node.endpoints.join("one").vif == replace(vif)
    assert [call.method for call in neutron.calls] == ["GET"]
