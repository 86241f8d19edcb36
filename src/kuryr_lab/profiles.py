"""What a lab may consist of. A profile names its parts; another back end or service is another profile.

Parts of later profiles (an Octavia API, agents with RabbitMQ, a virtual machine) are functions on nodes like those
used here, and a profile may begin with the parts of another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kuryr_lab.database import start_mariadb
from kuryr_lab.docker import build_image, start_docker
from kuryr_lab.host import Host
from kuryr_lab.keystone import address_catalogue, start_keystone
from kuryr_lab.network import connect_control
from kuryr_lab.neutron import start_neutron
from kuryr_lab.node import Node
from kuryr_lab.openvswitch import start_openvswitch
from kuryr_lab.outside import Outside
from kuryr_lab.ovn import start_central, start_controller
from kuryr_lab.parts import Part
from kuryr_lab.template import unpack


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of lab: how its parts follow from its control node and its hosts."""

    name: str
    summary: str
    parts: Callable[[Node, Sequence[Host]], list[Part]]


def core_parts(control: Node, hosts: Sequence[Host]) -> list[Part]:
    """Neutron with ML2/OVN, Keystone, Docker hosts, and a machine outside of the cloud."""

    def control_node() -> None:
        control.start()
        connect_control(control.layout)

    def mariadb() -> None:
        unpack(control)
        start_mariadb(control)
        address_catalogue(control)

    def neutron() -> None:
        start_neutron(control)

    parts = [
        Part("image", "container image", lambda: build_image(control.layout)),
        Part("control", "control node", control_node),
        Part("outside", "outside", Outside(control.layout).start, ("control",)),
        Part("mariadb", "MariaDB", mariadb, ("control",)),
        Part("ovn", "OVN databases and northd", lambda: start_central(control), ("control",)),
        Part("keystone", "Keystone", lambda: start_keystone(control), ("mariadb",)),
        Part("neutron", "Neutron", neutron, ("mariadb", "ovn")),
    ]
    for host in hosts:
        parts += _host_parts(control, host)
    return parts


def _host_parts(control: Node, host: Host) -> list[Part]:
    name = host.name
    return [
        Part(name, f"{name}: node", host.start, ("control",)),
        Part(f"{name}-ovs", f"{name}: Open vSwitch", lambda: start_openvswitch(host), (name,)),
        Part(f"{name}-ovn", f"{name}: OVN", lambda: start_controller(host, control), (f"{name}-ovs", "ovn")),
        Part(f"{name}-docker", f"{name}: Docker", lambda: start_docker(host), (name, "image")),
    ]


PROFILES = {profile.name: profile for profile in (Profile("core", core_parts.__doc__ or "", core_parts),)}
