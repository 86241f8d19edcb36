"""Remove a lab, or prove that nothing of it is left, from its name and state directory alone.

Nothing here trusts what `up` wrote down: it may have been killed half-way. What is removed carries the lab's mark or
name and is not in use by a stranger's process.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from kuryr_lab import processes
from kuryr_lab.errors import LabError
from kuryr_lab.layout import Layout
from kuryr_lab.waiting import wait_until

_NAMESPACES = Path("/run/netns")
_CGROUPS = Path("/sys/fs/cgroup")


def leftovers(layout: Layout) -> list[str]:
    """A line for every process, namespace, mount, interface and cgroup of the lab."""
    return [
        *(f"process {one.pid} ({one.node.name}): {one.command[:80]}" for one in processes.marked(layout.state)),
        *(f"network namespace {path.name}" for path in _namespaces(layout)),
        *(f"mount {point}" for point in _mounts(layout)),
        *(f"interface {name}" for name in _links(layout)),
        *(f"cgroup {path}" for path in _cgroups(layout)),
    ]


def remove(layout: Layout) -> None:
    """End the lab's processes and remove all they leave behind; logs stay. Also right when there is nothing to do."""
    processes.end_all(layout.state)
    for point in reversed(_mounts(layout)):
        subprocess.run(["umount", "--lazy", point], check=False, stderr=subprocess.DEVNULL)
    in_use = _used_network_namespaces()
    for path in _namespaces(layout):
        # A name of ours with a living process in it: another checkout's lab, or somebody's shell.
        if path.stat().st_ino not in in_use:
            subprocess.run(["ip", "netns", "delete", path.name], check=False, stderr=subprocess.DEVNULL)
    if not _namespaces(layout):
        # It goes with its peer's namespace, but only some time after.
        for name in _links(layout):
            subprocess.run(["ip", "link", "delete", name], check=False, stderr=subprocess.DEVNULL)
    # The kernel lets go of a cgroup's processes shortly after their end.
    with contextlib.suppress(LabError):
        wait_until("cgroups are empty", lambda: _remove_cgroups(layout), seconds=5)
    for node in [path for path in layout.state.glob("*") if path.is_dir() and path != layout.commands]:
        for path in node.iterdir():
            if path.name != "log":
                _delete(path)


def _remove_cgroups(layout: Layout) -> bool:
    for path in reversed(_cgroups(layout)):
        with contextlib.suppress(OSError):
            path.rmdir()
    return not _cgroups(layout)


def _namespaces(layout: Layout) -> list[Path]:
    return sorted(_NAMESPACES.glob(f"{layout.prefix}*"))


def _links(layout: Layout) -> list[str]:
    return [layout.link] if Path("/sys/class/net", layout.link).exists() else []


def _mounts(layout: Layout) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if Path(point).is_relative_to(layout.state)]


def _cgroups(layout: Layout) -> list[Path]:
    """Parents before children."""
    found = [path for tree, names, _ in os.walk(_CGROUPS) for name in names if (path := Path(tree, name))]
    return sorted(path for path in found if any(part.startswith(layout.prefix) for part in path.parts))


def _used_network_namespaces() -> set[int]:
    used = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # A process that is ending has lost its executable, and lets go of its namespaces next.
            (process / "exe").readlink()
            used.add((process / "ns" / "net").stat().st_ino)
    return used


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
