"""What systemd does for the driver by its units: holds its socket, takes away what it may not do, becomes it.

`python confined.py UNIT SOCKET [arguments of serve]`. Of what the unit forbids, this applies what can fail unnoticed
elsewhere: capabilities, system calls, address families, and files that cannot be written.
"""

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX

from kuryr.docker.server import sockets

FAMILIES = {
    "AF_UNIX": AF_UNIX,
    "AF_INET": AF_INET,
    "AF_INET6": AF_INET6,
    "AF_NETLINK": AF_NETLINK,
    "AF_PACKET": AF_PACKET,
}
ALLOW = 0x7FFF0000
ERROR = 0x00050000
EQUAL = 4
"""SCMP_ACT_ALLOW, SCMP_ACT_ERRNO and SCMP_CMP_EQ of libseccomp."""
WRITABLE = ("/dev", "/proc", "/sys")
"""What ProtectSystem=strict leaves alone (systemd.exec(5))."""


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`: what an argument of a system call must be."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(unit: Path) -> Iterator[tuple[str, str]]:
    """The unit's assignments, in order, those of a repeated key too."""
    for line in unit.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield key, value


def system_calls(groups: list[str]) -> set[str]:
    """The names in these groups of systemd's, the groups that they contain included."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", *groups], capture_output=True, text=True, check=True)
    names = {name for line in listed.stdout.splitlines() if (name := line.strip()) and not name.startswith("#")}
    inner = {name for name in names if name.startswith("@")} - set(groups)
    return {name for name in names if not name.startswith("@")} | (system_calls(sorted(inner)) if inner else set())


def allowed_calls(filters: list[str]) -> set[str]:
    """What is left by several `SystemCallFilter=`; `~` takes away."""
    allowed: set[str] = set()
    for words in filters:
        if words.startswith("~"):
            allowed -= system_calls(words.removeprefix("~").split())
        else:
            allowed |= system_calls(words.split())
    # systemd allows these always, or nothing could be started (systemd.exec(5)).
    return allowed | system_calls(["@default"]) | {"execve"}


def write_protect() -> None:
    """Make every file system read-only but the API ones, for this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in points:
        if not point.startswith(WRITABLE):
            subprocess.run(["mount", "-o", "remount,bind,ro", point], check=False, stderr=subprocess.DEVNULL)


def filter_calls(names: set[str], families: Iterable[int]) -> None:
    """Let every other system call, and every socket of another family, fail with EPERM."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(Comparison),
    ]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    rules = library.seccomp_init(ERROR | errno.EPERM)
    for name in sorted(names - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add_array(rules, ALLOW, number, 0, None)
    for family in families:
        number = library.seccomp_syscall_resolve_name(b"socket")
        library.seccomp_rule_add_array(rules, ALLOW, number, 1, ctypes.byref(Comparison(0, EQUAL, family, 0)))
    if library.seccomp_load(rules):
        raise OSError("the filter cannot be loaded")


def main(unit: Path, path: Path, arguments: list[str]) -> None:
    """Become the driver, confined."""
    given = list(settings(unit))
    one = dict(given)
    listener = sockets.listen(path)
    names = allowed_calls([value for key, value in given if key == "SystemCallFilter"])
    bounds = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in one["CapabilityBoundingSet"].split())
    families = [FAMILIES[name] for name in one["RestrictAddressFamilies"].split()]
    if one["ProtectSystem"] == "strict":
        write_protect()
    if listener.fileno() != sockets.FIRST_PASSED:
        os.dup2(listener.fileno(), sockets.FIRST_PASSED)
    os.set_inheritable(sockets.FIRST_PASSED, True)
    passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    program = ["setpriv", f"--bounding-set=-all,{bounds}", "--no-new-privs", "kuryr", "docker", "serve", *arguments]
    filter_calls(names | {"prctl", "capset"}, families)
    os.execvpe(program[0], program, os.environ | passed)  # noqa: S606 (the process id must stay)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
