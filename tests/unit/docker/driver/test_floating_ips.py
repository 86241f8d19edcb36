"""Floating IPs of containers' own: made or lent, refused when in use, and given back."""

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, InvalidInput, KuryrError, NotFound
from unit.docker.outside import CIDR, ROUTED, Outside, address, calls, floating_ips, forwarding, program, published
from unit.docker.world import Docker
from unit.host.node import MARK, snapshot


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
