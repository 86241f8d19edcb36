"""A standing connection to the host's Open vSwitch database.

No `ovs-vsctl` process is started per port: the process keeps a replica of the few columns it needs, which answers
reads from memory and turns "is the port wired yet?" into an event. ovsdbapp's own transaction for Open vSwitch waits,
in its only thread, until ovs-vswitchd has applied each change, so that parallel plugs would queue up; here a
transaction ends when the database has it, and whoever needs more waits for a row to show it.

Removing a port needs more. ovs-vswitchd knows devices by name and looks at the database's latest state only: if a port
goes and comes back before it looks, with another device of the same name, it keeps its hold on the old device, and no
frame passes. So `delete_port` returns when ovs-vswitchd has let go.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ovsdbapp import exceptions
from ovsdbapp.backend.ovs_idl import command

from kuryr.binding.replica import Replica
from kuryr.errors import Conflict, KuryrError, PlugError

LOG = logging.getLogger(__name__)

MARK = "kuryr"
"""The key in an Interface row's external_ids that holds the deployment's name."""
INHERITED = {"owner": "kuryr"}
"""What kuryr-libnetwork's binding script writes there instead, beside the port's id (libexec/kuryr/ovs)."""


@dataclass(frozen=True)
class PortRow:
    """A port and its interface, one row each, as they were when looked at."""

    name: str
    external_ids: Mapping[str, str]
    ofport: int | None
    """OpenFlow port number; None until ovs-vswitchd has seen the row, -1 if it could not add the interface."""
    error: str
    tag: int | None
    """The VLAN that the port is in; None for one that is in all of them."""

    @classmethod
    def of(cls, api: Replica, interface: Any) -> "PortRow":
        """A copy of rows of the replica, whose lock is held."""
        port = api.row("Port", interface.name)
        return cls(
            name=interface.name,
            external_ids=dict(interface.external_ids),
            ofport=interface.ofport[0] if interface.ofport else None,
            error=interface.error[0] if interface.error else "",
            tag=port.tag[0] if port is not None and port.tag else None,
        )


class Ovsdb:
    """The ports of one deployment in the database at `remote`. Connects at the first use, and again after each loss.

    Thread-safe. Every method raises PlugError if the database does not answer within about `timeout` seconds.
    """

    def __init__(self, deployment: str, remote: str, timeout: float) -> None:
        self._deployment = deployment
        self._remote = remote
        self._timeout = timeout
        self._starting = threading.Lock()
        self._api: Replica | None = None

    @property
    def is_there(self) -> bool:
        """Whether Open vSwitch has run on this host since it booted: else the kernel holds nothing of it.

        It may still start, and its database remember ports. They are found then.
        """
        kind, _, path = self._remote.partition(":")
        return kind != "unix" or Path(path).parent.exists()

    def is_userspace(self, bridge: str) -> bool:
        """Whether a bridge forwards in user space (`datapath_type` netdev). Raises PlugError if it does not exist."""
        with self._reading() as api:
            return bool(api.bridge(bridge).datapath_type == "netdev")

    def add_port(
        self,
        bridge: str,
        name: str,
        external_ids: Mapping[str, str],
        *,
        tag: int | None = None,
        interface: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """Make interface `name` a port of `bridge` with these external_ids; what is so already is left alone.

        A new port is in the VLAN `tag`, and its interface has these columns besides.

        Raises Conflict if Open vSwitch has a foreign port of that name, PlugError if there is no such bridge.
        """
        marked = {**external_ids, MARK: self._deployment}
        with self._reading() as api:
            if _is_port(api, bridge, name, marked):
                return
        self._transact(_AddPort(api, bridge, name, marked, {"tag": [] if tag is None else [tag]}, interface))

    def has_port(self, name: str, port_id: str) -> bool:
        """Whether there is an interface `name` of this deployment, or one that kuryr-libnetwork made for this port."""
        with self._reading() as api:
            row = api.row("Interface", name)
            return row is not None and (_has(row, {MARK: self._deployment}) or _is_inherited(row, port_id))

    def is_inherited(self, name: str, port_id: str) -> bool:
        """Whether kuryr-libnetwork made the interface `name` for Neutron's port `port_id`."""
        with self._reading() as api:
            row = api.row("Interface", name)
            return row is not None and _is_inherited(row, port_id)

    def delete_port(self, name: str, port_id: str) -> None:
        """Remove the port `name` if it is of this deployment and is Neutron's port `port_id`; else leave all alone.

        One that kuryr-libnetwork made for this port counts as such.

        Afterwards ovs-vswitchd does not hold the device any more, so that another one may take its name. If it does
        not react within the time-out it is taken to be dead, and a dead one holds nothing.
        """
        with self._reading() as api:
            row = api.row("Interface", name)
            if row is None or not _serves(row, port_id, self._deployment):
                return
        deletion = _DeletePort(api, name, port_id, self._deployment)
        self._transact(deletion)
        if deletion.result is not None and not self._await_switch(api, deletion.result):
            LOG.warning("ovs-vswitchd has not removed %s after %s s: is it running?", name, self._timeout)

    def interfaces(self) -> list[PortRow]:
        """Every interface of this deployment."""
        with self._reading() as api:
            rows = api.tables["Interface"].rows.values()
            return [PortRow.of(api, row) for row in rows if row.external_ids.get(MARK) == self._deployment]

    def await_port(self, name: str, ready: Callable[[PortRow], bool], timeout: float) -> tuple[bool, PortRow | None]:
        """Wait for at most `timeout` seconds until the port `name` is `ready`.

        Returns whether it is, and the port as it was last seen (None if there is none).
        """
        api = self._connected()

        def is_ready(changed: Any) -> bool:
            interface = api.row("Interface", name) if changed.name == name else None
            return interface is not None and ready(PortRow.of(api, interface))

        with api.watching(("Interface", "Port"), is_ready) as happened:
            # It may have become ready before anyone watched it.
            row = self._port(name)
            if row is not None and ready(row):
                return True, row
            return happened.wait(timeout), self._port(name)

    def close(self) -> None:
        """Disconnect."""
        with self._starting:
            api, self._api = self._api, None
        if api is not None:
            api.stop(self._timeout)

    def _port(self, name: str) -> PortRow | None:
        with self._reading() as api:
            row = api.row("Interface", name)
            return PortRow.of(api, row) if row is not None else None

    def _await_switch(self, api: Replica, configuration: int) -> bool:
        with api.watching(("Open_vSwitch",), lambda row: row.cur_cfg >= configuration) as happened:
            with self._reading():
                if api.switch().cur_cfg >= configuration:
                    return True
            return happened.wait(self._timeout)

    def _transact(self, change: command.BaseCommand) -> None:
        """The one door through which the database is changed: each call is one transaction, all or nothing.

        Tests of crashes kill the process before or after any one passage.
        """
        transaction = change.api.create_transaction(check_error=True, log_errors=False)
        transaction.add(change)
        try:
            transaction.commit()
        except KuryrError:
            raise
        except (exceptions.TimeoutException, TimeoutError) as cause:
            raise self._no_answer() from cause
        except RuntimeError as cause:
            raise PlugError(f"Open vSwitch refused a change of port {change.name}: {cause}") from cause

    @contextmanager
    def _reading(self) -> Iterator[Replica]:
        """The replica, unchanged while it is read. Its lock is also held by a transaction that waits for the server."""
        api = self._connected()
        lock = api.ovsdb_connection.lock
        if not lock.acquire(timeout=self._timeout):
            raise self._no_answer()
        try:
            yield api
        finally:
            lock.release()

    def _connected(self) -> Replica:
        if not self._starting.acquire(timeout=self._timeout):
            raise self._no_answer()
        try:
            if self._api is None:
                api = Replica(self._remote, self._timeout)
                try:
                    api.start()
                except exceptions.TimeoutException as cause:
                    api.stop(self._timeout)
                    raise self._no_answer() from cause
                self._api = api
            return self._api
        finally:
            self._starting.release()

    def _no_answer(self) -> PlugError:
        return PlugError(
            f"Open vSwitch does not answer at {self._remote}",
            hint="is ovsdb-server running, and is it there that it listens? ([binding] ovsdb_connection in kuryr.conf)",
        )


class _AddPort(command.BaseCommand):  # type: ignore[misc]
    def __init__(
        self,
        api: Replica,
        bridge: str,
        name: str,
        external_ids: Mapping[str, str],
        port: Mapping[str, object],
        interface: Mapping[str, object],
    ) -> None:
        super().__init__(api)
        self.bridge = bridge
        self.name = name
        self.external_ids = external_ids
        self.port = port
        self.interface = interface

    def run_idl(self, txn: Any) -> None:
        bridge = self.api.bridge(self.bridge)
        interface = self.api.row("Interface", self.name)
        if interface is None:
            interface = txn.insert(self.api.tables["Interface"])
            interface.name = self.name
            interface.external_ids = dict(self.external_ids)
            _assign(interface, self.interface)
            port = txn.insert(self.api.tables["Port"])
            port.name = self.name
            _assign(port, self.port)
            port.interfaces = [interface]
            bridge.addvalue("ports", port)
            return
        inherited = _is_inherited(interface, self.external_ids["iface-id"])
        if not inherited and not _has(interface, {MARK: self.external_ids[MARK]}):
            raise Conflict(f"Open vSwitch has a port {self.name} already that is not Kuryr's", hint="remove that port")
        for key, value in self.external_ids.items():
            if interface.external_ids.get(key) != value:
                interface.setkey("external_ids", key, value)
        port = self.api.row("Port", self.name)
        for other in self.api.tables["Bridge"].rows.values():
            if other != bridge and port in other.ports:
                other.delvalue("ports", port)
        if port not in bridge.ports:
            bridge.addvalue("ports", port)


class _DeletePort(command.BaseCommand):  # type: ignore[misc]
    def __init__(self, api: Replica, name: str, port_id: str, deployment: str) -> None:
        super().__init__(api)
        self.name = name
        self.port_id = port_id
        self.deployment = deployment

    def run_idl(self, txn: Any) -> None:  # noqa: ARG002
        self.result = None
        interface = self.api.row("Interface", self.name)
        if interface is None or not _serves(interface, self.port_id, self.deployment):
            return
        interface.verify("external_ids")
        port = self.api.row("Port", self.name)
        # The server collects ports and interfaces that no bridge refers to.
        for bridge in self.api.tables["Bridge"].rows.values():
            if port in bridge.ports:
                bridge.delvalue("ports", port)
        # ovs-vswitchd copies next_cfg to cur_cfg when it has applied the database's state.
        self.api.switch().increment("next_cfg")

    def post_commit(self, txn: Any) -> None:
        self.result = txn.get_increment_new_value()


def _assign(row: Any, columns: Mapping[str, object]) -> None:
    for column, value in columns.items():
        setattr(row, column, value)


def _has(row: Any, external_ids: Mapping[str, str]) -> bool:
    return bool(external_ids.items() <= row.external_ids.items())


def _is_inherited(row: Any, port_id: str) -> bool:
    return _has(row, {**INHERITED, "iface-id": port_id}) and MARK not in row.external_ids


def _serves(row: Any, port_id: str, deployment: str) -> bool:
    return _has(row, {MARK: deployment, "iface-id": port_id}) or _is_inherited(row, port_id)


def _is_port(api: Replica, bridge: str, name: str, external_ids: Mapping[str, str]) -> bool:
    interface = api.row("Interface", name)
    return interface is not None and _has(interface, external_ids) and api.row("Port", name) in api.bridge(bridge).ports
