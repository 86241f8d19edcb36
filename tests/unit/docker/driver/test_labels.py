"""A container's labels choose its port, on engines that tell its name: asked for once, bounded, and never a guess."""

import logging

import pytest

from fakes.neutron import FakeNeutron
from kuryr.docker.engine import EngineSilent
from kuryr.errors import Conflict, InvalidInput, NotFound
from unit.docker.existing import port
from unit.docker.options.test_traits import make
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Site, calls, now, site


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
        ({"neutron.floating_ip": "auto"}, InvalidInput, r"does not belong to --label \(give it by --driver-opt\)"),
        ({"neutron.security_groups": "nobody"}, NotFound, "no Neutron security group named 'nobody'"),
        ({"neutron.qos_policy": "nobody"}, NotFound, "no Neutron QoS policy named 'nobody'"),
        ({"neutron.dns_name": "a b"}, InvalidInput, "option neutron.dns_name=a b cannot be used"),
        ({"neutron.port_security": "maybe"}, InvalidInput, "option neutron.port_security=maybe cannot be used"),
        (
            {"neutron.port_security": "false", "neutron.allowed_address_pairs": "10.1.0.200"},
            InvalidInput,
            "allowed_address_pairs and neutron.port_security=false contradict",
        ),
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


def guarded_by(neutron: FakeNeutron) -> tuple[list[str], str]:
    """The groups of the only container's port, and its DNS name."""
    (found,) = (each for each in now(neutron)["port"].values() if each["device_owner"] == "compute:kuryr")
    return found["security_groups"], found["dns_name"]


@pytest.mark.parametrize("mac", ["", "fa:16:3e:00:00:09"])
@pytest.mark.parametrize("crash", [False, True])
def test_what_labels_say_comes_before_the_network_and_after_the_endpoint(
    docker: Docker, neutron: FakeNeutron, *, mac: str, crash: bool
) -> None:
    """Also when the port is made anew for its MAC, or when another process than this one made it."""
    web, ssh, db = (make(neutron, "security_group", name) for name in ("web", "ssh", "db"))
    network = docker.create_network("10.5.0.0/24", o={"neutron.security_groups": "web"})
    docker.container_labels["one"] = {"neutron.security_groups": "ssh", "neutron.dns_name": "one"}
    for options, groups in (({}, [ssh]), ({"neutron.security_groups": "db"}, [db])):
        container = docker.run(network, name="one", mac=mac, options=options, crash=crash)
        assert guarded_by(neutron) == (groups, "one")
        docker.stop(container)
    docker.run(network, name="other", mac=mac, crash=crash)
    assert guarded_by(neutron) == ([web], "")


def test_labels_do_not_change_an_existing_port(
    docker: Docker, neutron: FakeNeutron, blue: Site, network: DockerNetwork
) -> None:
    port(neutron, blue, 9, name="web-1")
    before = now(neutron)
    for more, ip in (({"neutron.port.name": "web-1"}, ""), ({}, "10.1.0.9")):
        docker.container_labels["web"] = {"neutron.dns_name": "www", **more}
        with pytest.raises(InvalidInput, match="an existing port keeps its own groups"):
            docker.run(network, name="web", ip=ip)
        assert docker.node.behind.drain(10)
        assert now(neutron) == before


def test_a_group_named_by_a_label_that_was_made_anew_is_found_again(
    docker: Docker, neutron: FakeNeutron, network: DockerNetwork
) -> None:
    docker.container_labels["web"] = {"neutron.security_groups": "web"}
    for _ in range(2):
        group = make(neutron, "security_group", "web")
        container = docker.run(network, name="web")
        assert guarded_by(neutron)[0] == [group]
        docker.stop(container)
        neutron.cloud.delete("security_group", group)


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
