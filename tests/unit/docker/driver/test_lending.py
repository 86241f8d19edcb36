"""Existing ports after crashes and failures, and wanted by several hosts: given back as they were, and lent once."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, KuryrError
from kuryr.model import Mark
from unit.docker.existing import LENT, port
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Node, Site, fail_call, now, snapshot


def test_a_restart_forgets_nothing(docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork) -> None:
    port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    container = docker.run(bare, options={"neutron.port.name": "web-1"})
    docker.restart_driver()
    assert docker.sweep_after_grace() == 0
    docker.stop(container)
    assert now(neutron) == before


def test_after_a_crash_the_next_user_need_not_wait_for_the_sweep(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, bare: DockerNetwork
) -> None:
    port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    docker.run(bare, options={"neutron.port.name": "web-1"})
    docker.endpoints.clear()
    kernel.links.clear()
    docker.restart_driver()
    container = docker.run(bare, options={"neutron.port.name": "web-1"})
    docker.node.behind.pass_time()
    docker.stop(container)
    assert now(neutron) == before


@pytest.mark.parametrize("drop", [False, True], ids=["error", "broken"])
@pytest.mark.parametrize("applied", [False, True], ids=["refused", "lost"])
@pytest.mark.parametrize("number", range(1, 4))
def test_a_crash_at_any_request_of_the_start_leaves_the_port_as_it_was(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, bare: DockerNetwork, blue: Site, *, number: int,
    applied: bool, drop: bool,
) -> None:  # fmt: skip
    port(neutron, blue, 9, name="web-1", tags=["role=web"])
    before = now(neutron)
    fail_call(neutron, number, applied=applied, drop=drop)
    with pytest.raises(KuryrError):
        docker.run(bare, options={"neutron.port.name": "web-1"})
    neutron.on_request = None
    docker.restart_driver()
    docker.sweep_after_grace()
    assert (now(neutron), kernel.links) == (before, {})


class Killed(BaseException):
    """The process is gone: nothing that would be done after a failure is done."""


@pytest.mark.parametrize("number", range(1, 7))
def test_kill_nine_at_any_request_leaves_the_port_as_it_was(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, bare: DockerNetwork, number: int
) -> None:
    """Requests 1 to 3 are the start's, 4 to 6 the end's."""
    port(neutron, blue, 9, name="web-1", tags=["role=web"])
    before = now(neutron)
    killed_at(docker, neutron, bare, number)
    docker.endpoints.clear()
    docker.restart_driver()
    docker.sweep_after_grace()
    assert (now(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("number", range(1, 7))
def test_after_kill_nine_the_same_host_need_not_wait_for_the_sweep(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, bare: DockerNetwork, number: int
) -> None:
    port(neutron, blue, 9, name="web-1", tags=["role=web"])
    before = now(neutron)
    killed_at(docker, neutron, bare, number)
    docker.endpoints.clear()
    docker.restart_driver()
    docker.stop(docker.run(bare, options={"neutron.port.name": "web-1"}))
    docker.sweep_after_grace()
    assert (now(neutron), kernel.links) == (before, {})


def killed_at(docker: Docker, neutron: FakeNeutron, network: DockerNetwork, number: int) -> None:
    """Start a container with the port web-1 and stop it; the driver is dead from this request on."""
    dead: list[object] = []

    def kill(request: object) -> None:
        dead.append(request)
        if len(dead) >= number:
            raise Killed

    neutron.on_request = kill
    with contextlib.suppress(Killed):
        docker.stop(docker.run(network, options={"neutron.port.name": "web-1"}))
    neutron.on_request = None


def test_a_port_that_its_owner_deletes_meanwhile_is_no_trouble(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork
) -> None:
    before = now(neutron)
    web = port(neutron, blue, 9, name="web-1")
    container = docker.run(bare, options={"neutron.port.name": "web-1"})
    neutron.cloud.delete("port", web["id"])
    docker.stop(container)
    assert docker.sweep_after_grace() == 0
    assert now(neutron) == before


def test_a_port_that_somebody_has_taken_away_is_left_to_him(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork
) -> None:
    web = port(neutron, blue, 9, name="web-1")
    container = docker.run(bare, options={"neutron.port.name": "web-1"})
    theirs = {"device_owner": "compute:nova", "device_id": "vm-1", "binding:host_id": "h9"}
    neutron.cloud.update("port", web["id"], theirs)
    docker.stop(container)
    assert docker.sweep_after_grace() == 0
    left = snapshot(neutron)["port"][web["id"]]
    assert {key: left[key] for key in theirs} == theirs
    assert left["tags"] == []


def test_a_failed_start_gives_the_port_back(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, bare: DockerNetwork
) -> None:
    port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    for step in ("stage", "plug"):
        with kernel.failing(step), pytest.raises(KuryrError):
            docker.run(bare, options={"neutron.port.name": "web-1"})
        assert docker.node.behind.drain(10)
        assert (now(neutron), kernel.links) == (before, {})


@pytest.fixture
def hosts(docker: Docker, neutron: FakeNeutron, blue: Site) -> Iterator[list[tuple[Docker, DockerNetwork]]]:
    """Two hosts with a network without IPAM each."""
    other = Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2")))
    both = [docker, other]
    yield [(each, each.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})) for each in both]
    other.node.close()


def race(hosts: list[tuple[Docker, DockerNetwork]], times: int, options: dict[str, str]) -> list[str]:
    """Start containers on all hosts at once; the addresses of those that started."""

    def start(number: int) -> str:
        docker, network = hosts[number % len(hosts)]
        try:
            return docker.run(network, options=options).address
        except Conflict:
            return ""

    with ThreadPoolExecutor(times) as pool:
        return [address for address in pool.map(start, range(times)) if address]


def test_two_hosts_never_take_the_same_of_a_set(
    hosts: list[tuple[Docker, DockerNetwork]], neutron: FakeNeutron, blue: Site
) -> None:
    for number in range(10, 18):
        port(neutron, blue, number, tags=["role=web"])
    taken = race(hosts, 8, {"neutron.port.tag": "role=web"})
    assert len(set(taken)) == len(taken)
    owners = [each["device_id"] for each in snapshot(neutron)["port"].values() if each["device_owner"] == LENT]
    assert len(owners) == len(taken)


def test_of_two_hosts_that_want_one_port_exactly_one_gets_it(
    hosts: list[tuple[Docker, DockerNetwork]], neutron: FakeNeutron, blue: Site
) -> None:
    web = port(neutron, blue, 10, name="web-1")
    before = now(neutron)
    assert len(race(hosts, 4, {"neutron.port.name": "web-1"})) == 1
    lent = snapshot(neutron)["port"][web["id"]]
    (winner,) = (docker for docker, _ in hosts if docker.endpoints)
    assert winner.endpoints == {lent["device_id"]}
    assert lent["tags"] == [f"kuryr.taker=kuryr:test@{lent['binding:host_id']}"]
    assert before != now(neutron)
