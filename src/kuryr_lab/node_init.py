"""The first process of a node: turn fresh namespaces into a small machine, then become its init.

A node has its own
 - /run: every daemon keeps its default socket path (ovs-vsctl, docker and plug-ins work unchanged);
 - /etc and /var, as overlays: configuration and state do not touch the machine;
 - host name: it is binding:host_id in Neutron and the chassis' host name in OVN;
 - PID space: with its first process everything in it ends, containers included;
 - /sys: /sys/class/net must show this node's devices.

Run by `kuryr_lab.node` inside `unshare --net --mount --pid --uts --fork --mount-proc`. Arguments: the node's name, its
directory, and a file descriptor on which one byte reports that the node is ready.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

REPLACED = ("/run", "/etc", "/var")


def main() -> None:
    """Set the node up and become tini, which reaps what is re-parented to it (containerd's shims, for one)."""
    name, directory, ready = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    socket.sethostname(name)
    release_hidden_mounts()
    overlay("etc", directory)
    overlay("var", directory)
    own_sys(directory / "cgroup")
    run("mount", "--bind", str(directory / "run"), "/run")
    run("ip", "link", "set", "lo", "up")
    os.set_inheritable(ready, False)
    os.write(ready, b".")
    os.execvp("tini", [f"kuryr-lab-node {name}", "--", "sleep", "infinity"])  # noqa: S606


def release_hidden_mounts() -> None:
    """Let go of every mount below a directory that the node replaces.

    Our copy of the mount table would keep alive whatever it holds: the network namespaces of another lab, or the
    root file systems of the machine's own containers.
    """
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    hidden = [point for point in points if point.startswith(tuple(f"{directory}/" for directory in REPLACED))]
    for point in reversed(hidden):
        run("umount", "--lazy", point.encode().decode("unicode_escape"))  # mountinfo escapes blanks as \040


def overlay(name: str, directory: Path) -> None:
    """Cover /`name` by a private, writable view of it."""
    upper, work = directory / name, directory / "work" / name
    run("mount", "-t", "overlay", "-o", f"lowerdir=/{name},upperdir={upper},workdir={work}", f"lab-{name}", f"/{name}")


def own_sys(aside: Path) -> None:
    """Mount this network namespace's /sys, and take along the control groups that dockerd needs."""
    run("mount", "--rbind", "/sys/fs/cgroup", str(aside))
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "--rbind", str(aside), "/sys/fs/cgroup")
    run("umount", "--lazy", str(aside))


def run(*argv: str) -> None:
    """One command that must succeed."""
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    main()
