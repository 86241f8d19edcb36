"""An operator replaces kuryr-libnetwork 18 by Kuryr: Docker's networks and containers are served on."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kuryr_lab import libnetwork
from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import Driver

pytestmark = pytest.mark.exhaustive

Resource = dict[str, Any]


@dataclass
class Past:
    """What kuryr-libnetwork made on a host, as Docker's driver `name`, before Kuryr came."""

    host: Host
    name: str
    daemon: Daemon
    own: str
    """A network that it made in Neutron."""
    shared: str
    """A network on the tenant's existing one."""
    running: Container
    stopped: Container
    neighbour: Container
    """Runs on the tenant's network."""
    adopter: Container
    """Runs there too, with the tenant's existing port."""


@pytest.fixture
def tenant_port(lab: Lab, tenant_network: TenantNetwork) -> Iterator[Resource]:
    """A tenant's port that waits for a user, as it is before anybody has touched it."""
    neutron = lab.neutron("demo")
    wanted = {"subnet_id": tenant_network.subnet_id, "ip_address": "10.20.0.50"}
    made = neutron.create("port", network_id=tenant_network.id, name="web", description="web's", fixed_ips=[wanted])
    neutron.adapter.put(f"/ports/{made['id']}/tags/blue")
    yield neutron.show("port", made["id"])
    lab.neutron("admin").delete("port", made["id"])


@pytest.fixture
def past(lab: Lab, bench: Bench, tenant_network: TenantNetwork, tenant_port: Resource) -> Iterator[Past]:
    """The work of kuryr-libnetwork, which still runs."""
    host, name = lab.hosts["host1"], f"kuryr-{secrets.token_hex(4)}"
    daemon = libnetwork.start_libnetwork(host, name)
    own = bench.network(host, "--subnet", "10.81.0.0/24", "--gateway", "10.81.0.1", driver=name)
    where = ("--subnet", tenant_network.cidr, "--gateway", tenant_network.gateway)
    shared = bench.network(host, *where, "-o", f"neutron.net.uuid={tenant_network.id}", driver=name)
    past = Past(
        host,
        name,
        daemon,
        own,
        shared,
        running=bench.run(host, own, "--publish", "8080:80"),
        stopped=bench.run(host, own),
        neighbour=bench.run(host, shared),
        adopter=bench.run(host, shared, "--ip", "10.20.0.50"),
    )
    host.docker("stop", "--time", "0", past.stopped.name)
    for container in (past.running, past.neighbour, past.adopter):
        leave_checksums_to_the_kernel(container)
    yield past
    bench.clear()
    daemon.stop()


@pytest.fixture
def driver(past: Past, bench: Bench) -> Iterator[Driver]:
    """Kuryr in the place of kuryr-libnetwork; dockerd has not noticed anything."""
    past.daemon.stop()
    driver = Driver(past.host, past.name, {"sweep": {"grace": "1"}})
    relay = libnetwork.relay(past.host, past.name)
    yield driver
    bench.clear()
    relay.stop()
    driver.stop()
    libnetwork.withdraw(past.host, past.name)


def leave_checksums_to_the_kernel(container: Container) -> None:
    """What Kuryr does on a userspace datapath and kuryr-libnetwork does not: or no TCP would ever have connected."""
    pid = container.host.docker("inspect", "--format", "{{.State.Pid}}", container.name)
    container.host.run(["nsenter", "-t", pid, "-n", "ethtool", "-K", "eth0", "tx", "off"])


def test_containers_run_on_and_new_ones_join_them(past: Past, driver: Driver, bench: Bench) -> None:
    for network, old in ((past.own, past.running), (past.shared, past.neighbour)):
        new = bench.run(past.host, network)
        old.serve()
        new.reaches(address_of(old, network))
        assert new.fetch(address_of(old, network)) == old.name
        new.serve()
        assert old.fetch(address_of(new, network)) == new.name
