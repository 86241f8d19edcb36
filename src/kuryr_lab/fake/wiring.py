"""Who wires ports that only a Neutron in memory knows: `python -m kuryr_lab.fake.wiring` beside an Open vSwitch.

ovn-controller says of a port that its flows are in place (`ovn-installed`) once it has them from OVN. Of the ports here
OVN has never heard; so this says it, as soon as the port is plugged.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

_DATABASE = "unix:/run/openvswitch/db.sock"


def plugged(update: str) -> Iterator[str]:
    """The interfaces that a line of `ovsdb-client --format=json monitor` tells of, and that wait to be wired."""
    table = json.loads(update)
    for _, action, name, external_ids in table["data"]:
        known = _map(external_ids)
        if action in {"initial", "insert", "new"} and "iface-id" in known and "ovn-installed" not in known:
            yield name


def _map(value: Any) -> dict[str, str]:
    """RFC 7047, 5.1: ["map", [[key, value], …]]; a row's old value names only what has changed, and may be null."""
    return dict(value[1]) if value and value[0] == "map" else {}


def wire(database: str) -> None:
    """Wire everything that is plugged, until SIGTERM."""
    monitor = ["ovsdb-client", "--format=json", "monitor", database, "Open_vSwitch", "Interface", "name,external_ids"]
    leashed = ["setpriv", "--pdeathsig", "KILL", *monitor]
    with subprocess.Popen(leashed, stdout=subprocess.PIPE, text=True) as watching:
        for update in watching.stdout or ():
            for name in plugged(update):
                _install(database, name)


def _install(database: str, name: str) -> None:
    # Who was quicker to unplug it has won.
    change: Sequence[str] = ("--if-exists", "set", "Interface", name, "external_ids:ovn-installed=true")
    subprocess.run(["ovs-vsctl", "--timeout=10", "--no-wait", f"--db={database}", *change], check=True)


if __name__ == "__main__":
    wire(*sys.argv[1:] or [_DATABASE])
