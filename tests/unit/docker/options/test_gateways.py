"""Which way out of its network a container gets, by option and by --internal."""

from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.docker.options.gateways import GatewayStyle
from kuryr.errors import InvalidInput
from kuryr.gateway.identity import Anchorage, Berth
from unit.docker.world import Docker
from unit.host.node import snapshot

CIDR = "10.5.0.0/24"
INTERNAL = {"Options": {"com.docker.network.internal": True}}
PUBLISHED = {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]}


def way_out(docker: Docker, **network: Any) -> tuple[object, object]:
    """What a container is told: its gateway, and whether Docker shall stay out of it."""
    joined = docker.run(docker.create_network(CIDR, **network)).joined
    return joined.get("Gateway"), joined["DisableGatewayService"]


def test_by_default_it_is_neutrons_gateway(docker: Docker) -> None:
    assert way_out(docker) == ("10.5.0.1", True)


@pytest.mark.parametrize(
    ("style", "expected"), [("neutron", ("10.5.0.1", True)), ("engine", (None, False)), ("none", (None, True))]
)
def test_the_option_chooses(docker: Docker, style: str, expected: tuple[object, object]) -> None:
    assert way_out(docker, o={"kuryr.gateway": style}) == expected


def test_the_choice_outlives_the_driver(docker: Docker) -> None:
    network = docker.create_network(CIDR, o={"kuryr.gateway": "engine"})
    docker.restart_driver()
    assert docker.run(network).joined["DisableGatewayService"] is False


@pytest.mark.parametrize("network", [{"more": INTERNAL}, {"o": {"kuryr.gateway": "none"}}])
def test_a_network_without_a_way_out_has_no_gateway_anywhere(
    docker: Docker, neutron: FakeNeutron, network: dict[str, Any]
) -> None:
    assert way_out(docker, **network) == (None, True)
    (subnet,) = snapshot(neutron)["subnet"].values()
    assert subnet["gateway_ip"] is None
    assert subnet["allocation_pools"] == [{"start": "10.5.0.2", "end": "10.5.0.254"}]


def test_ports_are_published_where_docker_has_an_interface(docker: Docker) -> None:
    assert docker.run(docker.create_network(CIDR, o={"kuryr.gateway": "engine"}), options=PUBLISHED)
    with pytest.raises(InvalidInput, match=r"-p is not served.*kuryr\.gateway=engine"):
        docker.run(docker.create_network(CIDR), options=PUBLISHED)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (
            {"o": {"kuryr.gateway": "both"}},
            r"kuryr\.gateway=both cannot be used \(it should be one of neutron, engine, none\)",
        ),
        ({"o": {"kuryr.gateway": ["none"]}}, r"cannot be used"),
        ({"ipam_opt": {"kuryr.gateway": "none"}}, r"kuryr\.gateway does not belong to --ipam-opt \(give it by -o\)"),
    ],
)
def test_a_wrong_choice_changes_nothing(
    docker: Docker, neutron: FakeNeutron, network: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        docker.create_network(CIDR, **network)
    assert not any(snapshot(neutron).values())


def test_internal_contradicts_a_way_out(docker: Docker) -> None:
    options = {"com.docker.network.internal": True, "com.docker.network.generic": {"kuryr.gateway": "engine"}}
    with pytest.raises(InvalidInput, match=r"--internal contradicts kuryr\.gateway=engine"):
        docker.create_network(CIDR, more={"Options": options})


@pytest.mark.parametrize("style", GatewayStyle)
def test_an_anchor_says_it_in_words(style: GatewayStyle) -> None:
    anchorage = Anchorage("net1", (Berth("key1", "12345678"),), style.recorded)
    assert GatewayStyle.of(Anchorage.parse(str(anchorage)).settings) is style
    assert Anchorage.parse(str(anchorage)) == anchorage
