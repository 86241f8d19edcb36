"""The part of Open vSwitch's database that this process keeps a copy of: its connection, and who waits for a row.

ovsdbapp would ask the server for its whole schema and keep one connection per class; both are put right here.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ovs.db.idl import SchemaHelper
from ovsdbapp.backend import ovs_idl
from ovsdbapp.backend.ovs_idl import connection, event, idlutils

from kuryr.errors import PlugError

_NUMBER = {"type": "integer"}
_TEXT = {"type": "string"}
_TEXTS = {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}


def _several(table: str) -> dict[str, object]:
    return {"type": {"key": {"type": "uuid", "refTable": table}, "min": 0, "max": "unlimited"}}


def _optional(kind: str) -> dict[str, object]:
    return {"type": {"key": kind, "min": 0, "max": 1}}


_SCHEMA = {
    "name": "Open_vSwitch",
    "tables": {
        "Open_vSwitch": {"columns": {"next_cfg": _NUMBER, "cur_cfg": _NUMBER}, "maxRows": 1},
        "Bridge": {
            "columns": {"name": _TEXT, "datapath_type": _TEXT, "ports": _several("Port")},
            "indexes": [["name"]],
        },
        "Port": {
            "columns": {"name": _TEXT, "interfaces": _several("Interface"), "tag": _optional("integer")},
            "indexes": [["name"]],
        },
        "Interface": {
            "columns": {
                "name": _TEXT,
                "external_ids": _TEXTS,
                "ofport": _optional("integer"),
                "error": _optional("string"),
                "type": _TEXT,
                "options": _TEXTS,
            },
            "indexes": [["name"]],
        },
    },
}
"""The part of vswitch.ovsschema that is replicated. With thousands of ports the other columns, statistics above all,
would cost memory and a wake-up every few seconds; and a server that hangs could hang whoever asks it for its schema."""


class _Idl(connection.OvsdbIdl):  # type: ignore[misc]
    """The local copy of the database, which tells watchers about changed rows."""

    def __init__(self, remote: str) -> None:
        helper = SchemaHelper(schema_json=_SCHEMA)
        helper.register_all()
        super().__init__(remote, helper, leader_only=False)
        self.events = event.RowEventHandler()

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        self.events.notify(event, row, updates)


class Replica(ovs_idl.Backend):  # type: ignore[misc]
    """ovsdbapp's view of the copy: look-ups by index, and transactions in the connection's own thread.

    Its rows change under whoever reads them without the lock of `ovsdb_connection`.
    """

    schema = "Open_vSwitch"
    # ovsdbapp keeps one connection per class; here each object has its own.
    ovsdb_connection: Any = None

    def __init__(self, remote: str, timeout: float) -> None:
        idl = _Idl(remote)
        self.events = idl.events
        super().__init__(connection.Connection(idl, timeout), start=False)

    def start(self) -> None:
        """Connect, and return when the copy is complete. Raises ovsdbapp's TimeoutException."""
        self.ovsdb_connection.start()

    def stop(self, timeout: float) -> None:
        """Disconnect, and end the threads."""
        if self.ovsdb_connection.is_running:
            self.ovsdb_connection.stop(timeout)
        else:
            self.idl.close()
        self.events.shutdown()
        self.events.notify_thread.join(timeout)

    def row(self, table: str, name: str) -> Any:
        """The row of this name, or None."""
        return idlutils.row_by_value(self.idl, table, "name", name, None)

    def bridge(self, name: str) -> Any:
        """The row of a bridge. Raises PlugError if there is none."""
        found = self.row("Bridge", name)
        if found is None:
            raise PlugError(f"Open vSwitch has no bridge {name} on this host", hint="is ovn-controller running?")
        return found

    def switch(self) -> Any:
        """The one row of the switch as a whole."""
        (row,) = self.tables["Open_vSwitch"].rows.values()
        return row

    @contextmanager
    def watching(self, tables: Sequence[str], condition: Callable[[Any], bool]) -> Iterator[threading.Event]:
        """An event that is set when, during the body, a row of one of the tables changes and satisfies `condition`."""
        happened = threading.Event()
        changes = [_Change(table, condition, happened) for table in tables]
        self.events.watch_events(changes)
        try:
            yield happened
        finally:
            self.events.unwatch_events(changes)


class _Change(event.WaitEvent):  # type: ignore[misc]
    """Happens once, when a row of a table comes to satisfy a condition; each waiter has its own."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __init__(self, table: str, condition: Callable[[Any], bool], happened: threading.Event) -> None:
        # A reconnection shows every row as created.
        super().__init__((self.ROW_CREATE, self.ROW_UPDATE), table, None)
        self._condition = condition
        self.event = happened

    def match_fn(self, event: str, row: Any, old: Any) -> bool:  # noqa: ARG002
        return self._condition(row)
