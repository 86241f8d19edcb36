"""ML2/OVS: neutron-openvswitch-agent programs the bridges, security groups by flows and connection tracking."""

from typing import TYPE_CHECKING

from kuryr_lab.agents import AgentBackend
from kuryr_lab.backend import PHYSICAL_NETWORK, Sections
from kuryr_lab.openvswitch import EXTERNAL_BRIDGE, OpenVSwitch

if TYPE_CHECKING:
    from kuryr_lab.host import Host


def _settings(host: "Host") -> Sections:
    return {
        "agent": {"tunnel_types": "vxlan", "polling_interval": 1},
        "ovs": {
            "datapath_type": "netdev",
            "ovsdb_connection": "unix:/run/openvswitch/db.sock",
            "local_ip": host.underlay_address,
            "bridge_mappings": f"{PHYSICAL_NETWORK}:{EXTERNAL_BRIDGE}",
        },
        "securitygroup": {"firewall_driver": "openvswitch"},
    }


OVS = AgentBackend(OpenVSwitch(), "openvswitch", "neutron-openvswitch-agent", _settings)
