"""The socket that Docker calls: made by us so that only root can connect, or handed over by systemd.

Under socket activation systemd holds the socket while the driver is away, so that Docker waits instead of failing:
without it an engine takes 15 seconds per stored network to give up when it boots before the driver.
"""

import os
import socket
import stat
from pathlib import Path

from kuryr.errors import InvalidInput, KuryrError
from kuryr.web.listeners import BACKLOG

FIRST_PASSED = 3
"""The first file descriptor that systemd passes (sd_listen_fds(3))."""


class SocketTaken(KuryrError):
    """Another driver is listening."""

    status = 409


def passed() -> socket.socket | None:
    """The socket that systemd (or a supervisor of its manners) handed to this very process. Raises InvalidInput."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not os.environ.get("LISTEN_FDS", "").isdecimal():
        return None
    count = int(os.environ["LISTEN_FDS"])
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    if count != 1:
        raise InvalidInput(f"{count} sockets were passed, one is expected", hint="see kuryr-docker.socket")
    try:
        given = socket.socket(fileno=FIRST_PASSED)
    except OSError as error:
        raise InvalidInput(f"what was passed as descriptor {FIRST_PASSED} is not a socket: {error.strerror}") from error
    if given.family != socket.AF_UNIX:
        raise InvalidInput(
            "the socket that was passed is not a Unix socket, so anybody could connect",
            hint="for TCP set [docker] listen_tcp",
        )
    return given


def listen(path: Path) -> socket.socket:
    """A socket at `path` that only its owner may connect to; its folder is made if it is missing.

    A stale socket is replaced. Raises SocketTaken when somebody answers there, KuryrError when it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _bind(made, path)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise KuryrError(f"cannot listen on {path}: {error.strerror or error}") from error
    return made


def _bind(made: socket.socket, path: Path) -> None:
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise KuryrError(f"{path} is in the way: it is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise SocketTaken(f"another driver is listening on {path}", hint="stop it, or set [docker] socket")
