"""kill -9 between any two steps of taking an existing port: the same host need not wait for the sweep to take it again.

Docker gives nothing back of an endpoint whose creation failed, but for the addresses that Kuryr's IPAM gave out.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.docker.options.catalogue import Place, read
from kuryr.docker.options.naming import choice as choice_of
from kuryr.errors import Conflict, Exhausted, KuryrError
from kuryr.model import Mark, PortRequest
from unit.docker.driver.test_lending import Killed
from unit.docker.existing import port
from unit.docker.world import Container, Docker, DockerNetwork, new_id
from unit.host.node import Node, Site, now, snapshot

NAMED = {"neutron.port.name": "web-1"}
STICKY = {"kuryr.sticky.key": "web"}
TAGGED = {"neutron.port.tag": "role=web"}


@pytest.fixture
def bare(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    """A network with Docker's null IPAM, and a port made ahead of time."""
    network = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    port(neutron, blue, 9, name="web-1", tags=["role=web"], mac_address="02:00:00:00:00:09")
    return network


@pytest.fixture
def full(docker: Docker, bare: DockerNetwork, blue: Site) -> DockerNetwork:
    """A network with Kuryr's IPAM, on the same one of Neutron's."""
    return docker.create_network(ipam_opt={"neutron.net.uuid": blue.network_id})


def half_start(docker: Docker, network: DockerNetwork, options: dict[str, str] | None = None, **interface: str) -> None:
    """CreateEndpoint is done, but the driver dies before Docker gets the answer, and Docker does not ask again."""
    ids = {"NetworkID": network.id, "EndpointID": new_id()}
    docker.call("NetworkDriver.CreateEndpoint", **ids, Interface=interface, Options=options or {})
    docker.restart_driver()


def as_free(neutron: FakeNeutron) -> dict[str, Any]:
    """The cloud without its idle sticky ports, which stay."""
    found = now(neutron)
    found["port"] = {id_: each for id_, each in found["port"].items() if each["device_owner"] != "kuryr:idle"}
    return found


CHOICES: dict[str, dict[str, Any]] = {
    "by name": {"options": NAMED},
    "by tag": {"options": TAGGED},
    "by key": {"options": STICKY},
    "by MAC": {"mac": "02:00:00:00:00:09"},
}


@pytest.mark.parametrize("how", CHOICES)
def test_without_ipam_the_port_is_lent_anew_at_once(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, bare: DockerNetwork, how: str
) -> None:
    before = as_free(neutron)
    choice = CHOICES[how]
    half_start(docker, bare, choice.get("options"), MacAddress=choice.get("mac", ""))
    container = docker.run(bare, **choice)
    assert kernel.owners() == {container.id}
    docker.node.behind.pass_time()
    docker.stop(container)
    assert (as_free(neutron), kernel.links) == (before, {})
    assert docker.sweep_after_grace() == 0


def test_with_kuryrs_ipam_the_address_is_lent_anew_at_once(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, full: DockerNetwork
) -> None:
    before = now(neutron)
    docker.call("IpamDriver.RequestAddress", PoolID=full.pool_id, Address="10.1.0.9", Options=None)
    half_start(docker, full, Address="10.1.0.9/24")
    container = docker.run(full, ip="10.1.0.9")
    assert kernel.owners() == {container.id}
    docker.stop(container)
    assert (now(neutron), kernel.links) == (before, {})


def test_under_dockers_own_ipam_the_address_is_had_anew_at_once(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    network = docker.create_network_with_own_ipam("10.5.0.0/24", gateway="10.5.0.1")
    before = now(neutron)
    half_start(docker, network, Address="10.5.0.9/24")
    container = docker.run(network, ip="10.5.0.9", own_ipam=True)
    assert kernel.owners() == {container.id}
    docker.stop(container)
    assert (now(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("how", CHOICES)
def test_what_docker_deletes_right_after_a_start_is_given_back_at_once(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, bare: DockerNetwork, how: str
) -> None:
    """As it does when it boots after a crash. What has no address of Kuryr's IPAM goes with its endpoint."""
    before = as_free(neutron)
    container = docker.run(bare, **CHOICES[how])
    docker.restart_driver()
    docker.stop(container)
    assert (as_free(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("options", [NAMED, TAGGED, STICKY], ids=["name", "tag", "key"])
@pytest.mark.parametrize("number", range(1, 7))
def test_killed_at_any_request(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, bare: DockerNetwork, number: int, options: dict[str, str]
) -> None:
    before = as_free(neutron)
    killed_at(docker, neutron, number, lambda: docker.stop(docker.run(bare, options=options)))
    docker.endpoints.clear()
    docker.restart_driver()
    container = docker.run(bare, options=options)
    assert kernel.owners() == {container.id}
    docker.stop(container)
    docker.sweep_after_grace()
    assert (as_free(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("options", [NAMED, TAGGED, STICKY], ids=["name", "tag", "key"])
def test_killed_while_its_last_request_was_on_its_way(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: Site, bare: DockerNetwork, options: dict[str, str]
) -> None:
    """It reaches Neutron when the next process has looked already at what is this host's."""
    before = as_free(neutron)
    dead = docker.node.cloud
    docker.restart_driver()
    docker.node.endpoints.load()
    choice = choice_of(read(options, Place.ENDPOINT))
    dead.reserve(PortRequest(blue.network_id, ((blue.subnet_id, None),), "lost", choice=choice))
    docker.stop(docker.run(bare, options=options))
    assert (as_free(neutron), kernel.links) == (before, {})


def killed_at(docker: Docker, neutron: FakeNeutron, number: int, act: Callable[[], object]) -> None:
    """Do something with a driver that is dead from this request on."""
    seen: list[object] = []

    def kill(request: object) -> None:
        seen.append(request)
        if len(seen) >= number:
            raise Killed

    neutron.on_request = kill
    with contextlib.suppress(Killed):
        act()
    neutron.on_request = None


# -- what must not be taken


def refused(docker: Docker, network: DockerNetwork, **choice: Any) -> None:
    with pytest.raises((Conflict, Exhausted)):
        docker.run(network, **choice)
    assert docker.node.behind.drain(10)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("how", CHOICES)
def test_a_running_container_keeps_its_port(
    docker: Docker, kernel: FakeKernel, bare: DockerNetwork, how: str, *, restarted: bool
) -> None:
    container = docker.run(bare, **CHOICES[how])
    if restarted:
        docker.restart_driver()
    refused(docker, bare, **CHOICES[how])
    assert kernel.owners() == {container.id}


@pytest.mark.parametrize("how", CHOICES)
def test_an_endpoint_that_docker_is_about_to_join_keeps_its_port(
    docker: Docker, kernel: FakeKernel, bare: DockerNetwork, how: str
) -> None:
    """Docker knows it only when it has the answer."""
    choice = CHOICES[how]
    ids = {"NetworkID": bare.id, "EndpointID": new_id()}
    interface = {"MacAddress": choice.get("mac", "")}
    docker.call("NetworkDriver.CreateEndpoint", **ids, Interface=interface, Options=choice.get("options", {}))
    refused(docker, bare, **choice)
    assert kernel.owners() == {ids["EndpointID"]}


def test_while_docker_does_not_answer_nobodys_claim_is_taken(
    docker: Docker, kernel: FakeKernel, bare: DockerNetwork
) -> None:
    half_start(docker, bare, NAMED)
    (claimed,) = kernel.owners()
    docker.node.alive = {claimed}
    refused(docker, bare, options=NAMED)
    assert kernel.owners() == {claimed}


def test_what_another_host_took_is_left_to_it(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork
) -> None:
    other = Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2")))
    there = other.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    half_start(other, there, NAMED)
    before = snapshot(neutron)
    refused(docker, bare, options=NAMED)
    assert snapshot(neutron) == before
    other.node.close()


@pytest.fixture
def two_networks(docker: Docker, blue: Site, bare: DockerNetwork) -> list[DockerNetwork]:
    """Docker orders what happens on one network, but not on two that stand on one of Neutron's."""
    return [bare, docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})]


@pytest.mark.parametrize("options", [NAMED, TAGGED, STICKY], ids=["name", "tag", "key"])
def test_of_many_that_want_what_a_dead_process_left_one_gets_it(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, two_networks: list[DockerNetwork], options: dict[str, str]
) -> None:
    half_start(docker, two_networks[0], options)

    def start(number: int) -> Container | None:
        try:
            return docker.run(two_networks[number % 2], options=options)
        except KuryrError:
            return None

    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            (container,) = filter(None, pool.map(start, range(4)))
        assert kernel.owners() == {container.id}
        lent = [each for each in snapshot(neutron)["port"].values() if each["device_owner"] == "compute:kuryr:test"]
        assert [each["device_id"] for each in lent] == [container.id]
        docker.stop(container)
        half_start(docker, two_networks[0], options)
