"""The kinds of port that Kuryr plugs, as Neutron describes them."""

from typing import Any

NETWORK = "5d4c3b2a-0000-4000-8000-000000000001"

KINDS: dict[str, dict[str, Any]] = {
    "ovs": {},
    "hybrid": {"details": {"ovs_hybrid_plug": True}},
    "bridge": {"vif_type": "bridge", "network_id": NETWORK},
    "macvtap": {"vif_type": "macvtap", "details": {"macvtap_source": "uplink", "macvtap_mode": "bridge"}},
    "tap": {"vif_type": "tap"},
    "script": {"vif_type": "vendor"},
    "sriov": {"vif_type": "hw_veb", "vnic_type": "direct", "details": {"vlan": "104"}},
    "vhostuser": {"vif_type": "vhostuser", "details": {"vhostuser_mode": "server", "vhostuser_ovs_plug": True}},
}
