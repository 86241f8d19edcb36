"""Containers' ports as Neutron shows them, their places on the machine's trunk, and what passes through it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from kuryr.gateway.identity import RESERVED
from kuryr_lab.client import Neutron, Resource
from kuryr_lab.request_log import Cursor, Request
from kuryr_lab.traffic import Container
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from kuryr_lab.waiting import wait_until
from system.conftest import address_of


def port_at(neutron: Neutron, address: str, network_id: str) -> list[Resource]:
    """The port that has an address, if there is one."""
    return neutron.find("port", fixed_ips=f"ip_address={address}", network_id=network_id)


def await_name(neutron: Neutron, address: str, network_id: str) -> None:
    """Return when Neutron knows whose the port is: what a start asks for last."""

    def is_named() -> bool:
        (port,) = port_at(neutron, address, network_id)
        return port["device_id"] not in {"", RESERVED}

    wait_until(f"the port of {address} bears its user's name", is_named, seconds=90)


def requests_of_a_start_and_a_stop(
    container: Container, network: str, network_id: str, neutron: Neutron, log: Cursor
) -> tuple[list[Request], list[Request]]:
    """Of a container that has been started before: the first time of all there is more to find out."""
    host = container.host

    def stop() -> None:
        address = address_of(container, network)
        host.docker("stop", "--time", "0", container.name)
        wait_until(f"the port of {address} is gone", lambda: not port_at(neutron, address, network_id))

    stop()
    log.read_until_quiet()
    host.docker("start", container.name)
    await_name(neutron, address_of(container, network), network_id)
    start = log.read_until_quiet()
    stop()
    return start, log.read_until_quiet()


def vlans(neutron: Neutron, nic: TrunkPort) -> dict[str, int]:
    """The VLAN of each subport, by its id."""
    subports = neutron.show("trunk", nic.trunk["id"])["sub_ports"]
    return {each["port_id"]: int(each["segmentation_id"]) for each in subports}


def vlan_of(neutron: Neutron, nic: TrunkPort, address: str, network_id: str) -> int:
    """That of the port which has an address."""
    (port,) = port_at(neutron, address, network_id)
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
