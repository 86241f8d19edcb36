"""Kuryr serves a tenant with an identity of another project: what it makes is the tenant's, and guarded as such."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES
from kuryr_lab.lab import Lab
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import NONE_AHEAD, Driver
from system.test_exposure import opened, stranger


@contextmanager
def driver_as(host: Host, lab: Lab, identity: str) -> Iterator[Driver]:
    """A driver for project `demo` that has another identity."""
    who = IDENTITIES[identity]
    credentials = {"username": who.user, "project_name": who.project, "project": lab.neutron("demo").project_id}
    driver = Driver.changed(host, {"neutron": credentials})
    try:
        yield driver
    finally:
        driver.stop()


def test_an_administrators_networks_ports_and_groups_are_the_tenants(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    tenant = lab.neutron("demo").project_id
    with driver_as(host1, lab, "operator") as driver:
        blue = bench.network(host1, "--ipam-opt", f"neutron.net.name={tenant_network.name}", driver=driver.name)
        made = bench.network(host1, "--subnet", "10.77.0.0/24", driver=driver.name)
        container, other = (bench.run(host1, name, "--expose", "80") for name in (blue, made))
        container.serve()
        address = address_of(container, blue)
        with lab.plain_port("host2", tenant_network.id, name="machine") as machine:
            machine.reaches(address)
            container.reaches(machine.address)
            machine.serve()
            assert container.fetch(machine.address) == machine.name
        with stranger(lab, tenant_network.id) as outsider:
            wait_until("the exposed port is open", lambda: outsider.fetch(address) == container.name)
        wait_until("both groups are there", lambda: len(opened(neutron)) == 2)
        mark = f"kuryr:{driver.name}@host1"
        for kind in ("network", "subnet", "port", "security_group"):
            found = neutron.find(kind, description=mark)
            assert found
            assert {each["project_id"] for each in found} == {tenant}
        assert other
        bench.clear()


@pytest.mark.exhaustive
def test_the_service_role_alone_serves_what_exists_and_says_what_it_may_not(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    with driver_as(host1, lab, "servant") as driver:
        named = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
        blue = bench.network(host1, *named, *NONE_AHEAD, driver=driver.name)
        container = bench.run(host1, blue, "--expose", "80")
        with lab.plain_port("host2", tenant_network.id, name="machine") as machine:
            machine.reaches(address_of(container, blue))
        with pytest.raises(CommandFailed, match=r"create_network.*is disallowed by policy"):
            bench.network(host1, "--subnet", "10.77.0.0/24", driver=driver.name)
        wait_until("the log says why nothing is opened", lambda: "is not opened" in driver.daemon.log.read_text())
        (port,) = neutron.find("port", description=f"kuryr:{driver.name}@host1", device_owner="compute:kuryr")
        assert port["device_id"] not in {"", "kuryr:reserved"}
        bench.clear()
