"""Find what a test left behind: in Neutron, in Open vSwitch, in the kernel and in Docker.

An inventory before and one after must be equal. Cleaning up may go on behind a command's back, so the comparison
waits for a while before it calls a difference a leak.
"""

import contextlib
import json
from pathlib import Path

from kuryr_lab.docker_host import DockerHost
from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.waiting import wait_until

KINDS = ("network", "subnet", "port", "subnetpool", "security_group", "router", "floatingip", "trunk", "address_group")


def inventory(lab: Lab) -> frozenset[str]:
    """A line for each object in Neutron and on the hosts."""
    neutron = lab.neutron("admin")
    found = {
        f"neutron: {kind} {resource['id']} {resource.get('name', '')} {resource.get('device_owner', '')}".rstrip()
        for kind in KINDS
        for resource in neutron.find(kind)
        # Neutron makes a default group for a project on first sight of it.
        if (kind, resource.get("name")) != ("security_group", "default")
    }
    for floating in neutron.find("floatingip"):
        found |= {f"neutron: port forwarding {forwarding}" for forwarding in floating["port_forwardings"]}
    for host in lab.hosts.values():
        found |= {f"{host.name}: {item}" for item in (*_on(host), *lab.backend.switch.inventory(host))}
    for vm in lab.vms:
        found |= {f"{vm.name}: {item}" for item in _seen_on(vm)} if vm.alive() else set()
    return frozenset(found)


def leaked(lab: Lab, before: frozenset[str], seconds: float = 20) -> list[str]:
    """What differs from the inventory `before` even after `seconds`: `+` has come, `-` has gone. Empty if nothing."""
    differences: list[str] = []

    def equal() -> bool:
        now = inventory(lab)
        differences[:] = sorted([f"+ {item}" for item in now - before] + [f"- {item}" for item in before - now])
        return not differences

    with contextlib.suppress(LabError):
        wait_until("nothing is left behind", equal, seconds)
    return differences


def _on(host: Host) -> set[str]:
    mounts = [Path(line.split()[4]) for line in Path("/proc", str(host.pid), "mountinfo").read_text().splitlines()]
    # Docker's `default` is the host's own, mounted there by the first container that asks for it.
    namespaces = [point.name for point in mounts if point.parent.name == "netns" and point.name != "default"]
    # The mount is the namespace; Docker removes the file it was mounted on up to a minute later.
    return _seen_on(host) | {f"network namespace {name}" for name in namespaces}


def _seen_on(host: DockerHost) -> set[str]:
    links = json.loads(host.run(["ip", "-json", "link"]).stdout)
    # Neutron's Linux bridge agent makes a network's tunnel for a port that has gone with the network by then, too.
    tunnels = [link for link in links if link["ifname"].startswith("vxlan-")]
    agents = {name for link in tunnels for name in (link["ifname"], link.get("master"))}
    found = {
        # Those on Docker's own bridge are Docker's; after a crash it leaves some there.
        *(
            f"link {link['ifname']}"
            for link in links
            if link.get("master") != "docker_gwbridge" and link["ifname"] not in agents
        ),
        *(f"container {name}" for name in host.docker("ps", "--all", "--format", "{{.Names}}").split()),
        *(f"Docker plugin {name}" for name in host.docker("plugin", "ls", "--format", "{{.Name}}").split()),
        *(f"Docker network {name}" for name in host.docker("network", "ls", "--format", "{{.Name}}").split()),
    }
    # Docker makes this bridge of its own when a container first needs it, and keeps it for ever.
    return found - {"link docker_gwbridge", "Docker network docker_gwbridge"}
