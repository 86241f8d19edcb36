"""A virtual machine with Docker on the first host of the lab, and its network interface."""

import os
from collections.abc import Iterator

import pytest

from kuryr_lab.lab import Lab
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort


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
    return TrunkPort(lab, vm.host.name, vm.name)
