"""A start that finds a port ready only hands its interface over."""

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.host.demand import Sizes
from unit.host.life import start
from unit.host.node import Node, Site

CLAIMED = ["stage", "await_ready", "stage", "await_ready"]
"""RequestAddress takes the claim of those that wait away, CreateEndpoint writes the user's, Join looks."""


@pytest.fixture
def node(neutron: FakeNeutron, kernel: FakeKernel, blue: Site) -> Node:
    """A host where a port has been made ahead, because somebody asked for one."""
    node = Node(neutron, kernel, sizes=Sizes(most=3))
    start(node, blue)
    node.behind.pass_time()
    return node


def steps(node: Node, kernel: FakeKernel, blue: Site) -> list[str]:
    taken: list[str] = []
    kernel.on_step = lambda step, _: taken.append(step)
    start(node, blue, "c2")
    node.close()
    return taken


def test_it_is_neither_plugged_nor_announced_again(node: Node, kernel: FakeKernel, blue: Site) -> None:
    assert steps(node, kernel, blue) == CLAIMED


def test_what_a_dead_process_has_left_ready_is_plugged_again(node: Node, kernel: FakeKernel, blue: Site) -> None:
    restarted = node.restarted()
    restarted.endpoints.load()
    assert steps(restarted, kernel, blue) == [*CLAIMED[:-1], "stage", "plug", "await_ready", "announce"]
