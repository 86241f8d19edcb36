"""A virtual machine without cloud credentials: its driver works through a gateway service, which knows its trunk."""

from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from system.conftest import Bench, address_of
from system.gateway_service import GatewayService
from vm import nested
from vm.nested import on
from vm.ports import port_at, requests_of_a_start_and_a_stop, vlans

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive, pytest.mark.timeout(600)]


@pytest.fixture
def service(lab: Lab, no_leaks: None) -> Iterator[GatewayService]:
    service = GatewayService(lab)
    yield service
    service.stop()


@pytest.fixture
def driver(
    service: GatewayService, vm: VirtualMachine, nic: TrunkPort, tenant_network: TenantNetwork
) -> Iterator[Daemon]:
    """In the machine, which has a certificate and nothing else; for its trunk and the tenant's network alone."""
    service.grant(**{vm.name: f"networks = ['{tenant_network.id}']\nparent = '{nic.port['id']}'"})
    with nested.running(vm, service.name, settings=service.settings(vm)) as driver:
        yield driver


def test_a_machine_without_credentials_has_containers_on_its_trunk(
    lab: Lab,
    vm: VirtualMachine,
    nic: TrunkPort,
    driver: Daemon,
    tenant_network: TenantNetwork,
    bench: Bench,
    neutron: Neutron,
) -> None:
    """By ping and TCP. As many calls are made as ever, and none of them by the machine itself."""
    by_machine, by_service = lab.requests(vm.name), lab.requests("control")
    network = bench.network(vm, *on(tenant_network), driver=driver.name)
    container = bench.run(vm, network)
    container.serve()
    address = address_of(container, network)
    assert list(vlans(neutron, nic)) == [port["id"] for port in port_at(neutron, address, tenant_network.id)]
    with lab.plain_port("host2", tenant_network.id) as outside:
        outside.serve()
        for source, target, at in ((outside, container, address), (container, outside, outside.address)):
            source.reaches(at, seconds=30)
            assert source.fetch(at, seconds=10) == target.name
    start, stop = requests_of_a_start_and_a_stop(container, network, tenant_network.id, neutron, by_service)
    assert [call.method for call in start] == ["POST", "PUT", "PUT"]
    assert [call.method for call in stop] == ["PUT", "DELETE"]
    assert vlans(neutron, nic) == {}
    assert by_machine.read() == []
