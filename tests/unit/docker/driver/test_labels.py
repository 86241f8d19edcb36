"""A container's labels choose its port, on engines that tell its name: asked for once, bounded, and never a guess."""

import logging

import pytest

from fakes.neutron import FakeNeutron
from kuryr.docker.engine import EngineSilent
from kuryr.errors import Conflict, InvalidInput, NotFound
from unit.docker.driver.test_existing_ports import now, port
from unit.docker.driver.test_networks import calls
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Site, site


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


def network_on(docker: Docker, neutron: FakeNeutron, blue: Site, **o: str) -> DockerNetwork:
    options = {f"kuryr.{name}": value for name, value in o.items()}
    network = docker.create_network(ipam_opt={"neutron.net.uuid": blue.network_id}, o=options)
    neutron.calls.clear()
    return network


@pytest.fixture
def network(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    return network_on(docker, neutron, blue)


@pytest.mark.parametrize("label", [("neutron.port.name", "web-1"), ("neutron.port.tag", "role=web")])
def test_a_label_chooses_the_port(
    docker: Docker, neutron: FakeNeutron, blue: Site, network: DockerNetwork, label: tuple[str, str]
) -> None:
    port(neutron, blue, 9, name="web-1", tags=["role=web"])
    before = now(neutron)
    docker.container_labels["web"] = {label[0]: label[1], "com.example.team": "blue"}
    container = docker.run(network, name="web")
    assert calls(neutron) == ["GET ports", "PUT ports", "PUT ports"]
    assert container.address == "10.1.0.9/24"
    docker.stop(container)
    assert now(neutron) == before


def test_a_label_must_agree_with_an_address_and_with_an_option(
    docker: Docker, neutron: FakeNeutron, blue: Site, network: DockerNetwork
) -> None:
    port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    docker.container_labels["web"] = {"neutron.port.name": "web-1"}
    with pytest.raises(Conflict, match=r"has 10\.1\.0\.9, not 10\.1\.0\.10"):
        docker.run(network, name="web", ip="10.1.0.10")
    with pytest.raises(Conflict, match="is not the address of port named 'web-2'"):
        docker.run(network, name="web", options={"neutron.port.name": "web-2"})
    assert docker.node.behind.drain(10)
    docker.stop(docker.run(network, name="web", ip="10.1.0.9", options={"neutron.port.name": "web-1"}))
    assert now(neutron) == before


def test_labels_that_cannot_be_meant_are_refused(docker: Docker, neutron: FakeNeutron, network: DockerNetwork) -> None:
    before = now(neutron)
    for labels, error, words in (
        ({"neutron.port.name": "nobody"}, NotFound, "no port named 'nobody'"),
        ({"neutron.port.nmae": "web-1"}, InvalidInput, "no option neutron.port.nmae.*did you mean neutron.port.name"),
        ({"neutron.net.name": "blue"}, InvalidInput, "does not belong to --label"),
    ):
        docker.container_labels["web"] = labels
        with pytest.raises(error, match=words):
            docker.run(network, name="web")
        assert now(neutron) == before


def test_a_sticky_key_by_label(docker: Docker, neutron: FakeNeutron, network: DockerNetwork) -> None:
    docker.container_labels["web-a"] = docker.container_labels["web-b"] = {"kuryr.sticky.key": "web"}
    first = docker.run(network, name="web-a")
    docker.stop(first)
    second = docker.run(network, name="web-b")
    assert (second.address, second.mac) == (first.address, first.mac)
    docker.stop(second)
    docker.remove_network(network)
    docker.sweep_after_grace()
    left = {each["name"] for each in now(neutron)["port"].values()}
    assert "kuryr-web" not in left


def test_silence_means_no_labels_and_says_so(
    docker: Docker, neutron: FakeNeutron, network: DockerNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    docker.silent = True
    with caplog.at_level(logging.WARNING):
        assert docker.run(network, name="web").address
    assert "container web starts as if it had no labels: Docker does not answer" in caplog.text


def test_silence_is_refused_where_labels_are_required(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    network = network_on(docker, neutron, blue, labels="require")
    docker.silent = True
    with pytest.raises(EngineSilent, match=r"the labels of container web are not known: .*run it again"):
        docker.run(network, name="web")
    assert neutron.calls == []
    docker.silent = False
    assert docker.run(network, name="web").address


def test_where_labels_are_ignored_docker_is_not_asked(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    network = network_on(docker, neutron, blue, labels="ignore")
    docker.container_labels["web"] = {"neutron.port.name": "nobody"}
    docker.silent = True
    assert docker.run(network, name="web").address


def test_an_engine_that_tells_no_name_is_not_asked_either(docker: Docker, network: DockerNetwork) -> None:
    docker.silent = True
    assert docker.run(network).address
