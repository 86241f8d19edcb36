from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from fakes.transport import EVERYTHING
from unit.docker.wire import Served, ready, served
from unit.docker.world import Docker
from unit.host.node import Node, RemoteNode


@pytest.fixture
def neutron() -> Iterator[FakeNeutron]:
    neutron = FakeNeutron()
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def node(pytestconfig: pytest.Config, neutron: FakeNeutron, kernel: FakeKernel, tmp_path: Path) -> Node:
    """The host of that engine, with credentials and without."""
    if pytestconfig.getoption("--transport") == "local":
        return Node(neutron, kernel)
    grants = tmp_path / "grants.toml"
    grants.write_text(EVERYTHING)
    return RemoteNode(neutron, kernel, grants)


@pytest.fixture
def docker(neutron: FakeNeutron, node: Node) -> Iterator[Docker]:
    docker = Docker(node)
    docker.node.gateway.networks.anchors.owners()
    docker.node.endpoints.load()
    neutron.calls.clear()
    yield docker
    docker.node.close()


@pytest.fixture
def server(docker: Docker, tmp_path: Path) -> Iterator[Served]:
    """The driver of that engine, at its socket."""
    with served(tmp_path / "kuryr.sock", ready(docker.driver), activated=docker.pending.clear) as running:
        yield running
