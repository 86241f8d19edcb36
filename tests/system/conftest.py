"""A driver on each host, for the whole session; every test leaves nothing behind."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.traffic import Container
from system.driver import Driver


@pytest.fixture(scope="session")
def drivers(lab: Lab) -> Iterator[dict[str, Driver]]:
    """The driver `kuryr` on every host."""
    running = {name: Driver(host) for name, host in lab.hosts.items()}
    yield running
    for driver in running.values():
        driver.stop()


@pytest.fixture
def host1(lab: Lab, drivers: dict[str, Driver], no_leaks: None) -> Host:
    """The first host, on which nothing may be left."""
    return lab.hosts["host1"]


@pytest.fixture
def host2(lab: Lab, drivers: dict[str, Driver], no_leaks: None) -> Host:
    """The second host."""
    return lab.hosts["host2"]


@pytest.fixture
def driver1(drivers: dict[str, Driver], host1: Host) -> Driver:
    """The driver of the first host."""
    return drivers["host1"]


@pytest.fixture
def neutron(lab: Lab) -> Neutron:
    """Neutron, as an administrator sees it."""
    return lab.neutron("admin")


@pytest.fixture
def network(host1: Host) -> Iterator[str]:
    """A Docker network on host1 that Kuryr makes, with Kuryr's IPAM."""
    name = create_network(host1, "--subnet", "10.77.0.0/24")
    yield name
    host1.docker("network", "rm", name)


Run = Callable[..., Container]


@pytest.fixture
def run(no_leaks: None) -> Iterator[Run]:
    """Start containers; they are gone at the end."""
    started: list[Container] = []

    def start(host: Host, network: str, *options: str) -> Container:
        name = f"c{secrets.token_hex(4)}"
        container = Container(host, name)
        started.append(container)
        host.docker("run", "--detach", "--name", name, "--network", network, *options, "busybox", "sleep", "3600")
        return container

    yield start
    for container in started:
        container.host.docker("rm", "--force", container.name)


def create_network(host: Host, *options: str, ipam: bool = True, driver: str = "kuryr") -> str:
    """docker network create, under a fresh name."""
    name = f"n{secrets.token_hex(4)}"
    own = ("--ipam-driver", driver) if ipam else ()
    host.docker("network", "create", "--driver", driver, *own, *options, name)
    return name


def address_of(container: Container, network: str) -> str:
    """A container's address on a network."""
    form = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    return container.host.docker("inspect", "--format", form, container.name)
