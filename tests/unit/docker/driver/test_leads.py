"""`-p` and floating IPs on ports that outlive their container: served as on any other, and gone with their user."""

import contextlib
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import KuryrError
from unit.docker.driver.test_lending import Killed
from unit.docker.existing import port
from unit.docker.outside import Outside, calls, floating_ips, forwarded, published
from unit.docker.world import Container, Docker, DockerNetwork
from unit.host.node import Site, now, site

ADDRESS = "10.1.0.9"
STICKY = {"kuryr.sticky.key": "web"}
NAMED = {"neutron.port.name": "web-1"}


@pytest.fixture
def blue(neutron: FakeNeutron, outside: Outside) -> Site:
    """A network on the router, with a port that was made ahead of time."""
    blue = site(neutron)
    fixed = [{"subnet_id": blue.subnet_id, "ip_address": "10.1.0.1"}]
    body = {
        "network_id": blue.network_id,
        "fixed_ips": fixed,
        "device_owner": "network:router_interface",
        "device_id": outside.router,
    }
    neutron.cloud.create("port", [body], neutron.project_id)
    port(neutron, blue, 9, name="web-1", tags=["role=web"])
    return blue


def network(docker: Docker, blue: Site, publish: str = "none") -> DockerNetwork:
    """Without IPAM, so that an option can choose the port."""
    return docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id, "kuryr.publish": publish})


def as_free(neutron: FakeNeutron) -> dict[str, dict[str, Any]]:
    """The cloud as a user would compare it, without idle sticky ports and anchors, which stay."""
    found = now(neutron)
    left_out = {"kuryr:idle", "kuryr:network"}
    found["port"] = {id_: each for id_, each in found["port"].items() if each["device_owner"] not in left_out}
    return {kind: each for kind, each in found.items() if each}


CHOICES = pytest.mark.parametrize("choice", [NAMED, STICKY], ids=["named", "sticky"])


@CHOICES
def test_ports_are_forwarded_to_a_lent_port_until_it_is_given_back(
    docker: Docker, neutron: FakeNeutron, blue: Site, choice: dict[str, str]
) -> None:
    bare = network(docker, blue, "forwarding")
    before = as_free(neutron)
    for _ in range(2):
        container = docker.run(bare, options={**choice, **published((8080, 80), (8081, 81))})
        inner = container.address.partition("/")[0]
        assert forwarded(neutron) == {("tcp", 8080): (inner, 80), ("tcp", 8081): (inner, 81)}
        docker.stop(container)
        assert as_free(neutron) == before


@CHOICES
def test_a_lent_port_gets_a_floating_ip_of_its_own_until_it_is_given_back(
    docker: Docker, neutron: FakeNeutron, blue: Site, choice: dict[str, str]
) -> None:
    bare = network(docker, blue, "floating")
    before = as_free(neutron)
    for _ in range(2):
        container = docker.run(bare, options={**choice, **published((80, 80))})
        (made,) = floating_ips(neutron).values()
        assert made["fixed_ip_address"] == container.address.partition("/")[0]
        docker.stop(container)
        assert as_free(neutron) == before


@CHOICES
def test_a_users_floating_ip_is_his_again(
    docker: Docker, neutron: FakeNeutron, outside: Outside, blue: Site, choice: dict[str, str]
) -> None:
    mine = outside.floating_ip()
    bare = network(docker, blue)
    before = as_free(neutron)
    container = docker.run(bare, options={**choice, "neutron.floating_ip": mine["id"]})
    assert floating_ips(neutron)[mine["id"]]["fixed_ip_address"] == container.address.partition("/")[0]
    docker.stop(container)
    assert as_free(neutron) == before


def test_what_led_to_the_port_before_stays(docker: Docker, neutron: FakeNeutron, outside: Outside, blue: Site) -> None:
    mine = outside.floating_ip()
    (existing,) = (each for each in now(neutron)["port"].values() if each["name"] == "web-1")
    neutron.cloud.update("floatingip", mine["id"], {"port_id": existing["id"]})
    bare = network(docker, blue, "floating")
    before = as_free(neutron)
    container = docker.run(bare, options={**NAMED, **published((80, 80))})
    assert list(floating_ips(neutron)) == [mine["id"]], "the port has one already"
    docker.stop(container)
    assert as_free(neutron) == before


def test_it_costs_a_tag(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    bare = network(docker, blue, "forwarding")
    calls(neutron)
    container = docker.run(bare, options={**NAMED, **published((8080, 80))})
    assert calls(neutron) == ["GET ports", "PUT ports", "PUT ports", "PUT ports", "POST port_forwardings"]
    docker.stop(container)
    ended = ["GET floatingips", "GET floatingips", "DELETE floatingips", "DELETE ports"]
    assert calls(neutron) == ["DELETE ports", "GET ports", *ended, "PUT ports"]


def test_with_kuryrs_ipam_too(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    full = docker.create_network(ipam_opt={"neutron.net.uuid": blue.network_id}, o={"kuryr.publish": "floating"})
    before = as_free(neutron)
    container = docker.run(full, ip=ADDRESS, options=published((80, 80)))
    (made,) = floating_ips(neutron).values()
    assert made["fixed_ip_address"] == ADDRESS
    docker.stop(container)
    assert as_free(neutron) == before


WAYS = {"forwarding": published((8080, 80)), "floating": published((80, 80)), "none": {"neutron.floating_ip": "mine"}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(1, 14))
def test_kill_nine_at_any_request_leaves_nothing_that_leads_there(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, outside: Outside, blue: Site, number: int, way: str
) -> None:
    """Of the start or the end."""
    mine = outside.floating_ip()
    options = {**NAMED, **WAYS[way]}
    if way == "none":
        options["neutron.floating_ip"] = mine["id"]
    bare = network(docker, blue, way)
    before = as_free(neutron)
    seen: list[object] = []

    def kill(request: object) -> None:
        seen.append(request)
        if len(seen) >= number:
            raise Killed

    neutron.on_request = kill
    with contextlib.suppress(Killed):
        docker.stop(docker.run(bare, options=options))
    neutron.on_request = None
    docker.endpoints.clear()
    docker.restart_driver()
    docker.sweep_after_grace()
    docker.sweep_after_grace()
    assert (as_free(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(4, 9))
def test_a_start_that_fails_at_any_request_leaves_nothing(
    docker: Docker, neutron: FakeNeutron, outside: Outside, blue: Site, number: int, way: str
) -> None:
    mine = outside.floating_ip()
    options = {**NAMED, **WAYS[way]}
    if way == "none":
        options["neutron.floating_ip"] = mine["id"]
    bare = network(docker, blue, way)
    before = as_free(neutron)
    seen: list[object] = []

    def fail(request: object) -> None:
        seen.append(request)
        if len(seen) == number - 1:
            neutron.fail_next()

    neutron.on_request = fail
    container: Container | None = None
    with contextlib.suppress(KuryrError):
        container = docker.run(bare, options=options)
    neutron.on_request = None
    neutron._failures.clear()
    if container:
        docker.stop(container)
    assert docker.node.behind.drain(10)
    docker.sweep_after_grace()
    assert as_free(neutron) == before
