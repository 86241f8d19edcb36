"""What goes behind: the interface first, then the port; whoever wants the address again waits for both."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.host.demand import Sizes
from unit.host.life import start
from unit.host.node import Node, Site, calls, ports


@pytest.fixture
def unplugging(kernel: FakeKernel) -> Iterator[threading.Event]:
    """No interface is removed before this is set."""
    go = threading.Event()

    def wait(step: str, port_id: str) -> None:
        assert step != "unplug" or go.wait(10)

    kernel.on_step = wait
    yield go
    go.set()


def test_an_engine_waits_neither_for_the_kernel_nor_for_the_cloud(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, unplugging: threading.Event
) -> None:
    start(node, blue, number=7)
    neutron.calls.clear()
    node.endpoints.delete("c1", release=False)
    node.endpoints.release(blue.subnet_id, blue[7])
    assert not node.behind.drain(0.1)
    assert (calls(neutron), kernel.owners()) == ([], {"c1"})
    unplugging.set()
    assert node.behind.drain(10)
    assert (calls(neutron), kernel.links) == (["DELETE ports"], {})


def test_who_wants_the_address_again_waits_for_the_interface_to_go(
    node: Node, neutron: FakeNeutron, blue: Site, unplugging: threading.Event
) -> None:
    start(node, blue, number=7)
    node.endpoints.delete("c1", release=False)
    node.endpoints.release(blue.subnet_id, blue[7])
    threading.Timer(0.05, unplugging.set).start()
    start(node, blue, "c2", number=7)
    assert node.behind.drain(10)
    assert [port["fixed_ips"][0]["ip_address"] for port in ports(neutron)] == [str(blue[7])]


def test_no_sweep_looks_at_what_is_on_its_way(node: Node, blue: Site, unplugging: threading.Event) -> None:
    start(node, blue, number=7)
    node.endpoints.delete("c1", release=False)
    assert node.sweep() == 0
    unplugging.set()
    assert node.behind.drain(10)


def test_a_function_of_a_card_is_free_when_the_engine_is_answered(node: Node, kernel: FakeKernel, blue: Site) -> None:
    """There are few of them, and the next container wants one."""
    start(node, blue)
    vif = node.endpoints.remembered("c1")
    assert vif
    part = replace(vif, port_id="a-function", vif_type="card", vnic_type="direct", owner="c2", fixed_ips=())
    node.endpoints.inherit(part, alive=True)
    unplugged_by = []
    kernel.on_step = lambda step, _: unplugged_by.append(threading.current_thread()) if step == "unplug" else None
    node.endpoints.delete("c2", release=True)
    assert unplugged_by == [threading.current_thread()]


def test_a_port_that_is_to_be_given_back_twice_stays_with_the_user_who_has_got_it_in_between(
    neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    node = Node(neutron, kernel, sizes=Sizes(most=3, pause=0))
    port_id = start(node, blue)
    held = node.endpoints.held(port_id)
    assert held
    node.endpoints.delete("c1", release=True)
    assert node.behind.drain(10)
    node.endpoints.releases.start(held.vif)
    assert start(node, blue, "c2") == port_id
    assert node.behind.drain(10)
    assert [port["id"] for port in ports(neutron)] == [port_id]
    node.close()
