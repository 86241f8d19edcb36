from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from fakes.transport import EVERYTHING
from kuryr.host.demand import Sizes
from unit.docker.wire import Served, ready, served
from unit.docker.world import Docker
from unit.host.node import NO_SIZES, Node, RemoteNode


@pytest.fixture
def neutron() -> Iterator[FakeNeutron]:
    neutron = FakeNeutron()
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def sizes() -> Sizes:
    """How many ports wait on that host."""
    return NO_SIZES


@pytest.fixture
def node(pytestconfig: pytest.Config, neutron: FakeNeutron, kernel: FakeKernel, sizes: Sizes, tmp_path: Path) -> Node:
    """The host of that engine, with credentials and without."""
    if pytestconfig.getoption("--transport") == "local":
        return Node(neutron, kernel, sizes=sizes)
    grants = tmp_path / "grants.toml"
    grants.write_text(EVERYTHING)
    return RemoteNode(neutron, kernel, grants, sizes=sizes)


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
