"""A driver on each host, for the whole session; every test leaves nothing behind."""

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.docker_host import DockerHost
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Request
from kuryr_lab.traffic import Container
from system import plugin
from system.driver import Driver


@pytest.fixture(scope="session")
def drivers(lab: Lab) -> Iterator[dict[str, Driver]]:
    """The driver `kuryr` on every host."""
    running = {name: Driver(host) for name, host in lab.hosts.items()}
    yield running
    for driver in running.values():
        driver.stop()


@pytest.fixture(scope="session")
def built_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kuryr as a managed plugin, for `docker plugin create`."""
    return plugin.build(tmp_path_factory.mktemp("plugin") / "kuryr")


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


def methods(lab: Lab, requests: Sequence[Request]) -> list[str]:
    """What was asked, without looks at the status of a port that is plugged, where nothing else shows it."""
    asked = [request.method for request in requests]
    while not lab.backend.wiring_shows and asked[-1:] == ["GET"]:
        asked.pop()
    return asked


class Bench:
    """What a test makes by docker commands: all of it is removed at the end, also after a failure."""

    def __init__(self) -> None:
        self._containers: list[Container] = []
        self._networks: list[tuple[DockerHost, str]] = []
        self._network_names: dict[str, str] = {}

    def network(self, host: DockerHost, *options: str, ipam: bool = True, driver: str = "kuryr") -> str:
        """docker network create, under a fresh name."""
        name = f"n{secrets.token_hex(4)}"
        own = ("--ipam-driver", driver) if ipam else ()
        host.docker("network", "create", "--driver", driver, *own, *options, name)
        self._networks.append((host, name))
        return name

    def run(self, host: DockerHost, network: str, *options: str) -> Container:
        """docker run a container that waits."""
        container = Container(host, f"c{secrets.token_hex(4)}")
        self._containers.append(container)
        self._network_names[container.name] = network.removeprefix("name=").partition(",")[0]
        host.docker(
            "run", "--detach", "--name", container.name, "--network", network, *options, "busybox", "sleep", "3600"
        )
        return container

    def network_of(self, container: Container) -> str:
        """The network that a container was run on."""
        return self._network_names[container.name]

    def clear_containers(self, host: DockerHost | None = None) -> None:
        """Remove all containers, or those of one host, the newest first."""
        for container in self._containers[::-1]:
            if host in {None, container.host}:
                self._containers.remove(container)
                container.host.docker("rm", "--force", container.name)

    def forget(self, host: DockerHost) -> None:
        """Whatever there was on a host is gone."""
        self._containers = [container for container in self._containers if container.host is not host]
        self._networks = [(each, name) for each, name in self._networks if each is not host]

    def remove_network(self, host: DockerHost, name: str) -> None:
        """docker network rm."""
        self._networks.remove((host, name))
        host.docker("network", "rm", name)

    def clear(self) -> None:
        """Remove all containers, then all networks, the newest first."""
        self.clear_containers()
        while self._networks:
            self.remove_network(*self._networks[-1])


@pytest.fixture
def bench(no_leaks: None) -> Iterator[Bench]:
    """Docker networks and containers that are gone at the end."""
    bench = Bench()
    yield bench
    bench.clear()


@pytest.fixture
def network(host1: Host, bench: Bench) -> str:
    """A Docker network on host1 that Kuryr makes, with Kuryr's IPAM; its lower half is for who chooses an address."""
    return bench.network(host1, "--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/25")


def address_of(container: Container, network: str) -> str:
    """A container's address on a network."""
    form = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    return container.host.docker("inspect", "--format", form, container.name)
