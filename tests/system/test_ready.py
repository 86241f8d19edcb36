"""A start that only hands over an interface: nothing is asked of Neutron, and everything is as with any other port."""

import secrets
from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.request_log import Cursor
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import Driver


@pytest.fixture
def ahead(host1: Host) -> Iterator[Driver]:
    """A driver that makes ports ahead."""
    driver = Driver.changed(host1, {"binding": {"ready_ports_max": "3"}})
    yield driver
    driver.stop()


@pytest.fixture
def network(host1: Host, ahead: Driver, bench: Bench) -> str:
    """A network of that driver."""
    return bench.network(host1, "--subnet", "10.78.0.0/24", driver=ahead.name)


def waiting(neutron: Neutron) -> list[str]:
    """The ids of ports that wait, as Neutron has them, once they are wired."""
    ports = [port for port in neutron.find("port") if port["device_id"].startswith("kuryr:ready:")]
    return [port["id"] for port in ports if port["status"] == "ACTIVE"]


def warmed(neutron: Neutron, bench: Bench, host: Host, network: str) -> Container:
    """The first container, which has a port made ahead for the next one."""
    first = bench.run(host, network)
    wait_until("a port waits", lambda: len(waiting(neutron)) == 1, 30)
    return first


def test_a_start_asks_neutron_nothing(
    host1: Host, network: str, bench: Bench, neutron: Neutron, host1_requests: Cursor
) -> None:
    first = warmed(neutron, bench, host1, network)
    (port_id,) = waiting(neutron)
    host1_requests.read_until_quiet()
    second = bench.run(host1, network)
    assert host1_requests.read() == []
    assert second.ping(address_of(first, network))
    first.serve()
    assert second.fetch(address_of(first, network)) == first.name
    second.serve()
    assert first.fetch(address_of(second, network)) == second.name
    # Its user's name, and perhaps another port for the next.
    changed = [each.path for each in host1_requests.read_until_quiet() if each.method == "PUT"]
    assert [path.rpartition("/")[2] for path in changed] == [port_id]
    assert neutron.show("port", port_id)["name"].startswith("kuryr-")


@pytest.mark.exhaustive
def test_a_port_serves_one_container_after_another(host1: Host, network: str, bench: Bench, neutron: Neutron) -> None:
    first = warmed(neutron, bench, host1, network)
    ids = waiting(neutron)
    for _ in range(3):
        container = Container(host1, f"c{secrets.token_hex(4)}")
        # As root with all rights: the next one finds an interface without a trace of it.
        spoil = "ip link set eth0 mtu 1000; ip link set eth0 address 02:00:00:00:00:01; ip link set eth0 up; sleep 99"
        own = ("--detach", "--cap-add", "NET_ADMIN", "--name", container.name, "--network", network)
        host1.docker("run", *own, "busybox", "sh", "-c", spoil)
        host1.docker("rm", "--force", container.name)
        wait_until("the port waits again", lambda: set(ids) <= set(waiting(neutron)), 30)
    for _ in waiting(neutron):
        container = bench.run(host1, network)
        assert container.ping(address_of(first, network))
        link = container.run(["cat", "/sys/class/net/eth0/mtu", "/sys/class/net/eth0/address"]).stdout.split()
        (port,) = neutron.find("port", mac_address=link[1])
        assert link[0] == str(neutron.show("network", port["network_id"])["mtu"])


@pytest.mark.exhaustive
def test_they_survive_the_driver(
    host1: Host, ahead: Driver, network: str, bench: Bench, neutron: Neutron, host1_requests: Cursor
) -> None:
    first = warmed(neutron, bench, host1, network)
    ahead.daemon.kill()
    ahead.socket.unlink()
    again = Driver(host1, ahead.name, {"binding": {"ready_ports_max": "3"}})
    try:
        bench.run(host1, network)  # what is read once after a start
        second = bench.run(host1, network)
        assert second.ping(address_of(first, network))
        bench.clear_containers()
        bench.remove_network(host1, network)
        assert waiting(neutron) == []
    finally:
        again.stop()
