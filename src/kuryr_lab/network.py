"""The wires between the nodes, and the one from the machine into the management network."""

import subprocess

from kuryr_lab.layout import Layout


def ip(*argv: str, check: bool = True) -> None:
    """One `ip` command in the machine's own network; its complaint is part of the error."""
    subprocess.run(["ip", *argv], check=check, stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)


def connect_control(layout: Layout) -> None:
    """Three bridges in the control node, each a wire between nodes, and the machine's own leg into the first."""
    control = layout.namespace("control")
    for bridge in ("mgmt", "underlay", "external"):
        ip("-n", control, "link", "add", bridge, "type", "bridge")
        ip("-n", control, "link", "set", bridge, "up")
    ip("-n", control, "addr", "add", f"{layout.control_address}/24", "dev", "mgmt")
    ip("link", "add", layout.link, "type", "veth", "peer", "name", "machine", "netns", control)
    ip("-n", control, "link", "set", "machine", "master", "mgmt", "up")
    ip("addr", "add", f"{layout.machine_address}/24", "dev", layout.link)
    ip("link", "set", layout.link, "up")


def connect_host(layout: Layout, host: str, management_address: str) -> None:
    """Three interfaces in the host: `mgmt` (API traffic), and for Open vSwitch `eth0` (tunnels), `eth1` (external)."""
    for name, bridge in (("mgmt", "mgmt"), ("eth0", "underlay"), ("eth1", "external")):
        _wire(layout, host, name, bridge)
    ip("-n", layout.namespace(host), "addr", "add", f"{management_address}/24", "dev", "mgmt")


def connect_outside(layout: Layout, node: str) -> None:
    """The one interface of the machine outside: `eth0`, into the external network."""
    _wire(layout, node, "eth0", "external")
    ip("-n", layout.namespace(node), "addr", "add", f"{layout.outside_address}/24", "dev", "eth0")


def _wire(layout: Layout, node: str, name: str, bridge: str) -> None:
    """An interface `name` in `node`, with its far end in a bridge of the control node; both are up."""
    control, far = layout.namespace("control"), f"{bridge[0]}-{node}"
    ip("link", "add", name, "netns", layout.namespace(node), "type", "veth", "peer", "name", far, "netns", control)
    ip("-n", control, "link", "set", far, "master", bridge, "up")
    ip("-n", layout.namespace(node), "link", "set", name, "up")
