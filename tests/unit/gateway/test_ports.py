"""The cloud as a host sees it: ports in one request each, found again by their mark."""

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import Exhausted, NotFound
from kuryr.gateway.identity import Anchorage
from kuryr.model import Mark, PortRequest
from unit.host.node import Node, ports, site


def test_several_ports_are_made_in_one_request_all_or_none(node: Node, neutron: FakeNeutron) -> None:
    tiny = site(neutron, "10.9.0.0/29")
    node.gateway.topology.network(tiny.network_id)
    neutron.calls.clear()
    request = PortRequest(tiny.network_id, ((tiny.subnet_id, None),))
    assert len({vif.port_id for vif in node.cloud.reserve(request, 3)}) == 3
    assert len(neutron.calls) == 1
    with pytest.raises(Exhausted):
        node.cloud.reserve(request, 3)
    assert len(ports(neutron)) == 3


def test_a_vif_says_all_that_a_binding_driver_needs(node: Node, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    (vif,) = node.cloud.reserve(PortRequest(blue.network_id, ((blue.subnet_id, blue[9]),), mac="02:42:00:00:00:09"))
    assert (vif.vif_type, vif.vnic_type, vif.mac) == ("ovs", "normal", "02:42:00:00:00:09")
    assert vif.mtu == node.gateway.topology.network(blue.network_id).mtu
    assert [str(fixed.address) for fixed in vif.fixed_ips] == ["10.1.0.9"]
    assert vif.details["bridge_name"] == "br-int"
    assert vif.owner == ""


def test_held_are_the_ports_of_this_host_with_their_users(node: Node, neutron: FakeNeutron) -> None:
    blue, green = site(neutron), site(neutron, "10.2.0.0/24")
    other = Node(neutron, FakeKernel(), mark=Mark("test", "h2"))
    for one in (node, other):
        for where in (blue, green):
            one.cloud.reserve(PortRequest(where.network_id, ((where.subnet_id, None),), owner=f"on-{one is node}"))
    neutron.calls.clear()
    fresh = Node(neutron, FakeKernel())
    held = fresh.cloud.held()
    assert {vif.owner for vif in held} == {"on-True"}
    assert len(held) == 2
    assert len(neutron.calls) == 3
    fresh.cloud.held()
    assert len(neutron.calls) == 4


def test_an_anchor_is_not_a_container_port(node: Node, neutron: FakeNeutron) -> None:
    node.networks.adopt(Anchorage("net1"), node.gateway.topology.network(site(neutron).network_id))
    assert node.cloud.held() == []


def test_release_and_identify_forgive_a_port_that_is_gone(node: Node, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    (vif,) = node.cloud.reserve(PortRequest(blue.network_id, ((blue.subnet_id, None),)))
    for _ in range(2):
        node.cloud.release(vif)
    node.cloud.identify(vif, "c1", "c1")
    assert ports(neutron) == []


def test_a_port_on_a_network_that_is_gone_says_so(node: Node) -> None:
    with pytest.raises(NotFound):
        node.cloud.reserve(PortRequest("11111111-2222-3333-4444-555555555555", ()))
