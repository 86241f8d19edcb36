"""One call of os-vif, in a process of its own: `python osvif_call.py plug|unplug PORT`.

PORT is the JSON that `kuryr.binding.osvif` writes. What fails is said in one line, with exit status 1. This runs where
os-vif is installed; Kuryr need not be.
"""

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import os_vif
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.network import Network
from os_vif.objects.vif import VIFBridge, VIFGeneric, VIFOpenVSwitch, VIFPortProfileOpenVSwitch


def main(method: str, text: str) -> int:
    """Hand the port over. Returns the exit status."""
    port = json.loads(text)
    # os-vif wants a machine's uuid, which an engine's ids are not: the port's own is as unique.
    machine = InstanceInfo(uuid=port["id"], name=port["owner"], project_id=port["project_id"])
    call = {"plug": os_vif.plug, "unplug": os_vif.unplug}[method]
    # It logs what it raises, with everything around it.
    logging.disable()
    try:
        os_vif.initialize()
        call(_in_its_words(port), machine)
    except Exception as failure:  # noqa: BLE001 - plugins raise what they like
        print(failure.__context__ or failure, file=sys.stderr)
        return 1
    return 0


def _in_its_words(port: Mapping[str, Any]) -> Any:
    known = {name: port[name] for name in ("id", "plugin", "vif_name", "has_traffic_filtering")}
    known["address"] = port["address"] or None
    known["network"] = Network(id=port["network"], mtu=port["mtu"]) if port["network"] else None
    if port["plugin"] == "ovs":
        profile = VIFPortProfileOpenVSwitch(
            interface_id=port["id"], datapath_type=port["datapath_type"], create_port=True
        )
        return VIFOpenVSwitch(bridge_name=port["bridge"], port_profile=profile, **known)
    if port["bridge"]:
        return VIFBridge(bridge_name=port["bridge"], **known)
    return VIFGeneric(**known)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
