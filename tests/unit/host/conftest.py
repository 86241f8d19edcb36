from collections.abc import Callable, Iterator

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from unit.host.node import Node, Site, site


@pytest.fixture
def neutron() -> Iterator[FakeNeutron]:
    neutron = FakeNeutron()
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


@pytest.fixture
def restart(neutron: FakeNeutron, kernel: FakeKernel) -> Iterator[Callable[[Node], Node]]:
    nodes: list[Node] = []

    def restart(node: Node) -> Node:
        nodes.append(node.restarted())
        return nodes[-1]

    yield restart
    for node in nodes:
        node.close()


@pytest.fixture
def node(neutron: FakeNeutron, kernel: FakeKernel) -> Iterator[Node]:
    node = Node(neutron, kernel)
    yield node
    node.close()
