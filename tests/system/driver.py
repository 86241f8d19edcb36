"""A Kuryr driver on a host of the lab, and the two ways to talk to it: by Docker, and by its own socket."""

import http.client
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kuryr_lab.host import Host
from kuryr_lab.ini import write_ini

Sections = Mapping[str, Mapping[str, str]]

NONE_AHEAD = ("--opt", "kuryr.ready_ports=off")
"""Of `docker network create`: every start there asks Neutron, and what is left can be counted."""


@dataclass(frozen=True)
class Answer:
    """What the driver answered to one request."""

    status: int
    body: Any


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Driver:
    """A running driver. Its name is also its deployment's, unless it is the plain `kuryr`.

    `socket` is its socket as reached from outside of the host, if `changes` put it in an unusual place; `program` is
    what takes the arguments of `serve`. Without `credentials` it has only what `changes` say.
    """

    def __init__(
        self,
        host: Host,
        name: str = "kuryr",
        changes: Sections | None = None,
        *,
        socket: Path | None = None,
        program: Sequence[str] = ("kuryr", "docker", "serve"),
        credentials: bool = True,
    ) -> None:
        self.host = host
        self.name = name
        self.socket = socket or host.run_directory / f"docker/plugins/{name}.sock"
        argv = [*program, *(["--config-file", "/etc/kuryr/kuryr.conf"] if credentials else [])]
        if changes is not None:
            more = host.directory / f"{name}.conf"
            own = {"docker": {"socket": f"/run/docker/plugins/{name}.sock"}, "DEFAULT": {"deployment": name}}
            write_ini(more, {name: {**own.get(name, {}), **changes.get(name, {})} for name in {*own, *changes}})
            argv += ["--config-file", str(more)]
        self.daemon = host.daemon(name, argv, ready=self.socket.exists)

    @classmethod
    def changed(cls, host: Host, changes: Sections) -> "Driver":
        """Another driver on the same host, with some settings different."""
        return cls(host, f"kuryr-{secrets.token_hex(4)}", changes)

    def stop(self) -> None:
        """End it and wait for its end."""
        self.daemon.stop()
        self.socket.unlink(missing_ok=True)

    def ask(self, method: str, body: object = None, *, raw: bytes | None = None, seconds: float = 60) -> Answer:
        """Send a request as Docker does: no Content-Type; `raw` instead of JSON if given."""
        connection = _Connection(self.socket, seconds)
        try:
            connection.putrequest("POST", f"/{method}", skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", "")
            content = raw if raw is not None else json.dumps(body or {}).encode()
            connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        finally:
            connection.close()
