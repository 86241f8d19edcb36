"""What stands in a user's way but is nobody's, because a process died: it is had at once, and nothing else is."""

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, Exhausted
from kuryr.model import PortRequest
from unit.host.life import Restart, warm
from unit.host.node import Node, Site, ports, site


@pytest.mark.parametrize("reserved", [False, True])
def test_a_claim_of_a_start_that_the_engine_never_heard_of_is_nobodys_after_a_restart(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, restart: Restart, *, reserved: bool
) -> None:
    """The process died before it answered for the endpoint. What it claimed is free for whoever wants it at once."""
    lost = node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    node = restart(node)
    if reserved:
        node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    vif = node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, blue[7])])
    assert vif.port_id != lost.port_id
    assert [port["id"] for port in ports(neutron)] == [vif.port_id]
    assert kernel.owners() == {"c2"}


def test_a_claim_of_this_process_is_nobody_elses_though_the_engine_has_not_heard_of_it_yet(
    node: Node, kernel: FakeKernel, blue: Site
) -> None:
    node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    with pytest.raises(Conflict, match="c1"):
        node.endpoints.create("c2", blue.network_id, [(blue.subnet_id, blue[7])])
    with pytest.raises(Conflict):
        node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    assert kernel.owners() == {"c1"}


def test_what_a_dead_process_had_asked_for_and_got_later_is_nobodys(
    node: Node, neutron: FakeNeutron, blue: Site, restart: Restart
) -> None:
    """Its request was on its way when it died; it reached Neutron when its successor had already looked."""
    fresh = restart(node)
    fresh.endpoints.load()
    lost = node.cloud.reserve(PortRequest(blue.network_id, ((blue.subnet_id, blue[7]),)))[0]
    vif = fresh.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    assert [port["id"] for port in ports(neutron)] == [vif.port_id] != [lost.port_id]


def test_a_full_subnet_is_not_looked_through(node: Node, neutron: FakeNeutron) -> None:
    tiny = site(neutron, "10.2.0.0/29")
    warm(node, neutron, tiny)
    with pytest.raises(Exhausted):  # noqa: PT012
        for _ in tiny.cidr:
            node.endpoints.reserve("d1", tiny.network_id, (tiny.subnet_id, None))
    assert node.behind.drain(10)
    # Behind, those that wait on other hosts.
    assert [call.params.get("name") for call in neutron.calls if call.method == "GET"] == [["kuryr-ready"]]
