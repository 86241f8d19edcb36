"""A virtual machine with Docker on the first host of the lab, and its network interface."""

import os
from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from system.conftest import Bench
from system.driver import Driver


@pytest.fixture(scope="session")
def vm(lab: Lab) -> Iterator[VirtualMachine]:
    """The virtual machine, switched on; removed at the end, unless the lab outlives the tests."""
    vm = lab.add_vm()
    yield vm
    if not os.environ.get("KURYR_LAB_NAME"):
        lab.remove_vm()


@pytest.fixture(scope="session")
def nic(lab: Lab, vm: VirtualMachine) -> TrunkPort:
    """The Neutron port and the trunk behind its first interface."""
    return lab.trunk_port(vm.host.name, vm.name)


@pytest.fixture(scope="session")
def host_drivers(lab: Lab, vm: VirtualMachine) -> Iterator[dict[str, Driver]]:
    """The driver on every host, beside that in the virtual machine."""
    running = {name: Driver(host) for name, host in lab.hosts.items()}
    yield running
    for driver in running.values():
        driver.stop()


@pytest.fixture
def neutron(lab: Lab) -> Neutron:
    """Neutron, as an administrator sees it."""
    return lab.neutron("admin")


@pytest.fixture
def bench(no_leaks: None) -> Iterator[Bench]:
    """Docker networks and containers that are gone at the end."""
    bench = Bench()
    yield bench
    bench.clear()


@pytest.fixture
def vm_requests(lab: Lab, vm: VirtualMachine) -> Cursor:
    """What the virtual machine asks of Neutron from here on."""
    return lab.requests(vm.name, sweeps=False)
