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
from vm.trunk import vlan_of, vlans

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
    service.grant(**{vm.name: f"networks = ['{tenant_network.id}']\ntrunk = '{nic.port['id']}'"})
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
    # The first start of all also looks for the trunk.
    container = bench.run(vm, network)
    vm.docker("stop", "--time", "0", container.name)
    by_service.read_until_quiet()
    vm.docker("start", container.name)
    assert [call.method for call in by_service.read_until_quiet()] == ["POST", "PUT", "PUT"]
    container.serve()
    address = address_of(container, network)
    assert vlan_of(neutron, nic, address, tenant_network.id)
    with lab.plain_port("host2", tenant_network.id) as outside:
        outside.serve()
        for source, target, at in ((outside, container, address), (container, outside, outside.address)):
            source.reaches(at, seconds=30)
            assert source.fetch(at, seconds=10) == target.name
    by_service.read_until_quiet()
    vm.docker("stop", "--time", "0", container.name)
    assert [call.method for call in by_service.read_until_quiet()] == ["PUT", "DELETE"]
    assert vlans(neutron, nic) == {}
    assert by_machine.read() == []
