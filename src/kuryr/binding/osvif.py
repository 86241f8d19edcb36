"""Plugs ports by a plugin of os-vif, OpenStack Compute's library for that: whatever plugs Nova's machines.

A type of port is handed over where kuryr.conf says so (`[binding] drivers = <vif_type>:os_vif`), to the plugin of the
type's name. The plugin connects the outer end of a veth pair, as it would connect a machine's tap device. It is told
what os-vif has words for: the port's id, MAC address and network, and the bridge if Neutron names one.

os-vif loads eventlet and half of oslo, and a plugin may take as long as it likes. So each call is a process of its own,
`kuryr.binding.osvif_call`, which is ended when it takes too long. os-vif is installed only where it is wanted
(`pip install kuryr[os-vif]`).
"""

import json
import os
import sys
from collections.abc import Collection
from importlib.metadata import entry_points

from kuryr.binding.commands import run
from kuryr.binding.handed import HandedDriver
from kuryr.binding.pairs import outer_name
from kuryr.model import Claim, Vif

PLUGINS = "os_vif"
"""os-vif's entry point group."""


class OsVifDriver(HandedDriver):
    """See `kuryr.binding.driver.BindingDriver`. Serves every type of port for which os-vif has a plugin."""

    name, what = "os_vif", "plugin of os-vif"

    def types(self) -> Collection[str]:
        """The names of the installed plugins."""
        return entry_points(group=PLUGINS).names

    def bind(self, vif: Vif, claim: Claim) -> None:
        """Have the plugin connect the outer end."""
        self._call("plug", vif, claim)

    def unbind(self, vif: Vif, claim: Claim) -> None:
        """Have the plugin disconnect it."""
        self._call("unplug", vif, claim)

    def _call(self, method: str, vif: Vif, claim: Claim) -> None:
        port = {
            "id": vif.port_id,
            "address": vif.mac,
            "plugin": vif.vif_type,
            "vif_name": outer_name(vif.port_id),
            "has_traffic_filtering": bool(vif.details.get("port_filter")),
            "network": vif.network_id,
            "mtu": vif.mtu,
            "bridge": vif.details.get("bridge_name") or (self.context.integration_bridge if _is_ovs(vif) else ""),
            "datapath_type": vif.details.get("datapath_type") or "",
            "owner": claim.owner,
            "project_id": vif.project_id,
        }
        run(
            [sys.executable, "-m", "kuryr.binding.osvif_call", method, json.dumps(port)],
            f"{method} of port {vif.port_id} by os-vif's plugin {vif.vif_type}",
            self.context.script_timeout,
            {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"},
        )


def _is_ovs(vif: Vif) -> bool:
    return vif.vif_type == "ovs"
