"""Plugs ports of vif_type "vhostuser": a container shares memory with Open vSwitch (DPDK) over a socket.

There is no interface of the kernel's to move. Instead each port has a directory, `<vhostuser_directory>/<port id>`, for
the container to mount. It holds the socket, named `socket`, and `port.json`, which tells what an application must know.
Neutron's `vhostuser_mode` is the application's: as `server` it makes the socket and Open vSwitch connects to it, as
`client` it connects to the one that Open vSwitch has made.

Containers may write there, so nothing that lies there is trusted: no link is followed, and no file opened that exists.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.standins import StandInDriver
from kuryr.binding.switchports import SwitchPorts, wiring_of
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

PREFIX = "vhu"
SOCKET = "socket"
_ID = re.compile(r"[0-9a-f-]{36}")


class VhostUserDriver(StandInDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        super().__init__(context, "vhostuser")
        self._ports = SwitchPorts(context, PREFIX)

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the port's directory, which the container may mount from now on."""
        wiring_of(vif)
        _mode(vif)
        self.claim(claim)
        directory = self._directory(vif.port_id)
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                directory.mkdir()
            with _opened(directory) as there:
                _write(there, "port.json", json.dumps(_description(vif), indent=2) + "\n")
        except OSError as cause:
            raise PlugError(f"{directory} cannot be made: {cause.strerror}") from cause
        return Interface("")

    def plug(self, vif: Vif) -> None:
        """Make the bridge's port."""
        claim = self.claimed(vif)
        if _mode(vif) == "server":
            socket = self._directory(vif.port_id) / SOCKET
            columns = {"type": "dpdkvhostuserclient", "options": {"vhost-server-path": str(socket)}}
        else:
            columns = {"type": "dpdkvhostuser", "options": {}}
        self._ports.add(vif, claim, columns)

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """Wait for the sign of the process that wires the port; then hand over the socket if Open vSwitch made it."""
        ready = self._ports.await_ready(vif, timeout)
        if _mode(vif) == "client":
            made, directory = Path(str(vif.details.get("vhostuser_socket"))), self._directory(vif.port_id)
            try:
                with _opened(directory) as there, suppress(FileExistsError):
                    os.link(made, SOCKET, dst_dir_fd=there)
            except OSError as cause:
                hint = "[binding] vhostuser_directory must be on the file system of Open vSwitch's sockets"
                raise PlugError(f"{made} cannot be handed over in {directory}: {cause.strerror}", hint=hint) from cause
        return ready

    def announce(self, vif: Vif) -> None:
        """Nothing: the application has the port's frames, and nobody else can send any."""

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove the port from its bridge, then its directory, then the stand-in."""
        self._ports.delete(port_id)
        if _ID.fullmatch(port_id):
            shutil.rmtree(self._directory(port_id), ignore_errors=True)
        super().unplug(port_id, vif)

    def found(self) -> Sequence[Found]:
        """Every claimed port, and those of Open vSwitch whose stand-in is gone."""
        standing = super().found()
        claimed = {found.port_id for found in standing}
        return [*standing, *(Found(port_id, "") for port_id in self._ports.found() if port_id not in claimed)]

    def close(self) -> None:
        """Disconnect from Open vSwitch."""
        self._ports.ovsdb.close()

    def _directory(self, port_id: str) -> Path:
        return self.context.vhostuser_directory / port_id


def _mode(vif: Vif) -> str:
    mode = vif.details.get("vhostuser_mode")
    if mode not in ("client", "server") or not vif.details.get("vhostuser_ovs_plug"):
        raise PlugError(f"port {vif.port_id} is no vhost-user port of Open vSwitch's in the mode client or server")
    return str(mode)


def _description(vif: Vif) -> dict[str, object]:
    return {
        "port_id": vif.port_id,
        "network_id": vif.network_id,
        "mac": vif.mac,
        "mtu": vif.mtu,
        "addresses": [str(fixed_ip.address) for fixed_ip in vif.fixed_ips],
        "mode": _mode(vif),
        "socket": SOCKET,
    }


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """A descriptor of a directory. Raises OSError, also for a link to one."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(directory: int, name: str, text: str) -> None:
    """Make a file anew, whole or not at all. Raises OSError."""
    unfinished = f".{name}"
    with suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=directory)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory), "w") as file:
        file.write(text)
    os.replace(unfinished, name, src_dir_fd=directory, dst_dir_fd=directory)
