"""`-p`, floating IPs and routers: what each choice makes in Neutron, what it costs, and that nothing of it is left."""

from collections.abc import Mapping
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.docker.options.publishing import Publication, Publish
from kuryr.errors import Conflict, InvalidInput, KuryrError, NotFound
from kuryr.gateway.published import published as list_published
from unit.docker.world import Container, Docker, DockerNetwork
from unit.host.node import MARK, Site, during, fail_call, site, snapshot

CIDR = "10.5.0.0/24"
ROUTED = {"neutron.router.name": "edge"}


class Outside:
    """An external network, and the tenant's router to it."""

    def __init__(self, neutron: FakeNeutron) -> None:
        self.neutron = neutron
        cloud = neutron.cloud
        (network,) = cloud.create("network", [{"name": "public", "router:external": True}], "admin")
        self.id = str(network["id"])
        body = {"network_id": self.id, "cidr": "203.0.113.0/24", "ip_version": 4, "enable_dhcp": False}
        cloud.create("subnet", [body], "admin")
        gateway = {"network_id": self.id}
        (router,) = cloud.create("router", [{"name": "edge", "external_gateway_info": gateway}], neutron.project_id)
        self.router = str(router["id"])

    def floating_ip(self, project: str = "") -> dict[str, Any]:
        """A free floating IP that the tenant has."""
        body = {"floating_network_id": self.id, "description": "mine"}
        (made,) = self.neutron.cloud.create("floatingip", [body], project or self.neutron.project_id)
        return dict(made)


@pytest.fixture
def outside(neutron: FakeNeutron) -> Outside:
    return Outside(neutron)


def published(*ports: tuple[int, int] | tuple[int, int, int], proto: int = 6) -> Mapping[str, Any]:
    """What Docker says for `-p <outer>:<inner>`, or `-p <first>-<last>:<inner>`; 0 for a port of any number."""
    entries = [
        {"Proto": proto, "IP": "", "Port": inner, "HostIP": "", "HostPort": outer, "HostPortEnd": (*last, outer)[0]}
        for outer, inner, *last in ports
    ]
    return {"com.docker.network.portmap": entries}


def forwarding(docker: Docker, **more: str) -> DockerNetwork:
    """A network whose ports are forwarded."""
    return docker.create_network(CIDR, o={**ROUTED, "kuryr.publish": "forwarding", **more})


def floating_ips(neutron: FakeNeutron) -> dict[str, dict[str, Any]]:
    """All there are, by id."""
    return snapshot(neutron).get("floatingip", {})


def forwarded(neutron: FakeNeutron) -> dict[tuple[str, int], tuple[str, int]]:
    """Outer ports, and where they lead."""
    made = snapshot(neutron).get("port_forwarding", {}).values()
    return {
        (each["protocol"], each["external_port"]): (each["internal_ip_address"], each["internal_port"]) for each in made
    }


def calls(neutron: FakeNeutron) -> list[str]:
    made = [
        f"{call.method} {call.path.strip('/').split('/')[-1 if call.method == 'POST' else 0]}" for call in neutron.calls
    ]
    neutron.calls.clear()
    return made


def attached(neutron: FakeNeutron) -> list[str]:
    """The addresses that routers have in tenants' networks."""
    ports = snapshot(neutron)["port"].values()
    return [port["fixed_ips"][0]["ip_address"] for port in ports if port["device_owner"] == "network:router_interface"]


def address(container: Container) -> str:
    return container.address.partition("/")[0]


class TestRouter:
    def test_a_new_network_is_attached_and_detached(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        before = snapshot(neutron)
        network = docker.create_network(CIDR, "fd00:5::/64", o=ROUTED)
        assert sorted(attached(neutron)) == ["10.5.0.1", "fd00:5::1"]
        docker.remove_network(network)
        assert snapshot(neutron) == before

    def test_it_costs_the_look_up_and_one_request_for_each_subnet(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        docker.create_network(CIDR, o={"neutron.router.uuid": outside.router})
        assert len(calls(neutron)) == 3 + 1 + 1

    def test_an_existing_network_is_refused(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        blue = site(neutron)
        before = snapshot(neutron)
        with pytest.raises(InvalidInput, match=r"neutron\.router is for networks that Kuryr makes"):
            docker.create_network(str(blue.cidr), o={"neutron.net.name": "blue", **ROUTED})
        assert snapshot(neutron) == before

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"neutron.router.name": "none such"}, "no Neutron router named 'none such'"),
            ({**ROUTED, "kuryr.gateway": "none"}, "neutron.router contradicts a network without a gateway"),
            ({"kuryr.publish": "forwarding"}, "needs a way to the outside"),
            ({"kuryr.publish": "floating"}, "needs a way to the outside"),
            ({"kuryr.publish": "both"}, "should be one of none, forwarding, floating"),
            (
                {**ROUTED, "kuryr.publish": "floating", "kuryr.gateway": "engine"},
                "needs kuryr.gateway=neutron, not engine",
            ),
            (
                {"neutron.external.name": "blue", "kuryr.publish": "floating"},
                "no Neutron external network named 'blue'",
            ),
        ],
    )
    def test_what_cannot_be_meant_changes_nothing(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, options: dict[str, str], words: str
    ) -> None:
        site(neutron)
        before = snapshot(neutron)
        with pytest.raises(KuryrError, match=words):
            docker.create_network(CIDR, o=options)
        assert snapshot(neutron) == before

    def test_a_router_without_a_gateway_publishes_nothing(self, docker: Docker, neutron: FakeNeutron) -> None:
        neutron.cloud.create("router", [{"name": "edge"}], neutron.project_id)
        with pytest.raises(InvalidInput, match="router edge leads to no external network"):
            forwarding(docker)

    def test_one_of_another_project_is_not_meant(self, docker: Docker, neutron: FakeNeutron) -> None:
        neutron.cloud.create("router", [{"name": "edge"}], "another")
        with pytest.raises(NotFound, match="no Neutron router named 'edge'"):
            docker.create_network(CIDR, o=ROUTED)

    def test_a_router_stays_as_long_as_others_are_on_the_network(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = docker.create_network(CIDR, o=ROUTED)
        (made,) = [net for net in snapshot(neutron)["network"].values() if net["description"] == str(MARK)]
        (machine,) = neutron.cloud.create("port", [{"network_id": made["id"]}], neutron.project_id)
        docker.remove_network(network)
        assert attached(neutron) == ["10.5.0.1"]
        neutron.cloud.delete("port", machine["id"])
        docker.sweep_after_grace()
        assert attached(neutron) == []
        assert made["id"] not in snapshot(neutron)["network"]


class TestForwarding:
    def test_a_published_port_leads_to_the_container(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        before = snapshot(neutron)
        network = forwarding(docker)
        container = docker.run(network, options=published((8080, 80)))
        assert forwarded(neutron) == {("tcp", 8080): (address(container), 80)}
        docker.stop(container)
        assert forwarded(neutron) == {}
        docker.remove_network(network)
        assert snapshot(neutron) == before

    def test_it_costs_a_floating_ip_for_the_network_and_a_request_for_each_port(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = forwarding(docker)
        assert calls(neutron).count("POST floatingips") == 1
        container = docker.run(network, options=published((8080, 80), (8443, 443)))
        assert calls(neutron) == ["POST ports", "POST port_forwardings", "POST port_forwardings"]
        docker.node.behind.pass_time()
        calls(neutron)
        docker.stop(container)
        assert calls(neutron) == ["DELETE ports"]

    def test_all_containers_of_a_network_share_one_address(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = forwarding(docker)
        one = docker.run(network, options=published((8080, 80)))
        two = docker.run(network, options=published((8081, 80), (53, 53), proto=17))
        assert len(floating_ips(neutron)) == 1
        assert forwarded(neutron) == {
            ("tcp", 8080): (address(one), 80),
            ("udp", 8081): (address(two), 80),
            ("udp", 53): (address(two), 53),
        }

    def test_a_port_that_another_container_has_fails_the_start(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = forwarding(docker)
        docker.run(network, options=published((8080, 80)))
        before = snapshot(neutron)
        with pytest.raises(Conflict, match="port 8080/tcp is published by another container"):
            docker.run(network, options=published((8080, 80)))
        docker.node.behind.drain(10)
        assert snapshot(neutron) == before

    def test_a_port_is_chosen_where_the_user_leaves_it_open(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = forwarding(docker)
        docker.run(network, options=published((8001, 80)))
        docker.run(network, options=published((8000, 80, 8010), (0, 8001), (0, 22)))
        docker.run(network, options=published((8000, 80, 8010)))
        assert sorted(port for _, port in forwarded(neutron)) == [8000, 8001, 8002, 32768, 32769]

    def test_two_that_choose_at_once_get_two_ports(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = forwarding(docker)
        during(
            neutron,
            "POST",
            f"/floatingips/{next(iter(floating_ips(neutron)))}",
            lambda: docker.run(network, options=published((8000, 80, 8010))),
        )
        docker.run(network, options=published((8000, 80, 8010)))
        assert sorted(port for _, port in forwarded(neutron)) == [8000, 8001]

    def test_docker_may_say_it_twice(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        network = forwarding(docker)
        container = docker.run(network, options=published((8080, 80), (0, 81)))
        once = forwarded(neutron)
        program(docker, container, published((8080, 80), (0, 81)))
        assert forwarded(neutron) == once

    def test_another_way_out_takes_over(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        container = docker.run(forwarding(docker), options=published((8080, 80)))
        revoke(docker, container)
        docker.node.behind.pass_time()
        assert forwarded(neutron) == {}

    def test_it_may_come_back_at_once(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        container = docker.run(forwarding(docker), options=published((8080, 80)))
        revoke(docker, container)
        program(docker, container, published((8080, 80)))
        docker.node.behind.pass_time()
        assert forwarded(neutron) == {("tcp", 8080): (address(container), 80)}

    def test_the_choice_outlives_the_driver(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        before = snapshot(neutron)
        network = forwarding(docker)
        container = docker.run(network, options=published((8080, 80)))
        docker.restart_driver()
        docker.run(network, options=published((8081, 80)))
        assert set(forwarded(neutron)) == {("tcp", 8080), ("tcp", 8081)}
        docker.sweep_after_grace()
        assert len(floating_ips(neutron)) == 1
        docker.stop(container)
        docker.endpoints.clear()
        docker.sweep_after_grace()
        docker.remove_network(network)
        assert snapshot(neutron) == before

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (published((8080, 80), (8081, 80)), "port 80/tcp is published twice"),
            (published((8080, 80), proto=50), "IP protocol 50 cannot be published"),
            ({"com.docker.network.portmap": [{"Proto": 6, "Port": 0}]}, "is not a published port"),
            ({"com.docker.network.portmap": "80"}, "is not a published port"),
            ({"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": "x"}]}, "is not a published port"),
            (
                {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostIP": "127.0.0.1", "HostPort": 8080}]},
                r"-p 127.0.0.1:… cannot be served",
            ),
        ],
    )
    def test_what_cannot_be_published_fails_the_start_and_leaves_nothing(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, options: Mapping[str, Any], words: str
    ) -> None:
        network = forwarding(docker)
        before = snapshot(neutron)
        with pytest.raises(InvalidInput, match=words):
            docker.run(network, options=options)
        assert docker.node.behind.drain(10)
        assert snapshot(neutron) == before

    def test_an_existing_network_uses_its_routers_way(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        blue = routed_site(neutron, outside)
        before = snapshot(neutron)
        network = docker.create_network(
            str(blue.cidr), o={"kuryr.publish": "forwarding"}, ipam_opt={"neutron.net.name": "blue"}
        )
        container = docker.run(network, options=published((8080, 80)))
        assert forwarded(neutron) == {("tcp", 8080): (address(container), 80)}
        docker.stop(container)
        docker.remove_network(network)
        assert snapshot(neutron) == before

    def test_an_existing_network_without_a_way_out_is_refused(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        blue = site(neutron)
        before = snapshot(neutron)
        with pytest.raises(NotFound, match="network blue has no router with a gateway"):
            docker.create_network(str(blue.cidr), o={"kuryr.publish": "forwarding", "neutron.net.name": "blue"})
        assert snapshot(neutron) == before


class TestFloatingIP:
    def test_a_container_gets_one_of_its_own_and_gives_it_back(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        before = snapshot(neutron)
        network = docker.create_network(CIDR, o={**ROUTED, "kuryr.publish": "floating"})
        calls(neutron)
        container = docker.run(network, options=published((80, 80), (0, 443)))
        assert calls(neutron) == ["POST ports", "POST floatingips"]
        (made,) = floating_ips(neutron).values()
        assert (made["fixed_ip_address"], made["description"]) == (address(container), str(MARK))
        program(docker, container, published((80, 80), (0, 443)))
        assert len(floating_ips(neutron)) == 1
        docker.node.behind.pass_time()
        calls(neutron)
        docker.stop(container)
        assert sorted(calls(neutron)) == ["DELETE floatingips", "DELETE ports"]
        docker.remove_network(network)
        assert snapshot(neutron) == before

    def test_containers_that_publish_nothing_get_none(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        docker.run(docker.create_network(CIDR, o={**ROUTED, "kuryr.publish": "floating"}))
        assert not floating_ips(neutron)

    def test_a_port_keeps_its_number(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        network = docker.create_network(CIDR, o={**ROUTED, "kuryr.publish": "floating"})
        with pytest.raises(InvalidInput, match=r"port 80/tcp cannot be published as 8080.*use -p 80"):
            docker.run(network, options=published((8080, 80)))

    def test_one_may_be_asked_for_on_any_routed_network(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = docker.create_network(CIDR, o=ROUTED)
        calls(neutron)
        container = docker.run(network, options={"neutron.floating_ip": "auto"})
        assert calls(neutron) == ["POST ports", "GET ports", "GET routers", "POST floatingips"]
        (made,) = floating_ips(neutron).values()
        assert made["fixed_ip_address"] == address(container)

    @pytest.mark.parametrize("word", ["id", "floating_ip_address"])
    def test_an_existing_one_is_lent_and_given_back_as_it_was(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, word: str
    ) -> None:
        mine = outside.floating_ip()
        before = snapshot(neutron)
        network = docker.create_network(CIDR, o=ROUTED)
        calls(neutron)
        container = docker.run(network, options={"neutron.floating_ip": mine[word]})
        assert calls(neutron) == ["POST ports", "GET floatingips", "PUT floatingips"]
        assert floating_ips(neutron)[mine["id"]]["fixed_ip_address"] == address(container)
        docker.stop(container)
        docker.remove_network(network)
        after = snapshot(neutron)
        for state in (before, after):
            for volatile in ("revision_number", "updated_at"):
                state["floatingip"][mine["id"]].pop(volatile, None)
        assert after == before

    def test_a_restarted_container_gets_its_own_one_again(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        mine = outside.floating_ip()
        options = {"neutron.floating_ip": mine["floating_ip_address"]}
        network = docker.create_network(CIDR, o=ROUTED)
        docker.stop(docker.run(network, options=options))
        container = docker.run(network, options=options)
        assert floating_ips(neutron)[mine["id"]]["fixed_ip_address"] == address(container)

    def test_one_in_use_is_refused_and_stays(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        mine = outside.floating_ip()
        network = docker.create_network(CIDR, o=ROUTED)
        options = {"neutron.floating_ip": mine["floating_ip_address"]}
        docker.run(network, options=options)
        before = snapshot(neutron)
        with pytest.raises(Conflict, match=f"floating IP {mine['floating_ip_address']} is in use"):
            docker.run(network, options=options)
        assert docker.node.behind.drain(10)
        assert snapshot(neutron) == before

    def test_one_that_forwards_ports_is_in_use(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        network = forwarding(docker)
        docker.run(network, options=published((8080, 80)))
        (shared,) = floating_ips(neutron).values()
        with pytest.raises(Conflict, match="is in use"):
            docker.run(network, options={"neutron.floating_ip": shared["floating_ip_address"]})

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [
            ("203.0.113.99", "the project has no floating IP 203.0.113.99"),
            ("mine", "auto, or the address or UUID of a floating IP"),
            ("", "auto, or the address or UUID of a floating IP"),
        ],
    )
    def test_one_that_cannot_be_meant_fails_the_start(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, wanted: str, words: str
    ) -> None:
        network = docker.create_network(CIDR, o=ROUTED)
        before = snapshot(neutron)
        with pytest.raises(KuryrError, match=words):
            docker.run(network, options={"neutron.floating_ip": wanted})
        assert docker.node.behind.drain(10)
        assert snapshot(neutron) == before

    def test_one_of_another_project_is_not_seen(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        theirs = outside.floating_ip("another")
        network = docker.create_network(CIDR, o=ROUTED)
        with pytest.raises(NotFound, match="the project has no floating IP"):
            docker.run(network, options={"neutron.floating_ip": theirs["id"]})

    @pytest.mark.parametrize("style", ["engine", "none"])
    def test_traffic_must_leave_by_neutron(self, docker: Docker, outside: Outside, style: str) -> None:
        network = docker.create_network(CIDR, o={"kuryr.gateway": style})
        with pytest.raises(InvalidInput, match=r"neutron.floating_ip needs a network with kuryr\.gateway=neutron"):
            docker.run(network, options={"neutron.floating_ip": "auto"})

    def test_what_a_dead_driver_left_is_swept(self, docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
        network = docker.create_network(CIDR, o=ROUTED)
        docker.run(network, options={"neutron.floating_ip": "auto"})
        docker.restart_driver()
        docker.endpoints.clear()
        docker.sweep_after_grace()
        docker.sweep_after_grace()
        assert not floating_ips(neutron)

    def test_a_new_driver_gives_back_what_the_old_one_made(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside
    ) -> None:
        network = docker.create_network(CIDR, o=ROUTED)
        container = docker.run(network, options={"neutron.floating_ip": "auto"})
        docker.restart_driver()
        docker.sweep()
        docker.stop(container)
        assert not floating_ips(neutron)


class TestFailures:
    """Whatever request fails, whether Neutron served it or not: in the end nothing is left."""

    @pytest.mark.parametrize("applied", [False, True])
    @pytest.mark.parametrize("number", range(1, 7))
    def test_of_a_new_network(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, number: int, applied: bool
    ) -> None:
        before = snapshot(neutron)
        fail_call(neutron, number, applied=applied)
        with pytest.raises(KuryrError):
            forwarding(docker)
        neutron.on_request = None
        docker.sweep_after_grace()
        assert snapshot(neutron) == before

    @pytest.mark.parametrize("applied", [False, True])
    @pytest.mark.parametrize("number", range(1, 7))
    def test_of_an_existing_network(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, number: int, applied: bool
    ) -> None:
        blue = routed_site(neutron, outside)
        before = snapshot(neutron)
        fail_call(neutron, number, applied=applied)
        with pytest.raises(KuryrError):
            docker.create_network(str(blue.cidr), o={"kuryr.publish": "forwarding", "neutron.net.name": "blue"})
        neutron.on_request = None
        docker.sweep_after_grace()
        assert snapshot(neutron) == before

    @pytest.mark.parametrize("applied", [False, True])
    @pytest.mark.parametrize(
        ("style", "number"),
        [("forwarding", 1), ("forwarding", 2), ("forwarding", 3), ("floating", 1), ("floating", 2)],
    )
    def test_of_a_start(
        self, docker: Docker, neutron: FakeNeutron, outside: Outside, style: str, number: int, applied: bool
    ) -> None:
        network = docker.create_network(CIDR, o={**ROUTED, "kuryr.publish": style})
        before = snapshot(neutron)
        fail_call(neutron, number, applied=applied)
        with pytest.raises(KuryrError):
            docker.run(network, options=published((80, 80), (81, 81)))
        neutron.on_request = None
        assert docker.node.behind.drain(10)
        docker.sweep_after_grace()
        docker.sweep_after_grace()
        assert snapshot(neutron) == before


def test_what_is_published_is_shown(docker: Docker, neutron: FakeNeutron, outside: Outside) -> None:
    mine = outside.floating_ip()
    network = forwarding(docker)
    one = docker.run(network, options=published((8081, 81), (8080, 80)))
    two = docker.run(network, options={"neutron.floating_ip": mine["id"]})
    docker.run(network)
    docker.node.behind.pass_time()
    (shared,) = (each for each in floating_ips(neutron).values() if each["id"] != mine["id"])
    calls(neutron)
    shown = list_published(neutron.client(), MARK)
    assert len(calls(neutron)) == 4
    assert {(str(way.outer), way.outer_port, str(way.inner), way.inner_port, way.owner) for way in shown} == {
        (shared["floating_ip_address"], 8080, address(one), 80, one.id),
        (shared["floating_ip_address"], 8081, address(one), 81, one.id),
        (mine["floating_ip_address"], None, address(two), None, two.id),
    }


def test_an_anchor_says_it_in_words() -> None:
    for publication in (Publication(), Publication(Publish.FLOATING, "e" * 36), Publication(Publish.NONE, "e")):
        assert Publication.of(publication.settings) == publication


def routed_site(neutron: FakeNeutron, outside: Outside) -> Site:
    """An existing network on the tenant's router."""
    blue = site(neutron)
    body = {
        "network_id": blue.network_id,
        "device_owner": "network:router_interface",
        "device_id": outside.router,
        "fixed_ips": [{"subnet_id": blue.subnet_id, "ip_address": "10.1.0.1"}],
    }
    neutron.cloud.create("port", [body], neutron.project_id)
    return blue


def program(docker: Docker, container: Container, options: Mapping[str, Any]) -> None:
    ids = {"NetworkID": container.network.id, "EndpointID": container.id}
    docker.call("NetworkDriver.ProgramExternalConnectivity", **ids, Options=dict(options))


def revoke(docker: Docker, container: Container) -> None:
    docker.call("NetworkDriver.RevokeExternalConnectivity", NetworkID=container.network.id, EndpointID=container.id)


def test_where_nothing_is_published_neutron_is_not_asked_about_it(docker: Docker, neutron: FakeNeutron) -> None:
    """Docker says so of every container, and may do while Neutron is down."""
    ids = {"NetworkID": "f" * 64, "EndpointID": "e" * 64}
    assert docker.call("NetworkDriver.ProgramExternalConnectivity", **ids, Options={}) == {}
    assert neutron.calls == []
