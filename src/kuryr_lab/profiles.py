"""What a lab may consist of. A profile is a back end and the parts that follow from it.

Every profile has Keystone, Neutron, Docker hosts, and a machine outside of the cloud. Parts of later profiles (an
Octavia API, a virtual machine) are functions on nodes like those used here, and a profile may begin with the parts of
another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kuryr_lab import neutron
from kuryr_lab.backend import Backend
from kuryr_lab.database import start_mariadb
from kuryr_lab.docker import build_image, start_docker
from kuryr_lab.host import Host
from kuryr_lab.keystone import address_catalogue, start_keystone
from kuryr_lab.linuxbridge import LINUXBRIDGE
from kuryr_lab.network import connect_control
from kuryr_lab.node import Node
from kuryr_lab.outside import Outside
from kuryr_lab.ovn import Ovn
from kuryr_lab.ovs_agent import HYBRID, OVS
from kuryr_lab.parts import Part
from kuryr_lab.template import unpack
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort

CORE = "core"

Parts = Callable[[Backend, Node, Sequence[Host]], list[Part]]


def cloud_parts(backend: Backend, control: Node, hosts: Sequence[Host]) -> list[Part]:
    """Neutron with a back end, Keystone, Docker hosts, and the machine outside."""

    def control_node() -> None:
        control.start()
        connect_control(control.layout)

    def mariadb() -> None:
        unpack(control, backend)
        start_mariadb(control)
        address_catalogue(control)

    def start_neutron() -> None:
        neutron.start_neutron(control, backend)

    parts = [
        Part("image", "container image", lambda: build_image(control.layout)),
        Part("control", "control node", control_node),
        Part("outside", "outside", Outside(control.layout).start, ("control",)),
        Part("mariadb", "MariaDB", mariadb, ("control",)),
        Part("keystone", "Keystone", lambda: start_keystone(control), ("mariadb",)),
        Part("configuration", "Neutron's configuration", lambda: neutron.configure(control, backend), ("control",)),
        Part("neutron", "Neutron", start_neutron, ("configuration", "mariadb", *backend.needs)),
        *backend.control_parts(control),
    ]
    for host in hosts:
        parts += _host_parts(backend, control, host)
    return parts


def _host_parts(backend: Backend, control: Node, host: Host) -> list[Part]:
    name = host.name
    return [
        Part(name, f"{name}: node", host.start, ("control",)),
        Part(f"{name}-switch", f"{name}: {backend.switch.title}", lambda: backend.switch.start(host), (name,)),
        *backend.host_parts(control, host),
        Part(f"{name}-docker", f"{name}: Docker", lambda: start_docker(host), (name, "image")),
    ]


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of lab: how its parts follow from its control node and its hosts."""

    name: str
    backend: Backend
    parts: Parts = cloud_parts


def vm_parts(vm: VirtualMachine, nic: TrunkPort) -> list[Part]:
    """A virtual machine with Docker, for a lab that is up."""
    return [
        Part("vm", f"{vm.name}: virtual machine", lambda: vm.boot(nic)),
        Part("vm-docker", f"{vm.name}: Docker", vm.start_docker, ("vm",)),
    ]


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(CORE, Ovn()),
        Profile("ovs", OVS),
        Profile("hybrid", HYBRID),
        Profile("linuxbridge", LINUXBRIDGE),
    )
}
