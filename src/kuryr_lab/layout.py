"""Where a lab keeps its state, and the names and addresses that tell it from other labs on the same machine.

Everything that is visible outside of a node's namespaces carries the lab's name: network namespaces
(`kl-NAME-host1`), the interface in the machine's own network (`kl-NAME`), cgroups (`kl-NAME-host1`). The address
ranges follow from a small number, the slot. All state lies in one directory, so that a lab can be taken down by
somebody who knows its name and nothing else.
"""

import ipaddress
import itertools
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kuryr_lab.errors import LabError

CHECKOUT = Path(__file__).resolve().parents[2]
HIDDEN = (Path("/run"), Path("/etc"), Path("/var"))
"""Directories of the machine that each node replaces by its own."""

MAX_HOSTS = 100
_MAX_SOCKET_PATH = 107  # sizeof(sockaddr_un.sun_path) - 1
_LONGEST_SOCKET = "host100/run/docker/plugins/kuryr.sock"


@dataclass(frozen=True, slots=True)
class Layout:
    """Names, paths and addresses of the lab `name` in address slot `slot` (0 to 255)."""

    name: str
    slot: int
    base: Path
    cloud: Path
    """The virtual environment that Neutron and Keystone run from."""

    @property
    def state(self) -> Path:
        """The directory of everything this lab writes."""
        return self.base / self.name

    @property
    def cache(self) -> Path:
        """What is built once for all labs: the database template and the container image."""
        return self.base / ".cache"

    @property
    def linuxbridge(self) -> Path:
        """The virtual environment of the last Neutron that has the Linux bridge agent."""
        return CHECKOUT / "build" / "linuxbridge"

    @property
    def libnetwork(self) -> Path:
        """The virtual environment that kuryr-libnetwork runs from, where a test needs it."""
        return CHECKOUT / "build" / "libnetwork"

    @property
    def commands(self) -> Path:
        """Links to the programs that belong on a user's PATH."""
        return self.state / "bin"

    @property
    def prefix(self) -> str:
        """How the name of every object outside of the nodes begins."""
        return f"kl-{self.name}-"

    @property
    def link(self) -> str:
        """The interface that joins the machine's own network to the management network."""
        return f"kl-{self.name}"

    @property
    def management(self) -> ipaddress.IPv4Network:
        """API traffic: control node, hosts, and the machine itself."""
        return ipaddress.IPv4Network((f"10.98.{self.slot}.0", 24))

    @property
    def underlay(self) -> ipaddress.IPv4Network:
        """What the tunnels between the hosts travel on."""
        return ipaddress.IPv4Network((f"10.99.{self.slot}.0", 24))

    @property
    def external(self) -> ipaddress.IPv4Network:
        """What lies outside of the cloud. Every lab has the same: nothing of it is seen beyond the lab's nodes."""
        return ipaddress.IPv4Network("203.0.113.0/24")

    @property
    def control_address(self) -> str:
        """Where Keystone, Neutron and the OVN databases listen."""
        return str(self.management[254])

    @property
    def machine_address(self) -> str:
        """The machine's own address in the management network."""
        return str(self.management[253])

    @property
    def outside_address(self) -> str:
        """The one machine outside of the cloud, and the external network's way to the rest of the world."""
        return str(self.external[1])

    @property
    def auth_url(self) -> str:
        """Keystone."""
        return f"http://{self.control_address}:5000/v3"

    @property
    def neutron_url(self) -> str:
        """Neutron's API."""
        return f"http://{self.control_address}:9696"

    def directory(self, node: str) -> Path:
        """A node's own files."""
        return self.state / node

    def log(self, node: str, part: str) -> Path:
        """The log of one program in a node."""
        return self.directory(node) / "log" / f"{part}.log"

    def namespace(self, node: str) -> str:
        """The name of a node's network namespace for `ip netns`."""
        return self.prefix + node


def settings(name: str) -> Layout:
    """The layout of the lab `name` from its state directory; slot 0 if it never ran. LabError on a bad one."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", name):
        raise LabError(f"lab name {name!r}: up to 12 small letters and digits, the first a letter")
    base = Path(os.environ.get("KURYR_LAB_STATE") or CHECKOUT / "build" / "lab").resolve()
    for hidden in HIDDEN:
        if base.is_relative_to(hidden.resolve()):
            raise LabError(f"state directory {base}: not below {hidden}, which each node replaces by its own")
    if re.search(r"[,:\s\\]", str(base)):
        raise LabError(f"state directory {str(base)!r}: overlay mounts take no comma, colon, blank or backslash")
    longest = base / name / _LONGEST_SOCKET
    if len(str(longest)) > _MAX_SOCKET_PATH:
        raise LabError(f"state directory {base}: too long for the path of a Unix socket, set KURYR_LAB_STATE")
    cloud = Path(os.environ.get("KURYR_LAB_VENV") or CHECKOUT / "build" / "cloud").absolute()
    return Layout(name, _recorded_slot(base / name), base, cloud)


def free_slot(layout: Layout) -> int:
    """The first address slot that neither another lab nor the machine's routes use; the lab's own one if still free."""
    taken = {_recorded_slot(other.parent) for other in layout.base.glob("*/lab.json") if other.parent != layout.state}
    listing = subprocess.run(["ip", "-json", "-4", "route"], check=True, capture_output=True, text=True).stdout
    routes = [
        ipaddress.IPv4Network(route["dst"])
        for route in json.loads(listing)
        if route["dst"] != "default" and route.get("dev") != layout.link
    ]
    for slot in itertools.chain([layout.slot], range(256)):
        candidate = Layout(layout.name, slot, layout.base, layout.cloud)
        if slot not in taken and not any(candidate.management.overlaps(route) for route in routes):
            return slot
    raise LabError("no free address range within 10.98.0.0/16")


def _recorded_slot(state: Path) -> int:
    try:
        return int(json.loads((state / "lab.json").read_text())["slot"])
    except FileNotFoundError:
        return 0
