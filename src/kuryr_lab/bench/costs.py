"""What a driver costs besides time: requests to Neutron, processor time, memory; and its first sign of life."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon

_TICK = os.sysconf("SC_CLK_TCK")
_ACTIVATE = b"POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def requests(lab: Lab, host: Host, act: Callable[[], object]) -> tuple[int, int]:
    """The requests that an action causes, by Neutron's log: before it returned, and until 5 s were quiet."""
    cursor = lab.requests(host.name, sweeps=False)
    cursor.read_until_quiet(1)
    act()
    ended = time.time()
    found = cursor.read_until_quiet()
    return sum(each.began <= ended for each in found), len(found)


def cpu_seconds(daemon: Daemon) -> float:
    """The processor time that a program has taken so far (proc(5), /proc/pid/stat: utime and stime)."""
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory(daemon: Daemon) -> float:
    """The resident memory of a program, in MB."""
    lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    (resident,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(resident) / 1000


def handshake(host: Host, number: int) -> float:
    """Seconds from the start of one more driver until it has answered Docker's first question."""
    path = host.run_directory / f"docker/plugins/handshake{number}.sock"
    began = time.perf_counter()
    running = host.popen(["kuryr", "docker", "serve"], env={"OS_DOCKER__SOCKET": f"/run/docker/plugins/{path.name}"})
    try:
        while not _answers(path):
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        running.kill()
        running.communicate()
        path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        connection.sendall(_ACTIVATE)
        return connection.recv(12).endswith(b"200")
