from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from unit.docker.wire import Served, ready, served
from unit.docker.world import Docker
from unit.host.node import Node


@pytest.fixture
def neutron() -> FakeNeutron:
    return FakeNeutron()


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def docker(neutron: FakeNeutron, kernel: FakeKernel) -> Iterator[Docker]:
    docker = Docker(Node(neutron, kernel))
    docker.node.networks.anchors.owners()
    docker.node.endpoints.load()
    neutron.calls.clear()
    yield docker
    docker.node.close()


@pytest.fixture
def server(docker: Docker, tmp_path: Path) -> Iterator[Served]:
    """The driver of that engine, at its socket."""
    with served(tmp_path / "kuryr.sock", ready(docker.driver), activated=docker.pending.clear) as running:
        yield running
