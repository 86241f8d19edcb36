"""Existing ports: chosen by option, address, MAC or label; refused when in use; given back as they were."""

from collections.abc import Callable

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, Exhausted, InvalidInput, KuryrError, NotFound
from unit.docker.existing import LENT, port
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Site, calls, now, site, snapshot

TAKER = "kuryr.taker=kuryr:test@h1"


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
