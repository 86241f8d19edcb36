"""An existing network, and Docker networks on it; and the outside."""

import pytest

from fakes.neutron import FakeNeutron
from unit.docker.outside import Outside
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Site, site


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


@pytest.fixture
def bare(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    """A network with Docker's null IPAM."""
    network = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    neutron.calls.clear()
    return network


@pytest.fixture
def full(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    """A network with Kuryr's IPAM."""
    network = docker.create_network(ipam_opt={"neutron.net.uuid": blue.network_id})
    neutron.calls.clear()
    return network


@pytest.fixture
def outside(neutron: FakeNeutron) -> Outside:
    return Outside(neutron)
