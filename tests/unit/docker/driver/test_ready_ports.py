"""Ports made ahead, as Docker meets them: who gets one, what it costs, and that nobody inherits what another had."""

from collections.abc import Iterator
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, Exhausted
from kuryr.host.demand import Sizes
from kuryr.model import Mark, is_ready
from unit.docker.existing import port
from unit.docker.outside import ROUTED, Outside, forwarded, forwarding, published
from unit.docker.world import Container, Docker, DockerNetwork
from unit.host.node import Node, Site, calls, snapshot

CIDR = "10.1.0.0/24"
DUAL = (CIDR, "fd01::/64")


@pytest.fixture
def sizes() -> Sizes:
    return Sizes(most=4)


@pytest.fixture
def nothing_left(docker: Docker, neutron: FakeNeutron, kernel: FakeKernel) -> Iterator[None]:
    """What a test makes of containers and networks is gone by docker commands alone."""
    before = snapshot(neutron)
    yield
    assert docker.node.behind.drain(10)
    assert (snapshot(neutron), kernel.links) == (before, {})


def waiting(neutron: FakeNeutron) -> list[str]:
    """The MAC addresses of ports that wait."""
    return [port["mac_address"] for port in snapshot(neutron)["port"].values() if is_ready(port["device_id"])]


def used(neutron: FakeNeutron, blue: Site) -> None:
    """The one port with a tag has a user."""
    made = port(neutron, blue, 98, name="web-2", device_owner="compute:nova", device_id="vm-1")
    neutron.cloud.resources["port"][made["id"]]["tags"] = ["role=web"]


def port_with(neutron: FakeNeutron, mac: str) -> dict[str, Any]:
    """The port with this MAC address."""
    (port,) = [port for port in snapshot(neutron)["port"].values() if port["mac_address"] == mac]
    return dict(port)


def warmed(docker: Docker, network: DockerNetwork) -> Container:
    """A first container, which has a port made ahead for the next one."""
    first = docker.run(network)
    docker.node.behind.pass_time()
    docker.node.neutron.calls.clear()
    return first


def end(docker: Docker, network: DockerNetwork, *containers: Container) -> None:
    """Docker rm --force, docker network rm."""
    for container in containers:
        docker.stop(container)
    docker.remove_network(network)


@pytest.mark.parametrize("subnets", [(CIDR,), DUAL])
def test_a_hit_asks_neutron_nothing_before_the_answer(
    docker: Docker, neutron: FakeNeutron, nothing_left: None, subnets: tuple[str, ...]
) -> None:
    network = docker.create_network(*subnets)
    first = warmed(docker, network)
    (mac,) = waiting(neutron)
    second = docker.run(network)
    assert (second.mac, calls(neutron)) == (mac, [])
    assert bool(second.address_ipv6) == (len(subnets) == 2)
    docker.node.behind.pass_time()
    # Whose it is, and two for the next: as many as have started lately.
    assert sorted(calls(neutron)) == ["POST ports", "PUT ports"]
    assert len(waiting(neutron)) == 2
    end(docker, network, first, second)


def test_run_and_rm_in_quick_succession_ask_nothing(docker: Docker, neutron: FakeNeutron, nothing_left: None) -> None:
    network = docker.create_network(CIDR)
    first = warmed(docker, network)
    for _ in range(5):
        docker.stop(docker.run(network))
    assert calls(neutron) == []
    end(docker, network, first)


def test_a_second_address_that_waits_for_somebody_else_is_given_to_who_chooses_it(
    docker: Docker, neutron: FakeNeutron, nothing_left: None
) -> None:
    """A container with a chosen IPv6 address that is restarted soon: for its IPv4 address any port would do."""
    network = docker.create_network(*DUAL)
    others = [docker.run(network) for _ in range(3)]
    docker.node.behind.pass_time()
    chosen = docker.run(network, ip6="fd01::99")
    docker.stop(chosen)
    again = docker.run(network, ip6="fd01::99")
    assert again.address_ipv6.partition("/")[0] == "fd01::99"
    end(docker, network, again, *others)


def test_one_that_gets_another_address_is_wired_and_announced_with_that(
    docker: Docker, kernel: FakeKernel, nothing_left: None
) -> None:
    network = docker.create_network(*DUAL)
    first = warmed(docker, network)
    steps: list[str] = []
    kernel.on_step = lambda step, _: steps.append(step)
    chosen = docker.run(network, ip6="fd01::99")
    assert steps[-3:] == ["plug", "await_ready", "announce"]
    assert "unplug" in steps
    end(docker, network, first, chosen)


def test_a_network_goes_at_once_after_its_containers(docker: Docker, neutron: FakeNeutron, nothing_left: None) -> None:
    """By two requests, and one for each port that waits."""
    network = docker.create_network(CIDR)
    containers = [docker.run(network) for _ in range(3)]
    docker.node.behind.pass_time()
    for container in containers:
        docker.stop(container)
    assert len(waiting(neutron)) == 3
    neutron.calls.clear()
    docker.remove_network(network)
    assert sorted(calls(neutron)) == [*["DELETE networks"], *["DELETE ports"] * 4]


def test_a_network_goes_with_what_waits_after_a_restart(
    docker: Docker, neutron: FakeNeutron, nothing_left: None
) -> None:
    network = docker.create_network(CIDR)
    first = warmed(docker, network)
    docker.node.behind.pass_time()
    docker.stop(first)
    docker.restart_driver()
    docker.remove_network(network)


def test_they_go_with_a_network_that_docker_has_forgotten(
    docker: Docker, neutron: FakeNeutron, nothing_left: None
) -> None:
    """Such as while the driver was away."""
    network = docker.create_network(CIDR)
    docker.stop(warmed(docker, network))
    docker.networks.discard(network.id)
    docker.sweep_after_grace()
    assert docker.node.behind.drain(10)
    assert docker.sweep() == 0


def test_a_network_may_do_without(docker: Docker, neutron: FakeNeutron, nothing_left: None) -> None:
    network = docker.create_network(CIDR, o={"kuryr.ready_ports": "off"})
    first = warmed(docker, network)
    second = docker.run(network)
    assert calls(neutron) == ["POST ports"]
    docker.stop(second)
    assert waiting(neutron) == []
    end(docker, network, first)


def test_addresses_of_dockers_own_are_not_made_ahead(docker: Docker, neutron: FakeNeutron, nothing_left: None) -> None:
    network = docker.create_network_with_own_ipam()
    container = docker.run(network, ip="172.18.0.2", own_ipam=True)
    docker.node.behind.pass_time()
    assert waiting(neutron) == []
    end(docker, network, container)


def test_without_ipam_they_serve_as_well(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    network = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    first = warmed(docker, network)
    (mac,) = waiting(neutron)
    assert (docker.run(network).mac, calls(neutron)) == (mac, [])
    docker.stop(first)
    assert first.mac not in {port["mac_address"] for port in snapshot(neutron)["port"].values()}


class TestAnother:
    """The next container on a port has nothing of the one before; and who wants something special gets just that."""

    def test_is_not_reached_where_the_one_before_exposed_something(
        self, docker: Docker, neutron: FakeNeutron, nothing_left: None
    ) -> None:
        network = docker.create_network(CIDR)
        first = warmed(docker, network)
        (mac,) = waiting(neutron)
        exposing = docker.run(network, expose=[(6, 80)])
        assert exposing.mac == mac
        docker.node.behind.pass_time()
        docker.stop(exposing)
        second = docker.run(network)
        groups = {port["mac_address"]: port["security_groups"] for port in snapshot(neutron)["port"].values()}
        assert groups[second.mac] == groups[first.mac]
        end(docker, network, first, second)

    @pytest.mark.parametrize("style", ["forwarding", "floating"])
    def test_is_not_published_because_the_one_before_was(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, style: str
    ) -> None:
        """However soon that has gone."""
        network = docker.create_network("10.5.0.0/24", o={**ROUTED, "kuryr.publish": style})
        warmed(docker, network)
        (mac,) = waiting(neutron)
        container = docker.run(network, options=published((80, 80)))
        assert container.mac == mac
        docker.stop(container)
        assert forwarded(neutron) == {}
        assert not [each for each in snapshot(neutron).get("floatingip", {}).values() if each.get("port_id")]
        assert mac not in {port["mac_address"] for port in snapshot(neutron)["port"].values()}

    def test_may_publish_the_same_at_once(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        network = forwarding(docker)
        warmed(docker, network)
        for _ in range(3):
            docker.stop(docker.run(network, options=published((8080, 80))))

    def test_with_options_of_its_own_changes_the_port_and_takes_it_along(
        self, docker: Docker, neutron: FakeNeutron, nothing_left: None
    ) -> None:
        network = docker.create_network(CIDR)
        first = warmed(docker, network)
        (mac,) = waiting(neutron)
        container = docker.run(network, options={"neutron.security_groups": "none"})
        assert (container.mac, calls(neutron)) == (mac, ["PUT ports"])
        docker.stop(container)
        assert mac not in {port["mac_address"] for port in snapshot(neutron)["port"].values()}
        end(docker, network, first)

    def test_with_a_mac_address_of_its_own_gets_another_port(
        self, docker: Docker, neutron: FakeNeutron, nothing_left: None
    ) -> None:
        network = docker.create_network(CIDR)
        first = warmed(docker, network)
        container = docker.run(network, mac="02:00:00:00:00:02")
        assert port_with(neutron, "02:00:00:00:00:02")["device_id"] in {"kuryr:reserved", container.id}
        end(docker, network, first, container)

    def test_with_an_address_that_waits_gets_that_port(
        self, docker: Docker, neutron: FakeNeutron, nothing_left: None
    ) -> None:
        network = docker.create_network(CIDR)
        first = warmed(docker, network)
        (mac,) = waiting(neutron)
        address = port_with(neutron, mac)["fixed_ips"][0]["ip_address"]
        container = docker.run(network, ip=address)
        assert (container.mac, calls(neutron)) == (mac, [])
        end(docker, network, first, container)

    @pytest.mark.parametrize("options", [{"kuryr.sticky.key": "web"}, {"neutron.port.name": "web-1"}])
    def test_with_a_port_of_its_own_takes_none_that_waits(
        self, docker: Docker, neutron: FakeNeutron, blue: Site, options: dict[str, str]
    ) -> None:
        port(neutron, blue, 99, name="web-1")
        network = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
        warmed(docker, network)
        (mac,) = waiting(neutron)
        container = docker.run(network, options=options)
        assert waiting(neutron) == [mac]
        assert port_with(neutron, container.mac)["name"] in {"web-1", "kuryr-web"}


def test_a_set_of_existing_ports_that_is_used_up_is_no_reason_to_make_room(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    used(neutron, blue)
    network = docker.create_network_without_ipam(o={"neutron.net.uuid": blue.network_id})
    warmed(docker, network)
    (mac,) = waiting(neutron)
    with pytest.raises(Exhausted):
        docker.run(network, options={"neutron.port.tag": "role=web"})
    assert waiting(neutron) == [mac]


def test_the_driver_may_die_between_the_address_and_the_endpoint(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, nothing_left: None
) -> None:
    network = docker.create_network(CIDR)
    first = warmed(docker, network)
    (mac,) = waiting(neutron)
    container = docker.run(network, crash=True)
    assert container.mac != mac
    assert len({link.owner for link in kernel.links.values()}) == len(kernel.links) == 2
    end(docker, network, first, container)


def test_who_wants_an_address_that_waits_on_another_host_is_told_so(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    """It cannot be taken: that host hands it out without asking anybody."""
    there = Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2"), sizes=Sizes()))
    network = there.create_network(ipam_opt={"neutron.net.uuid": blue.network_id})
    warmed(there, network)
    (mac,) = waiting(neutron)
    address = port_with(neutron, mac)["fixed_ips"][0]["ip_address"]
    here = docker.create_network(CIDR, ipam_opt={"neutron.net.uuid": blue.network_id})
    with pytest.raises(Conflict, match=f"{address} is kept ready for containers of host h2"):
        docker.run(here, ip=address)
    assert there.run(network).mac == mac
    there.node.close()
