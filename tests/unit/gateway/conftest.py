from collections.abc import Iterator

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from unit.host.node import Node


@pytest.fixture
def neutron() -> Iterator[FakeNeutron]:
    neutron = FakeNeutron()
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def node(neutron: FakeNeutron) -> Iterator[Node]:
    node = Node(neutron, FakeKernel())
    yield node
    node.close()
