"""A new network and its router: attached, detached, and by which routers it can be led outside."""

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import InvalidInput, KuryrError, NotFound
from unit.docker.outside import CIDR, ROUTED, Outside, attached, calls, forwarding
from unit.docker.world import Docker
from unit.host.node import MARK, site, snapshot


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
