"""A start that only hands over an interface: nothing is asked of Neutron, and everything is as with any other port."""

import json
import secrets

import pytest

from kuryr.model import is_ready
from kuryr_lab.client import Neutron, Resource
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of, methods
from system.driver import Driver
from system.test_containers import ports_of
from system.test_exposure import opened, stranger


def waiting(neutron: Neutron) -> list[Resource]:
    """Ports that wait, as Neutron has them, once they are wired."""
    return [port for port in neutron.find("port", status="ACTIVE") if is_ready(port["device_id"])]


def warmed(neutron: Neutron, bench: Bench, host: Host, network: str) -> Container:
    """The first container, which has a port made ahead for the next one."""
    first = bench.run(host, network)
    wait_until("a port waits", lambda: len(waiting(neutron)) == 1, 30)
    return first


@pytest.mark.backends
@pytest.mark.engines
def test_a_start_asks_neutron_nothing(
    lab: Lab, host1: Host, network: str, bench: Bench, neutron: Neutron, host1_requests: Cursor
) -> None:
    first = warmed(neutron, bench, host1, network)
    (ready,) = waiting(neutron)
    shown = {row["port_id"]: row for row in json.loads(host1.run(["kuryr", "ports", "--json"]).stdout)}
    assert shown.pop(ready["id"])["state"] == "ready"
    (used,) = shown.values()
    assert (used["state"], used["addresses"]) == ("used", [address_of(first, network)])
    host1_requests.read_until_quiet()
    second = bench.run(host1, network)
    assert host1_requests.read() == []
    second.reaches(address_of(first, network))
    first.serve()
    assert second.fetch(address_of(first, network)) == first.name
    second.serve()
    assert first.fetch(address_of(second, network)) == second.name
    # Its user's name, and perhaps ports for the next.
    behind = host1_requests.read_until_quiet()
    assert [each.path.rpartition("/")[2] for each in behind if each.method == "PUT"] == [ready["id"]]
    assert [each for each in methods(lab, behind) if each == "POST"] in ([], ["POST"])
    assert neutron.show("port", ready["id"])["name"].startswith("kuryr-")


def test_a_network_goes_with_what_waits_there(
    host1: Host, network: str, bench: Bench, neutron: Neutron, host1_requests: Cursor
) -> None:
    """By two requests and one for each port; at any time, such as while ports are being made."""
    warmed(neutron, bench, host1, network)
    bench.clear_containers()
    host1_requests.read_until_quiet(quiet=2)
    # Wired or not, and the container's own, if that waits now.
    there = len(neutron.find("port", device_owner="compute:kuryr"))
    bench.remove_network(host1, network)
    assert [each.method for each in host1_requests.read()] == ["DELETE"] * (2 + there)
    hasty = bench.network(host1, "--subnet", "10.79.0.0/24")
    bench.run(host1, hasty)
    bench.clear()


@pytest.mark.exhaustive
def test_what_the_last_container_exposed_is_closed_for_the_next(
    lab: Lab, host1: Host, neutron: Neutron, tenant_network: TenantNetwork, bench: Bench
) -> None:
    network = bench.network(host1, "--ipam-opt", f"neutron.net.name={tenant_network.name}")
    with stranger(lab, tenant_network.id) as outsider:
        warmed(neutron, bench, host1, network)
        exposing = bench.run(host1, network, "--expose", "80")
        exposing.serve()
        address = address_of(exposing, network)
        wait_until("the exposed port is open", lambda: outsider.fetch(address) == exposing.name)
        host1.docker("rm", "--force", exposing.name)
        for _ in range(2):
            container = bench.run(host1, network)
            container.serve()
            assert outsider.fetch(address_of(container, network)) is None
        bench.clear()
    assert opened(neutron) == []


@pytest.mark.exhaustive
def test_a_container_leaves_no_trace_on_its_interface(
    host1: Host, network: str, bench: Bench, neutron: Neutron
) -> None:
    first = warmed(neutron, bench, host1, network)
    # As root with all rights.
    spoil = "ip link set eth0 mtu 1000; ip link set eth0 address 02:00:00:00:00:01; ip link set eth0 up; sleep 99"
    for _ in range(3):
        name = f"c{secrets.token_hex(4)}"
        own = ("--detach", "--cap-add", "NET_ADMIN", "--name", name, "--network", network)
        host1.docker("run", *own, "busybox", "sh", "-c", spoil)
        host1.docker("rm", "--force", name)
    mtu = neutron.show("network", ports_of(neutron, host1)[0]["network_id"])["mtu"]
    for _ in range(3):
        container = bench.run(host1, network)
        container.reaches(address_of(first, network))
        link = container.run(["cat", "/sys/class/net/eth0/mtu", "/sys/class/net/eth0/address"]).stdout.split()
        assert link[0] == str(mtu)
        assert [port["fixed_ips"][0]["ip_address"] for port in neutron.find("port", mac_address=link[1])] == [
            address_of(container, network)
        ]


@pytest.mark.exhaustive
def test_they_survive_the_driver(host1: Host, bench: Bench, neutron: Neutron) -> None:
    driver = Driver.changed(host1, {})
    network = bench.network(host1, "--subnet", "10.78.0.0/24", driver=driver.name)
    first = warmed(neutron, bench, host1, network)
    (ready,) = waiting(neutron)
    driver.daemon.kill()
    driver.socket.unlink()
    again = Driver(host1, driver.name, {})
    try:
        second = bench.run(host1, network)
        assert address_of(second, network) == ready["fixed_ips"][0]["ip_address"]
        second.reaches(address_of(first, network))
        bench.clear()
        assert waiting(neutron) == []
    finally:
        again.stop()


@pytest.mark.exhaustive
def test_another_host_gives_up_the_last_address_within_a_minute(
    host1: Host, host2: Host, lab: Lab, neutron: Neutron, tenant_network: TenantNetwork, bench: Bench
) -> None:
    """One that waits there for a container to come."""
    named = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
    there, here = (bench.network(host, *named) for host in (host1, host2))
    warmed(neutron, bench, host1, there)
    (ready,) = waiting(neutron)
    last = ready["fixed_ips"][0]["ip_address"]
    only = [{"start": last, "end": last}]
    lab.neutron("demo").update("subnet", tenant_network.subnet_id, allocation_pools=only)
    with pytest.raises(CommandFailed, match="No more IP addresses available"):
        bench.run(host2, here)
    wait_until("the other host gives it up", lambda: neutron.find("port", id=ready["id"]) == [], 90)
    assert address_of(bench.run(host2, here), here) == last
