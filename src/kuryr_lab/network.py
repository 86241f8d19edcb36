"""The wires between the nodes, and the one from the machine into the management network."""

import subprocess

from kuryr_lab.layout import Layout


def ip(*argv: str, check: bool = True) -> None:
    """One `ip` command in the machine's own network; its complaint is part of the error."""
    subprocess.run(["ip", *argv], check=check, stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)


def connect_control(layout: Layout) -> None:
    """Two bridges in the control node (management and underlay), and the machine's own leg into the first."""
    control = layout.namespace("control")
    for bridge in ("mgmt", "underlay"):
        ip("-n", control, "link", "add", bridge, "type", "bridge")
        ip("-n", control, "link", "set", bridge, "up")
    ip("-n", control, "addr", "add", f"{layout.control_address}/24", "dev", "mgmt")
    ip("link", "add", layout.link, "type", "veth", "peer", "name", "machine", "netns", control)
    ip("-n", control, "link", "set", "machine", "master", "mgmt", "up")
    ip("addr", "add", f"{layout.machine_address}/24", "dev", layout.link)
    ip("link", "set", layout.link, "up")


def connect_host(layout: Layout, host: str, management_address: str) -> None:
    """Two interfaces in the host: `mgmt` (API traffic) and `eth0` (tunnels, taken over by Open vSwitch)."""
    control, node = layout.namespace("control"), layout.namespace(host)
    for name, bridge, prefix in (("mgmt", "mgmt", "m"), ("eth0", "underlay", "u")):
        far = f"{prefix}-{host}"
        ip("link", "add", name, "netns", node, "type", "veth", "peer", "name", far, "netns", control)
        ip("-n", control, "link", "set", far, "master", bridge, "up")
    ip("-n", node, "addr", "add", f"{management_address}/24", "dev", "mgmt")
    ip("-n", node, "link", "set", "mgmt", "up")
    ip("-n", node, "link", "set", "eth0", "up")
