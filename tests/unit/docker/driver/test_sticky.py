"""Sticky identity: the same key gets the same port, MAC and address, on this host and on others."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron, Request
from kuryr.errors import Conflict, InvalidInput, KuryrError
from kuryr.model import Mark, sticky_mac
from unit.docker.world import Container, Docker, DockerNetwork
from unit.host.node import Node, Site, calls, now, site, snapshot

WEB = {"kuryr.sticky.key": "web"}


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


@pytest.fixture
def bare(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    """A network with Docker's null IPAM."""
    return bare_on(docker, neutron, blue)


def bare_on(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    network = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    neutron.calls.clear()
    return network


@pytest.fixture
def other(neutron: FakeNeutron) -> Docker:
    return Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2")))


def sticky_port(neutron: FakeNeutron, key: str = "web") -> dict[str, Any]:
    found: list[dict[str, Any]] = list(snapshot(neutron)["port"].values())
    (port,) = [each for each in found if each["mac_address"] == sticky_mac(key)]
    return port


def identity(container: Container) -> tuple[str, str, str]:
    return container.address, container.address_ipv6, container.mac


def test_a_key_makes_its_port_once_and_then_gets_it_again(
    docker: Docker, neutron: FakeNeutron, bare: DockerNetwork
) -> None:
    first = docker.run(bare, options=WEB)
    assert calls(neutron) == ["GET ports", "POST ports"]
    made = sticky_port(neutron)
    assert (made["name"], made["device_id"], first.mac) == ("kuryr-web", first.id, sticky_mac("web"))
    docker.stop(first)
    idle = sticky_port(neutron)
    assert (idle["id"], idle["device_owner"], idle["device_id"]) == (made["id"], "kuryr:idle", "")
    assert idle["binding:host_id"] == ""
    for _ in range(3):
        docker.run(bare)
    neutron.calls.clear()
    second = docker.run(bare, options=WEB)
    assert calls(neutron) == ["GET ports", "PUT ports", "PUT ports"]
    assert identity(second) == identity(first)
    assert sticky_port(neutron)["id"] == made["id"]


def test_the_identity_moves_to_another_host_when_it_is_free_here(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork, other: Docker
) -> None:
    there = bare_on(other, neutron, blue)
    first = docker.run(bare, options=WEB)
    with pytest.raises(Conflict, match=r"port kuryr-web .* is in use: compute:kuryr:test .* on host h1"):
        other.run(there, options=WEB)
    docker.stop(first)
    second = other.run(there, options=WEB)
    assert identity(second) == identity(first)
    with pytest.raises(Conflict, match="on host h2"):
        docker.run(bare, options=WEB)
    other.stop(second)
    other.node.close()


def test_an_identity_that_another_host_is_just_giving_back_is_waited_for(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork, other: Docker
) -> None:
    there = bare_on(other, neutron, blue)
    first = docker.run(bare, options=WEB)
    looks = itertools.count(1)

    def give_back(request: Request) -> None:
        if request.method == "GET" and next(looks) == 3:
            neutron.on_request = None
            docker.stop(first)

    neutron.on_request = give_back
    second = other.run(there, options=WEB)
    assert identity(second) == identity(first)
    other.node.close()


def test_a_key_has_a_port_per_network(docker: Docker, neutron: FakeNeutron, bare: DockerNetwork) -> None:
    green = bare_on(docker, neutron, site(neutron, "10.2.0.0/24", name="green"))
    addresses = {docker.run(network, options=WEB).address.rpartition(".")[0] for network in (bare, green)}
    assert addresses == {"10.1.0", "10.2.0"}


def test_two_hosts_that_use_a_key_first_make_one_port(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork, other: Docker
) -> None:
    places = [(docker, bare), (other, bare_on(other, neutron, blue))]

    def start(place: tuple[Docker, DockerNetwork]) -> bool:
        engine, network = place
        try:
            engine.run(network, options=WEB)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(start, places)) == [False, True]
    assert sticky_port(neutron)["device_owner"] == "compute:kuryr:test"
    other.node.close()


def test_it_goes_with_the_last_docker_network_of_the_host(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork
) -> None:
    docker.stop(docker.run(bare, options=WEB))
    second = bare_on(docker, neutron, blue)
    docker.remove_network(bare)
    assert sticky_port(neutron)["device_owner"] == "kuryr:idle"
    docker.remove_network(second)
    assert [port for port in snapshot(neutron)["port"].values() if port["mac_address"] == sticky_mac("web")] == []


def test_what_another_host_uses_stays_until_it_is_idle(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork, other: Docker
) -> None:
    there = bare_on(other, neutron, blue)
    docker.stop(docker.run(bare, options=WEB))
    moved = other.run(there, options=WEB)
    docker.remove_network(bare)
    assert docker.node.sweeps_asked == 1
    assert docker.sweep_after_grace() == 1
    assert sticky_port(neutron)["binding:host_id"] == "h2"
    other.stop(moved)
    docker.sweep_after_grace()
    other.remove_network(there)
    assert [port for port in snapshot(neutron)["port"].values() if port["name"] == "kuryr-web"] == []
    other.node.close()


def test_a_crash_leaves_nothing_but_the_idle_port(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, bare: DockerNetwork
) -> None:
    before = now(neutron)
    first = docker.run(bare, options=WEB)
    docker.endpoints.clear()
    docker.restart_driver()
    docker.sweep_after_grace()
    assert (sticky_port(neutron)["device_owner"], kernel.links) == ("kuryr:idle", {})
    second = docker.run(bare, options=WEB)
    assert identity(second) == identity(first)
    docker.stop(second)
    docker.node.gateway.idle.remove(sticky_port(neutron)["network_id"])
    assert now(neutron) == before


def test_a_lost_answer_leaks_nothing(docker: Docker, neutron: FakeNeutron, bare: DockerNetwork) -> None:
    neutron.drop_next(method="POST", applied=True)
    with pytest.raises(KuryrError):
        docker.run(bare, options=WEB)
    docker.sweep_after_grace()
    assert sticky_port(neutron)["device_owner"] == "kuryr:idle"


def test_a_key_has_the_mac_address_that_follows_from_it(docker: Docker, bare: DockerNetwork) -> None:
    with pytest.raises(Conflict, match="sticky key 'web' has the MAC address"):
        docker.run(bare, mac="02:00:00:00:00:01", options=WEB)
    assert docker.run(bare, mac=sticky_mac("web"), options=WEB).address


def test_its_port_becomes_what_each_user_wants(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    groups = [
        neutron.cloud.create("security_group", [{"name": name}], neutron.project_id)[0]["id"] for name in ("a", "b")
    ]
    o = {"neutron.net.uuid": blue.network_id, "neutron.security_groups": "a"}
    network = docker.create_network_without_ipam(o=o)
    first = docker.run(network, options=WEB, expose=[(6, 80)])
    docker.node.behind.pass_time()
    opened = sticky_port(neutron)["security_groups"]
    assert opened[0] == groups[0]
    assert len(opened) == 2
    docker.stop(first)
    assert sticky_port(neutron)["security_groups"] == [groups[0]], "what the user exposed is closed again"
    docker.run(network, options={**WEB, "neutron.security_groups": "b"})
    assert sticky_port(neutron)["security_groups"] == [groups[1]]


# -- by address


def sticky_by(docker: Docker, how: str) -> DockerNetwork:
    return docker.create_network("10.5.0.0/24", o={"kuryr.sticky": how})


def test_by_address_whoever_has_the_same_address_has_the_same_port(docker: Docker, neutron: FakeNeutron) -> None:
    before = now(neutron)
    network = sticky_by(docker, "ip")
    first = docker.run(network, ip="10.5.0.9")
    port = sticky_port(neutron, "10.5.0.9")
    docker.stop(first)
    plain = docker.run(network)
    assert plain.mac.startswith("fa:16:3e"), "whoever does not care gets a port of his own"
    second = docker.run(network, ip="10.5.0.9")
    assert identity(second) == identity(first)
    assert sticky_port(neutron, "10.5.0.9")["id"] == port["id"]
    for container in (plain, second):
        docker.stop(container)
    docker.restart_driver()
    docker.remove_network(network)
    assert now(neutron) == before


def test_by_address_under_dockers_own_ipam(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network_with_own_ipam("10.5.0.0/24", gateway="10.5.0.1", o={"kuryr.sticky": "ip"})
    first = docker.run(network, ip="10.5.0.9", own_ipam=True)
    docker.stop(first)
    assert docker.run(network, ip="10.5.0.9", own_ipam=True).mac == first.mac == sticky_mac("10.5.0.9")


# -- by name, as engines from 29 on tell it


def test_by_name_whoever_has_the_same_name_has_the_same_port(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24", "fd00:5::/64", o={"kuryr.sticky": "name"})
    neutron.calls.clear()
    first = docker.run(network, name="web")
    assert calls(neutron) == ["GET ports", "POST ports"], "both address families at once"
    docker.stop(first)
    docker.run(network, name="db")
    second = docker.run(network, name="web")
    assert identity(second) == identity(first)
    assert first.address_ipv6


def test_what_cannot_be_sticky_is_refused(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    existing = {"neutron.net.uuid": blue.network_id}
    before = now(neutron)
    with pytest.raises(InvalidInput, match="under --ipam-driver null"):
        docker.create_network_without_ipam(o={**existing, "kuryr.sticky": "ip"})
    with pytest.raises(InvalidInput, match="needs --ipam-driver kuryr"):
        docker.create_network_with_own_ipam("10.1.0.0/24", gateway="10.1.0.1", o={"kuryr.sticky": "name"})
    with pytest.raises(InvalidInput, match="one of none, ip, name"):
        sticky_by(docker, "yes")
    assert now(neutron) == before
    network = sticky_by(docker, "name")
    with pytest.raises(InvalidInput, match="from 29 on"):
        docker.run(network)
