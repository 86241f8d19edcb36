"""The ways out of a network, as a container and the outside see them."""

import urllib.request

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.traffic import Container
from system.conftest import Bench, address_of

pytestmark = pytest.mark.engines


def routes(container: Container) -> list[str]:
    """The container's default routes."""
    return [line for line in container.run(["ip", "route"]).stdout.splitlines() if line.startswith("default")]


def links(container: Container) -> list[str]:
    """The container's interfaces besides the loopback."""
    listed = container.run(["ls", "/sys/class/net"]).stdout.split()
    return [name for name in listed if name.startswith("eth")]


def test_with_neutrons_gateway_there_is_one_interface(host1: Host, bench: Bench) -> None:
    container = bench.run(host1, bench.network(host1, "--subnet", "10.77.0.0/24"))
    assert links(container) == ["eth0"]
    assert len(routes(container)) == 1
    assert routes(container)[0].startswith("default via 10.77.0.1 dev eth0")


def test_with_the_engines_gateway_ports_are_published_and_shown(host1: Host, bench: Bench) -> None:
    network = bench.network(host1, "--subnet", "10.77.0.0/24", "-o", "kuryr.gateway=engine")
    container = bench.run(host1, network, "--publish", "8080:80")
    container.serve()
    assert "8080" in host1.docker("port", container.name)
    assert len(links(container)) == 2
    with urllib.request.urlopen(f"http://{host1.management_address}:8080/", timeout=5) as page:
        assert page.read().decode() == container.name
    neighbour = bench.run(host1, network)
    neighbour.reaches(address_of(container, network))


def test_ports_that_nobody_would_publish_are_refused(host1: Host, network: str, bench: Bench) -> None:
    with pytest.raises(CommandFailed, match=r"-p is not served.*kuryr\.gateway=engine"):
        bench.run(host1, network, "--publish", "8080:80")


@pytest.mark.parametrize("option", [["--internal"], ["-o", "kuryr.gateway=none"]])
def test_without_a_way_out_neighbours_are_still_reached(
    host1: Host, neutron: Neutron, bench: Bench, option: list[str]
) -> None:
    network = bench.network(host1, "--subnet", "10.77.0.0/24", *option)
    one, other = bench.run(host1, network), bench.run(host1, network)
    one.reaches(address_of(other, network))
    assert routes(one) == []
    assert links(one) == ["eth0"]


@pytest.mark.engines(since=28)
@pytest.mark.parametrize("option", [["--internal"], ["-o", "kuryr.gateway=none"]])
def test_without_a_way_out_no_address_is_lost_to_a_gateway(host1: Host, bench: Bench, option: list[str]) -> None:
    """Of two addresses one is taken by Neutron's own DHCP service, so the other is left."""
    network = bench.network(host1, "--subnet", "10.77.0.0/30", *option)
    assert address_of(bench.run(host1, network), network) in {"10.77.0.1", "10.77.0.2"}
