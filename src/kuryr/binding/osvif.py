"""Plugs ports by a plugin of os-vif, OpenStack Compute's library for that: whatever plugs Nova's machines.

A type of port is handed over where kuryr.conf says so (`[binding] drivers = <vif_type>:os_vif`), to the plugin of the
type's name. The plugin connects the outer end of a veth pair, as it would connect a machine's tap device. It is told
what os-vif has words for: the port's id, MAC address and network, and the bridge if Neutron names one.

os-vif brings eventlet, which the library `ovs` uses as soon as it is there, and a plugin may take as long as it likes.
So os-vif lives in an environment of its own, such as Nova's, and each call is a process, which is ended when it takes
too long: the file `osvif_call.py` beside this one.
"""

import json
from collections.abc import Collection
from pathlib import Path

from kuryr.binding.commands import run
from kuryr.binding.handed import HandedDriver
from kuryr.binding.pairs import outer_name
from kuryr.model import Claim, Vif

_CALL = Path(__file__).with_name("osvif_call.py")


class OsVifDriver(HandedDriver):
    """See `kuryr.binding.driver.BindingDriver`. Serves every type of port that kuryr.conf hands over."""

    name, what = "os_vif", "plugin of os-vif"

    def types(self) -> Collection[str]:
        """What kuryr.conf says."""
        return [kind for kind, driver in self.context.drivers.items() if driver == self.name]

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
            [self.context.os_vif_python, "-W", "ignore", _CALL, method, json.dumps(port)],
            f"{method} of port {vif.port_id} by os-vif's plugin {vif.vif_type}",
            self.context.script_timeout,
        )


def _is_ovs(vif: Vif) -> bool:
    return vif.vif_type == "ovs"
