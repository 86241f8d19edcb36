"""Containers of a virtual machine as subports of its trunk: Neutron ports as any other, guarded one by one."""

from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from system.conftest import Bench, address_of
from system.driver import Driver
from vm import nested

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive]


@pytest.fixture(scope="module", autouse=True)
def driver(vm: VirtualMachine) -> Iterator[Daemon]:
    """Kuryr in the virtual machine."""
    with nested.running(vm, "kuryr", mode="vlan") as driver:
        yield driver


@pytest.fixture
def neutron(lab: Lab) -> Neutron:
    return lab.neutron("admin")


def on(network: TenantNetwork) -> tuple[str, ...]:
    """Options of a Docker network on an existing one."""
    return ("--subnet", network.cidr, "--ipam-opt", f"neutron.net.name={network.name}")


def test_a_container_is_a_subport_and_reaches_others_on_every_host(
    lab: Lab,
    vm: VirtualMachine,
    nic: TrunkPort,
    host_drivers: dict[str, Driver],
    bench: Bench,
    tenant_network: TenantNetwork,
    neutron: Neutron,
) -> None:
    hosts = (vm, lab.hosts["host1"], lab.hosts["host2"])
    nested_one, beside, other = (bench.run(host, bench.network(host, *on(tenant_network))) for host in hosts)
    address = address_of(nested_one, bench.network_of(nested_one))
    (port,) = neutron.find("port", fixed_ips=f"ip_address={address}", network_id=tenant_network.id)
    subports = {each["port_id"] for each in neutron.show("trunk", nic.trunk["id"])["sub_ports"]}
    assert port["id"] in subports
    for peer in (beside, other):
        peer_address = address_of(peer, bench.network_of(peer))
        nested_one.reaches(peer_address, seconds=30)
        peer.reaches(address, seconds=30)
