"""Serve an OpenStack API under uWSGI, the way it is deployed, with a request log that a program can read."""

import http.client
from collections.abc import Mapping
from pathlib import Path

from kuryr_lab.node import Daemon, Node
from kuryr_lab.request_log import FORMAT, path_of
from kuryr_lab.waiting import wait_until


def serve(
    control: Node,
    name: str,
    module: str,
    port: int,
    *,
    environment: Path,
    env: Mapping[str, str],
    workers: int,
) -> Daemon:
    """Start the WSGI application `module` of `environment` on the control node's address; await its first answer."""
    address = control.layout.control_address
    before = control.find_daemon(name)
    wait_until(f"{name}: workers of a killed master end", lambda: not before.processes())
    return control.daemon(
        name,
        [
            str(environment / "bin" / "uwsgi"),
            "--master",
            "--die-on-term",
            # Workers do not survive a killed master, or they would hold its port.
            "--no-orphans",
            "--need-app",
            "--enable-threads",
            # Each worker must make its own connections to MariaDB and OVSDB.
            "--lazy-apps",
            f"--processes={workers}",
            f"--module={module}",
            f"--procname-prefix-spaced={name}",
            f"--http-socket={address}:{port}",
            # It closes each connection; unsaid, a client would take that for a failure.
            "--add-header=Connection: close",
            "--buffer-size=65535",
            # An error that is answered before the body was read would reach the client as a connection reset.
            "--post-buffering=65536",
            f"--req-logger=file:{path_of(control.layout, name)}",
            f"--log-format={FORMAT}",
        ],
        # A private TMPDIR, new at each start: Neutron keys a file there by its parent's PID, and in a PID namespace
        # the same small numbers come back each time.
        env={"TMPDIR": "/run/tmp", **env},
        ready=lambda: answers(address, port),
    )


def answers(address: str, port: int) -> bool:
    """Whether an API answers without a server error: its socket listens before a worker does, so this may take 5 s."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
