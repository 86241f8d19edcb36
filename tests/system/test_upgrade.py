"""An operator replaces kuryr-libnetwork 18 by Kuryr: Docker's networks and containers are served on."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from fault.engine import Engine
from kuryr_lab import libnetwork
from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.node import Daemon
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import Driver

pytestmark = pytest.mark.exhaustive

Resource = dict[str, Any]
PORT_ADDRESS = "10.20.0.50"


@dataclass
class Past:
    """What kuryr-libnetwork made on a host, as Docker's driver `name`, before Kuryr came."""

    host: Host
    name: str
    daemon: Daemon
    before: dict[str, Resource]
    """The tenant's network and subnet, before it came."""
    inventory: frozenset[str]
    """All that there was before."""
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
    neutron = lab.neutron("admin")
    wanted = {"subnet_id": tenant_network.subnet_id, "ip_address": PORT_ADDRESS}
    project = neutron.show("network", tenant_network.id)["project_id"]
    fields = {"network_id": tenant_network.id, "project_id": project, "fixed_ips": [wanted]}
    made = neutron.create("port", name="web", description="web's", **fields)
    neutron.adapter.put(f"/ports/{made['id']}/tags/blue")
    yield neutron.show("port", made["id"])
    neutron.delete("port", made["id"])


@pytest.fixture
def past(lab: Lab, bench: Bench, tenant_network: TenantNetwork, tenant_port: Resource) -> Iterator[Past]:
    """The work of kuryr-libnetwork, which still runs."""
    host, name, neutron = lab.hosts["host1"], f"kuryr-{secrets.token_hex(4)}", lab.neutron("admin")
    before = {
        "network": neutron.show("network", tenant_network.id),
        "subnet": neutron.show("subnet", tenant_network.subnet_id),
    }
    all_before = inventory(lab)
    daemon = libnetwork.start_libnetwork(host, name)
    own = bench.network(host, "--subnet", "10.81.0.0/24", "--gateway", "10.81.0.1", driver=name)
    where = ("--subnet", tenant_network.cidr, "--gateway", tenant_network.gateway)
    shared = bench.network(host, *where, "-o", f"neutron.net.uuid={tenant_network.id}", driver=name)
    past = Past(
        host,
        name,
        daemon,
        before,
        all_before,
        own,
        shared,
        running=bench.run(host, own, "--publish", "8080:80"),
        stopped=bench.run(host, own),
        neighbour=bench.run(host, shared),
        adopter=bench.run(host, shared, "--ip", PORT_ADDRESS),
    )
    host.docker("stop", "--time", "0", past.stopped.name)
    for container in (past.running, past.neighbour, past.adopter):
        leave_checksums_to_the_kernel(container)
    yield past
    # Whatever is left, should Kuryr not have come.
    bench.clear()
    daemon.stop()


@pytest.fixture
def engine(past: Past) -> Engine:
    """The dockerd of the host."""
    return Engine(past.host)


@pytest.fixture(params=["dockerd runs on", "dockerd is restarted"])
def way(request: pytest.FixtureRequest) -> str:
    """How Kuryr comes in the place of kuryr-libnetwork."""
    return str(request.param)


@pytest.fixture
def driver(lab: Lab, way: str, past: Past, engine: Engine, bench: Bench) -> Iterator[Driver]:
    """Kuryr, as Docker's driver of the same name; containers run on. In the end nothing is left."""
    soon = {"sweep": {"grace": "1"}}
    if way == "dockerd runs on":
        past.daemon.stop()
        libnetwork.withdraw(past.host, past.name)
        driver = Driver(past.host, past.name, soon)
        relay = libnetwork.relay(past.host, past.name)
        yield driver
        bench.clear()
        relay.stop()
    else:
        with engine.live_restore():
            engine.stop()
            past.daemon.stop()
            libnetwork.withdraw(past.host, past.name)
            same = password_options(IDENTITIES["libnetwork"], past.host.layout.auth_url)
            driver = Driver(past.host, past.name, soon | {"neutron": same})
            engine.boot()
            engine.await_answer()
            yield driver
            bench.clear()
    assert leaked(lab, past.inventory, 60) == []
    driver.stop()


def leave_checksums_to_the_kernel(container: Container) -> None:
    """What Kuryr does on a userspace datapath and kuryr-libnetwork does not: or no TCP would ever have connected."""
    pid = container.host.docker("inspect", "--format", "{{.State.Pid}}", container.name)
    container.host.run(["nsenter", "-t", pid, "-n", "ethtool", "-K", "eth0", "tx", "off"])


def differences(neutron: Neutron, kind: str, before: Resource) -> Resource:
    """What is not as it was, but for the traces that every change leaves."""
    now = neutron.show(kind, before["id"])
    return {key: now[key] for key in now if now[key] != before[key] and key not in {"revision_number", "updated_at"}}


def test_networks_and_containers_are_served_on(
    lab: Lab, past: Past, driver: Driver, bench: Bench, neutron: Neutron
) -> None:
    host = past.host
    # Old containers run on, new ones join them, stopped ones start again.
    for network, old in ((past.own, past.running), (past.shared, past.neighbour)):
        address, new = address_of(old, network), bench.run(host, network)
        old.serve()
        new.reaches(address)
        assert new.fetch(address) == old.name
        new.serve()
        assert old.fetch(address_of(new, network)) == new.name
    host.docker("start", past.stopped.name)
    past.stopped.reaches(address_of(past.running, past.own))
    # What is stopped gives its port back, and may start again.
    address = address_of(past.running, past.own)
    host.docker("stop", "--time", "0", past.running.name)
    wait_until("its port is gone", lambda: neutron.find("port", fixed_ips=f"ip_address={address}") == [])
    host.docker("start", past.running.name)
    past.running.reaches(address_of(past.stopped, past.own))


def test_an_existing_port_serves_on_and_is_given_back_as_it_was(
    past: Past, way: str, driver: Driver, tenant_port: Resource, neutron: Neutron
) -> None:
    past.neighbour.reaches(PORT_ADDRESS)
    # It may be lent again, unless a dockerd that still does as kuryr-libnetwork wanted chooses another MAC address.
    if way == "dockerd is restarted":
        past.host.docker("restart", "--time", "0", past.adopter.name)
        past.neighbour.reaches(PORT_ADDRESS)
    past.host.docker("stop", "--time", "0", past.adopter.name)
    # kuryr-libnetwork has kept no other MAC address.
    before = {**tenant_port, "mac_address": neutron.show("port", tenant_port["id"])["mac_address"]}
    wait_until("the port is as it was", lambda: differences(neutron, "port", before) == {})


def test_networks_are_removed_or_given_back_as_they_were(
    lab: Lab, past: Past, driver: Driver, bench: Bench, neutron: Neutron
) -> None:
    bench.clear()
    assert leaked(lab, past.inventory, 60) == []
    for kind, before in past.before.items():
        assert differences(neutron, kind, before) == {}
