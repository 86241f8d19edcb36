"""Find and end the processes of a lab by what they carry, not by pid files.

A pid file lies after `kill -9` and may name a stranger once the number is used again. So every process that a lab
starts carries the path of its node in its environment, which its children inherit and the kernel shows. A signal is
sent through a pidfd that was opened before the environment was read, so it can only reach the process that was read.
"""

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from kuryr_lab.errors import LabError

NODE_MARK = "KURYR_LAB_NODE"
"""Environment variable: the directory of the node a process belongs to."""
DAEMON_MARK = "KURYR_LAB_DAEMON"
"""Environment variable: the name of the daemon a process belongs to."""
_GONE = (ProcessLookupError, FileNotFoundError)
"""What pidfd_open raises for a process that has ended: the second while the kernel is about to forget it."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One living process of a lab."""

    pid: int
    parent: int
    node: Path
    daemon: str
    command: str
    depth: int
    """In how many PID namespaces it has a number, counted from ours: 1 is the machine's own, 2 a node's."""
    inner_pid: int
    """Its number in the innermost of them."""

    @property
    def is_node(self) -> bool:
        """Whether this is the first process of a node, with whose end all others in the node end."""
        return self.depth == 2 and self.inner_pid == 1


def marked(below: Path) -> list[Marked]:
    """Every living process whose node's directory is `below` or inside it."""
    found = (_read(int(process.name)) for process in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process and process.node.is_relative_to(below)]


def send(process: Marked, number: int) -> None:
    """Send signal `number` to `process`, unless it has ended."""
    with contextlib.suppress(*_GONE):
        pidfd = os.pidfd_open(process.pid)
        try:
            if (now := _read(process.pid)) and now.node == process.node:
                signal.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)


def end_all(below: Path, seconds: float = 20) -> None:
    """Kill every process of the nodes below a directory and return when none is left, containers included.

    The end of a node's first process takes everything in its PID namespace along, and a pidfd reports that end only
    after the kernel has reaped the whole namespace. LabError if processes resist for `seconds`.
    """
    end = time.monotonic() + seconds
    while processes := marked(below):
        if time.monotonic() > end:
            raise LabError(f"processes {sorted(process.pid for process in processes)} do not end")
        for process in sorted(processes, key=lambda process: not process.is_node):
            _kill_and_wait(process, end)


def _kill_and_wait(process: Marked, end: float) -> None:
    with contextlib.suppress(*_GONE):
        pidfd = os.pidfd_open(process.pid)
        try:
            now = _read(process.pid)
            if now is None or now.node != process.node:
                return
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.poll(max(0, end - time.monotonic()) * 1000)
        finally:
            os.close(pidfd)


def _read(pid: int) -> Marked | None:
    """What `/proc` says of a process; None if it has ended or carries no mark."""
    proc = Path("/proc", str(pid))
    try:
        environ = dict(
            item.split("=", 1)
            for item in (proc / "environ").read_bytes().decode(errors="replace").split("\0")
            if "=" in item
        )
        if NODE_MARK not in environ:
            return None
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    numbers = status["NSpid"].split()
    return Marked(
        pid=pid,
        parent=int(status["PPid"]),
        node=Path(environ[NODE_MARK]),
        daemon=environ.get(DAEMON_MARK, ""),
        command=command,
        depth=len(numbers),
        inner_pid=int(numbers[-1]),
    )
