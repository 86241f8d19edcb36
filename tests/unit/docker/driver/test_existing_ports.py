"""Existing ports: chosen by option, address, MAC or label; refused when in use; given back as they were."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, Exhausted, InvalidInput, KuryrError, NotFound
from kuryr.model import Mark
from unit.docker.driver.test_networks import calls
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Node, Site, fail_call, site, snapshot

LENT = "compute:kuryr:test"
TAKER = "kuryr.taker=kuryr:test@h1"


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


def port(neutron: FakeNeutron, where: Site, number: int, **fields: Any) -> dict[str, Any]:
    """A port that a tenant has made."""
    fixed = [{"subnet_id": where.subnet_id, "ip_address": str(where[number])}]
    body = {"network_id": where.network_id, "fixed_ips": fixed, **fields}
    return neutron.cloud.create("port", [body], neutron.project_id)[0]


def as_it_was(before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a user would compare: everything but the revision."""
    return {
        kind: {
            id_: {key: value for key, value in body.items() if key != "revision_number"} for id_, body in each.items()
        }
        for kind, each in before.items()
    }


def now(neutron: FakeNeutron) -> dict[str, dict[str, Any]]:
    return as_it_was(snapshot(neutron))


BY = {
    "uuid": ["neutron.port.uuid"],
    "name": ["neutron.port.name"],
    "tag": ["neutron.port.tag"],
    "all": ["neutron.port.uuid", "neutron.port.name", "neutron.port.tag"],
}


@pytest.mark.parametrize("by", BY)
def test_without_ipam_an_endpoint_chooses_its_port(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork, by: str
) -> None:
    web = port(neutron, blue, 9, name="web-1", description="mine", tags=["role=web"])
    port(neutron, blue, 10, name="web-2")
    before = now(neutron)
    said = {"neutron.port.uuid": web["id"], "neutron.port.name": "web-1", "neutron.port.tag": "role=web"}
    container = docker.run(bare, options={option: said[option] for option in BY[by]})
    docker.node.behind.pass_time()
    assert calls(neutron) == ["GET ports", "PUT ports", "PUT ports"], "a look-up, an announcement, the take-over"
    assert (container.address, container.mac) == ("10.1.0.9/24", web["mac_address"])
    lent = snapshot(neutron)["port"][web["id"]]
    assert (lent["device_owner"], lent["device_id"], lent["binding:host_id"]) == (LENT, container.id, "h1")
    assert (lent["name"], lent["description"], set(lent["tags"])) == ("web-1", "mine", {"role=web", TAKER})
    neutron.calls.clear()
    docker.stop(container)
    assert calls(neutron) == ["DELETE ports", "GET ports", "PUT ports"]
    assert now(neutron) == before


def test_an_address_that_a_free_port_has_is_that_ports(
    docker: Docker, neutron: FakeNeutron, blue: Site, full: DockerNetwork
) -> None:
    web = port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    container = docker.run(full, ip="10.1.0.9")
    assert calls(neutron) == ["POST ports", "GET ports", "PUT ports", "PUT ports"]
    assert container.mac == web["mac_address"]
    docker.node.behind.pass_time()
    lent = snapshot(neutron)["port"][web["id"]]
    assert (lent["device_id"], lent["name"]) == (container.id, "web-1")
    docker.stop(container)
    assert now(neutron) == before


def test_an_address_and_an_option_must_agree(
    docker: Docker, neutron: FakeNeutron, blue: Site, full: DockerNetwork
) -> None:
    port(neutron, blue, 9, name="web-1", tags=["role=web"])
    port(neutron, blue, 10, name="web-2")
    before = now(neutron)
    docker.stop(docker.run(full, ip="10.1.0.9", options={"neutron.port.name": "web-1"}))
    docker.stop(docker.run(full, ip="10.1.0.9", options={"neutron.port.tag": "role=web"}))
    for address in ("10.1.0.9", "10.1.0.77", ""):
        with pytest.raises(Conflict, match=r"by --ip with its address, or on a network with --ipam-driver null"):
            docker.run(full, ip=address, options={"neutron.port.name": "web-2"})
        assert docker.node.behind.drain(10)
        assert now(neutron) == before


def test_under_dockers_own_ipam_the_port_must_have_dockers_address(docker: Docker, neutron: FakeNeutron) -> None:
    green = site(neutron, "10.9.0.0/24")
    web = port(neutron, green, 9, name="web-1")
    before = now(neutron)
    o = {"neutron.net.uuid": green.network_id}
    network = docker.create_network_with_own_ipam("10.9.0.0/24", gateway="10.9.0.1", o=o)
    container = docker.run(network, ip="10.9.0.9", own_ipam=True, options={"neutron.port.name": "web-1"})
    assert container.mac == "" or container.mac == web["mac_address"]
    docker.stop(container)
    with pytest.raises(Conflict, match=r"has 10\.9\.0\.9, not 10\.9\.0\.8 .*--ip with its address"):
        docker.run(network, ip="10.9.0.8", own_ipam=True, options={"neutron.port.name": "web-1"})
    docker.remove_network(network)
    assert now(neutron) == before


def test_a_mac_address_that_a_free_port_has_is_that_ports(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork
) -> None:
    web = port(neutron, blue, 9, mac_address="02:00:00:00:00:09")
    before = now(neutron)
    container = docker.run(bare, mac="02:00:00:00:00:09")
    assert container.address == "10.1.0.9/24"
    docker.stop(container)
    with pytest.raises(Conflict, match="has the MAC address 02:00:00:00:00:09, not 02:00:00:00:00:01"):
        docker.run(bare, mac="02:00:00:00:00:01", options={"neutron.port.uuid": web["id"]})
    assert now(neutron) == before


def test_an_existing_port_keeps_its_mac_address(
    docker: Docker, neutron: FakeNeutron, blue: Site, full: DockerNetwork
) -> None:
    port(neutron, blue, 9)
    before = now(neutron)
    with pytest.raises(Conflict, match=r"10\.1\.0\.9 and the MAC address .* never changes"):
        docker.run(full, ip="10.1.0.9", mac="02:00:00:00:00:01")
    assert docker.node.behind.drain(10)
    assert now(neutron) == before


IN_USE = {
    "a machine's": {"device_owner": "compute:nova", "device_id": "vm-1", "binding:host_id": "h9"},
    "a router's": {"device_owner": "network:router_interface", "device_id": "router-1"},
    "a load balancer's": {"device_owner": "Octavia", "device_id": "lb-1"},
    "another host's": {"binding:host_id": "h9"},
    "another user's": {"device_id": "something"},
    "a subport": {"device_owner": "trunk:subport"},
}


@pytest.mark.parametrize("use", IN_USE)
def test_a_port_in_use_is_refused_on_every_path(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork, full: DockerNetwork, use: str
) -> None:
    taken = port(neutron, blue, 9, name="web-1", tags=["role=web"], mac_address="02:00:00:00:00:09", **IN_USE[use])
    before = now(neutron)
    attempts: list[Callable[[], object]] = [
        lambda: docker.run(bare, options={"neutron.port.uuid": taken["id"]}),
        lambda: docker.run(bare, options={"neutron.port.name": "web-1"}),
        lambda: docker.run(bare, mac="02:00:00:00:00:09"),
        lambda: docker.run(full, ip="10.1.0.9"),
    ]
    for attempt in attempts:
        with pytest.raises(Conflict, match="is in use"):
            attempt()
    with pytest.raises(Exhausted, match=r"none of the 1 ports tagged 'role=web' of network blue is free"):
        docker.run(bare, options={"neutron.port.tag": "role=web"})
    assert docker.node.behind.drain(10)
    assert now(neutron) == before


def test_what_cannot_be_meant_is_refused(docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork) -> None:
    elsewhere = site(neutron, "10.2.0.0/24", name="green")
    away = port(neutron, elsewhere, 9, name="away")
    for number in (11, 12):
        port(neutron, blue, number, name="twin")
    foreign = {"network_id": blue.network_id, "name": "foreign", "project_id": "other"}
    neutron.cloud.create("port", [foreign], "other")
    before = now(neutron)
    for options, error, words in (
        ({"neutron.port.name": "nobody"}, NotFound, "network blue has no port named 'nobody'"),
        ({"neutron.port.uuid": away["id"]}, NotFound, "network blue has no port"),
        ({"neutron.port.name": "foreign"}, NotFound, "has no port named 'foreign' of this project"),
        ({"neutron.port.tag": "nothing"}, NotFound, "has no port tagged 'nothing'"),
        ({"neutron.port.name": "twin"}, Conflict, "2 ports are named 'twin'.*neutron.port.uuid"),
        ({"neutron.port.uuid": "web-1"}, InvalidInput, "it should be a UUID"),
        ({"neutron.port.tag": "a,b"}, InvalidInput, "comma"),
        ({"neutron.port.name": "twin", "kuryr.sticky.key": "web"}, InvalidInput, "choose two ports"),
    ):
        with pytest.raises(error, match=words):
            docker.run(bare, options=options)
        assert docker.node.behind.drain(10)
        assert now(neutron) == before


def test_a_strangers_port_is_not_lent_by_its_address(
    docker: Docker, neutron: FakeNeutron, blue: Site, full: DockerNetwork
) -> None:
    fixed = [{"subnet_id": blue.subnet_id, "ip_address": "10.1.0.9"}]
    body = {"network_id": blue.network_id, "fixed_ips": fixed, "project_id": "other"}
    neutron.cloud.create("port", [body], "other")
    before = now(neutron)
    with pytest.raises(Conflict, match="of another project"):
        docker.run(full, ip="10.1.0.9")
    assert now(neutron) == before


def test_a_tag_finds_a_port_as_long_as_one_is_free(
    docker: Docker, neutron: FakeNeutron, blue: Site, bare: DockerNetwork
) -> None:
    for number in (9, 10, 11):
        port(neutron, blue, number, tags=["role=web"])
    port(neutron, blue, 12, tags=["role=web"], **IN_USE["a machine's"])
    options = {"neutron.port.tag": "role=web"}
    running = [docker.run(bare, options=options) for _ in range(3)]
    assert {each.address for each in running} == {f"10.1.0.{number}/24" for number in (9, 10, 11)}
    with pytest.raises(Exhausted, match="none of the 4 ports"):
        docker.run(bare, options=options)
    docker.stop(running[1])
    assert docker.run(bare, options=options).address == running[1].address


def test_nothing_of_an_existing_port_changes_but_who_uses_it(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    """Whatever its Docker network says of ports, and whatever the container exposes."""
    group = neutron.cloud.create("security_group", [{"name": "web"}], neutron.project_id)[0]
    web = port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    o = {"neutron.net.uuid": blue.network_id, "neutron.security_groups": "web"}
    network = docker.create_network_without_ipam(o=o)
    container = docker.run(network, options={"neutron.port.name": "web-1"}, expose=[(6, 80)])
    docker.node.behind.pass_time()
    lent = snapshot(neutron)["port"][web["id"]]
    assert lent["security_groups"] == web["security_groups"] != [group["id"]]
    docker.stop(container)
    with pytest.raises(InvalidInput, match="an existing port keeps its own groups"):
        docker.run(network, options={"neutron.port.name": "web-1", "neutron.security_groups": "web"})
    docker.remove_network(network)
    assert now(neutron) == before


def test_an_endpoints_groups_do_not_fit_an_existing_port_either_that_an_address_chose(
    docker: Docker, neutron: FakeNeutron, blue: Site, full: DockerNetwork
) -> None:
    port(neutron, blue, 9)
    before = now(neutron)
    with pytest.raises(InvalidInput, match="an existing port keeps its own groups"):
        docker.run(full, ip="10.1.0.9", options={"neutron.port_security": "false"})
    assert docker.node.behind.drain(10)
    assert now(neutron) == before


# -- two address families


def dual(neutron: FakeNeutron, blue: Site) -> str:
    body = {"network_id": blue.network_id, "cidr": "fd00:1::/64", "ip_version": 6, "name": "sub6"}
    return str(neutron.cloud.create("subnet", [body], neutron.project_id)[0]["id"])


def test_a_dual_port_serves_both_families_and_a_single_one_its_own(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    six = dual(neutron, blue)
    both = [{"subnet_id": blue.subnet_id, "ip_address": "10.1.0.9"}, {"subnet_id": six, "ip_address": "fd00:1::9"}]
    neutron.cloud.create("port", [{"network_id": blue.network_id, "fixed_ips": both}], neutron.project_id)
    port(neutron, blue, 10, name="four")
    before = now(neutron)
    network = docker.create_network("10.1.0.0/24", "fd00:1::/64", ipam_opt={"neutron.net.uuid": blue.network_id})
    container = docker.run(network, ip="10.1.0.9", ip6="fd00:1::9")
    assert (container.address, container.address_ipv6) == ("10.1.0.9/24", "fd00:1::9/64")
    docker.stop(container)
    container = docker.run(network, ip="10.1.0.9")
    assert container.address_ipv6 == "fd00:1::9/64"
    docker.stop(container)
    for wanted, words in ((("10.1.0.10", ""), "no address in subnet"), (("10.1.0.9", "fd00:1::8"), "not fd00:1::8")):
        with pytest.raises(KuryrError, match=words):
            docker.run(network, ip=wanted[0], ip6=wanted[1])
        assert docker.node.behind.drain(10)
    docker.remove_network(network)
    bare = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    container = docker.run(bare, options={"neutron.port.name": "four"})
    assert (container.address, container.address_ipv6) == ("10.1.0.10/24", "")
    docker.stop(container)
    docker.remove_network(bare)
    assert now(neutron) == before


# -- crashes, failures, others


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
