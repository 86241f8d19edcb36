"""EXPOSE: strangers reach the ports that a container exposes, and no others, by IPv4 and IPv6, TCP and UDP."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor, Request
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container, PlainPort
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import NONE_AHEAD, Driver
from system.test_addressing import endpoint
from system.test_containers import pid_of


def opened(neutron: Neutron) -> list[str]:
    """The names of the groups by which Kuryr opens ports."""
    return [group["name"] for group in neutron.find("security_group") if group["name"].startswith("kuryr-open-")]


def steps(requests: list[Request]) -> list[str]:
    return [f"{request.method} {request.path.split('/')[2].partition('?')[0]}" for request in requests]


@contextmanager
def stranger(lab: Lab, network_id: str) -> Iterator[PlainPort]:
    """A port of the tenant in a group of its own, to which no default group says anything."""
    tenant = lab.neutron("demo")
    group = tenant.create("security_group", name="strangers")
    try:
        with lab.plain_port("host2", network_id, name="stranger", security_groups=[group["id"]]) as port:
            yield port
    finally:
        tenant.delete("security_group", group["id"])


LISTEN = """
import socket, sys
mailbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mailbox.bind(("", int(sys.argv[1])))
print("ready", flush=True)
print(mailbox.recv(100).decode(), flush=True)
"""
TELL = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
"""


@contextmanager
def mailbox(container: Container, port: int) -> Iterator[subprocess.Popen[str]]:
    """A process that ends when a datagram arrives at a UDP port of the container; busybox has no such thing."""
    inside = ["nsenter", "-t", pid_of(container), "-n", "python3", "-c", LISTEN, str(port)]
    with container.host.popen(inside) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.backends
@pytest.mark.engines
def test_a_stranger_reaches_the_exposed_ports_and_no_others(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    lab.neutron("demo").create("subnet", name="six", network_id=tenant_network.id, cidr="fd20::/64", ip_version=6)
    options = ("--ipv6", "--subnet", tenant_network.cidr, "--subnet", "fd20::/64")
    network = bench.network(host1, *options, "--ipam-opt", f"neutron.net.name={tenant_network.name}")
    with stranger(lab, tenant_network.id) as outsider:
        container = bench.run(host1, network, "--expose", "80", "--expose", "81/udp")
        for port in (80, 8000):
            container.serve(port)
        shown = endpoint(container, network)
        for address in (shown["IPAddress"], shown["GlobalIPv6Address"]):
            wait_until("the exposed port is open", lambda to=address: outsider.fetch(to) == container.name)  # type: ignore[misc]
            assert outsider.fetch(address, 8000) is None
            assert not outsider.ping(address, count=2)
        with mailbox(container, 81) as exposed, mailbox(container, 82) as closed:
            for port in (82, 81):
                outsider.run(["python3", "-c", TELL, shown["IPAddress"], str(port)])
            assert exposed.communicate(timeout=10)[0] == "hello\n"
            assert closed.poll() is None
        bench.clear()
    assert opened(neutron) == []


def test_containers_that_expose_the_same_share_a_group_and_cost_two_requests(
    host1: Host, neutron: Neutron, host1_requests: Cursor, bench: Bench
) -> None:
    network = bench.network(host1, "--subnet", "10.77.0.0/24", *NONE_AHEAD)
    bench.run(host1, network, "--expose", "80-81")
    assert steps(host1_requests.read_until_quiet())[-1] == "PUT ports"
    bench.run(host1, network, "--expose", "81", "--expose", "80")
    assert steps(host1_requests.read_until_quiet()) == ["POST ports", "PUT ports"]
    (name,) = opened(neutron)
    (group,) = neutron.find("security_group", name=name)
    allowed = [
        (rule["direction"], rule["ethertype"], rule["protocol"], rule["port_range_min"], rule["port_range_max"])
        for rule in group["security_group_rules"]
    ]
    assert allowed == [("ingress", "IPv4", "tcp", 80, 81)]
    bench.clear()
    assert opened(neutron) == []


@pytest.mark.exhaustive
def test_it_can_be_switched_off_and_widened(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    """In kuryr.conf for the host, by option for a network; by default outsiders of the network are not meant."""
    quiet = Driver.changed(host1, {"docker": {"expose": "false"}})
    named = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
    try:
        off = bench.network(host1, *named, driver=quiet.name)
        on = bench.network(host1, *named, "-o", "kuryr.expose=true", driver=quiet.name)
        narrow = bench.network(host1, *named, "-o", "kuryr.expose.source=192.0.2.0/24")
        with stranger(lab, tenant_network.id) as outsider:
            containers = {name: bench.run(host1, name, "--expose", "80") for name in (off, narrow, on)}
            for container in containers.values():
                container.serve()
            wait_until("it is open", lambda: outsider.fetch(address_of(containers[on], on)) == containers[on].name)
            wait_until("the narrow one is there, too", lambda: len(opened(neutron)) == 2)
            for name in (off, narrow):
                assert outsider.fetch(address_of(containers[name], name)) is None
        bench.clear()
    finally:
        quiet.stop()


@pytest.mark.exhaustive
def test_what_a_crash_leaves_is_swept(host1: Host, neutron: Neutron, bench: Bench) -> None:
    """The driver is killed with containers running, and they and their network go while it is away."""
    driver = Driver.changed(host1, {"sweep": {"grace": "2", "interval": "2"}})
    try:
        network = bench.network(host1, "--subnet", "10.77.0.0/24", driver=driver.name)
        bench.run(host1, network, "--expose", "80")
        wait_until("the group is made", lambda: len(opened(neutron)) == 1)
        other = bench.run(host1, network, "--expose", "80")
        host1.docker("rm", "--force", other.name)
        assert len(opened(neutron)) == 1
        bench.clear()
        wait_until("the group is gone", lambda: opened(neutron) == [])
    finally:
        driver.stop()
