"""ML2/OVS: neutron-openvswitch-agent wires the ports; it filters by flows, or by iptables in a bridge of each port."""

from typing import TYPE_CHECKING

from kuryr_lab.agents import AgentBackend
from kuryr_lab.backend import PHYSICAL_NETWORK, Sections, Tap
from kuryr_lab.openvswitch import EXTERNAL_BRIDGE, OpenVSwitch

if TYPE_CHECKING:
    from kuryr_lab.host import Host


class HybridOpenVSwitch(OpenVSwitch):
    """As iptables sees no frames of Open vSwitch, each port has a bridge `qbr…` of its own before it."""

    def plug(self, host: "Host", tap: Tap) -> None:
        """See `Switch.plug`: the names are those that the agent looks for."""
        bridge, end, far_end = (f"{prefix}{tap.port['id'][:11]}" for prefix in ("qbr", "qvb", "qvo"))
        host.run(["ip", "link", "add", bridge, "type", "bridge", "ageing_time", "0", "mcast_snooping", "0"])
        host.run(["ip", "link", "add", end, "type", "veth", "peer", "name", far_end])
        for name in (end, tap.name):
            host.run(["ip", "link", "set", name, "master", bridge])
        for name in (bridge, end, far_end):
            host.run(["ip", "link", "set", name, "up"])
        super().plug(host, Tap(far_end, tap.namespace, tap.port))

    def unplug(self, host: "Host", tap: Tap) -> None:
        """See `Switch.unplug`."""
        bridge, end, far_end = (f"{prefix}{tap.port['id'][:11]}" for prefix in ("qbr", "qvb", "qvo"))
        super().unplug(host, Tap(far_end, tap.namespace, tap.port))
        for name in (end, bridge):
            host.run(["ip", "link", "delete", name], check=False)


def _settings(host: "Host", firewall: str) -> Sections:
    return {
        "agent": {"tunnel_types": "vxlan", "polling_interval": 1},
        "ovs": {
            "datapath_type": "netdev",
            "ovsdb_connection": "unix:/run/openvswitch/db.sock",
            "local_ip": host.underlay_address,
            "bridge_mappings": f"{PHYSICAL_NETWORK}:{EXTERNAL_BRIDGE}",
        },
        "securitygroup": {"firewall_driver": firewall},
    }


_AGENT = "neutron-openvswitch-agent"

OVS = AgentBackend(OpenVSwitch(), "openvswitch", _AGENT, lambda host: _settings(host, "openvswitch"))
HYBRID = AgentBackend(HybridOpenVSwitch(), "openvswitch", _AGENT, lambda host: _settings(host, "iptables_hybrid"))
