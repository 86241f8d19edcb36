"""The machine's trunk: which VLAN is whose, and what passes between the machine and its host."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from kuryr_lab.client import Neutron
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort


def vlans(neutron: Neutron, nic: TrunkPort) -> dict[str, int]:
    """The VLAN of each subport, by its id."""
    subports = neutron.show("trunk", nic.trunk["id"])["sub_ports"]
    return {each["port_id"]: int(each["segmentation_id"]) for each in subports}


def vlan_of(neutron: Neutron, nic: TrunkPort, address: str, network_id: str) -> int:
    """That of the port which has an address."""
    (port,) = neutron.find("port", fixed_ips=f"ip_address={address}", network_id=network_id)
    return vlans(neutron, nic)[port["id"]]


@contextmanager
def capture(vm: VirtualMachine, nic: TrunkPort, frames: str) -> Iterator["subprocess.Popen[str]"]:
    """A look at the machine's tap on its host, which ends with the first frame that is looked for."""
    watching = vm.host.popen(["tcpdump", "-i", nic.tap, "-e", "-n", "-l", "-c", "1", *frames.split()])
    try:
        assert watching.stderr
        while "listening on" not in (line := watching.stderr.readline()):
            assert line, "tcpdump has ended"
        yield watching
    finally:
        watching.kill()
        watching.communicate()
