"""`-p`, floating IPs and routers: what each choice makes in Neutron, what it costs, and that nothing of it is left."""

from collections.abc import Mapping
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.docker.options.publishing import Publication, Publish
from kuryr.errors import Conflict, InvalidInput, KuryrError, NotFound
from kuryr.gateway.exposure.published import published as list_published
from unit.docker.outside import (
    CIDR,
    ROUTED,
    Outside,
    address,
    calls,
    floating_ips,
    forwarded,
    forwarding,
    program,
    published,
    revoke,
    routed_site,
)
from unit.docker.world import Docker
from unit.host.node import MARK, RemoteNode, during, fail_call, site, snapshot


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
        # A gateway service sees for itself, once, that the floating IP is the host's own.
        looked_up = ["GET floatingips"] if isinstance(docker.node, RemoteNode) else []
        assert calls(neutron) == ["POST ports", *looked_up, "POST port_forwardings", "POST port_forwardings"]
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


def test_where_nothing_is_published_neutron_is_not_asked_about_it(docker: Docker, neutron: FakeNeutron) -> None:
    """Docker says so of every container, and may do while Neutron is down."""
    ids = {"NetworkID": "f" * 64, "EndpointID": "e" * 64}
    assert docker.call("NetworkDriver.ProgramExternalConnectivity", **ids, Options={}) == {}
    assert neutron.calls == []
