"""Containers of a virtual machine as address pairs of its port: reached at addresses of their own, guarded as it is."""

from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from system.conftest import Bench, address_of
from vm import nested

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def mode(vm: VirtualMachine) -> Iterator[str]:
    """The name of a driver in the virtual machine, which is also its mode."""
    name = "ipvlan"
    with nested.running(vm, name, mode=name):
        yield name


@pytest.fixture
def neutron(lab: Lab) -> Neutron:
    """Neutron, as an administrator sees it."""
    return lab.neutron("admin")


def test_a_container_is_reached_at_its_own_address_through_the_machines_port(
    lab: Lab, vm: VirtualMachine, nic: TrunkPort, mode: str, bench: Bench, neutron: Neutron, vm_requests: Cursor
) -> None:
    """By ping and TCP from another host; a start is two requests, a stop too."""
    # Without --subnet Docker takes no range into which its host has a route.
    on = ("--subnet", nic.cidr, "--ipam-opt", f"neutron.net.name={nic.name}")
    network = bench.network(vm, *on, driver=mode)
    vm_requests.read_until_quiet()
    container = bench.run(vm, network)
    address = address_of(container, network)
    assert [call.method for call in vm_requests.read_until_quiet()] == ["POST", "PUT", "PUT"]
    pairs = neutron.show("port", nic.port["id"])["allowed_address_pairs"]
    assert [pair["ip_address"] for pair in pairs] == [address]
    container.serve()
    groups = nic.port["security_groups"]
    with lab.plain_port("host2", nic.port["network_id"], security_groups=groups) as outside:
        outside.serve()
        for source, target, at in ((outside, container, address), (container, outside, outside.address)):
            source.reaches(at, seconds=30)
            assert source.fetch(at, seconds=10) == target.name
    vm_requests.read_until_quiet()
    vm.docker("stop", "--time", "0", container.name)
    assert [call.method for call in vm_requests.read_until_quiet()] == ["PUT", "DELETE"]
    assert neutron.show("port", nic.port["id"])["allowed_address_pairs"] == []
