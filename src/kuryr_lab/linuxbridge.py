"""The Linux bridge agent, which Neutron had until 2024.2: one bridge per network, tunnels and filters of the kernel."""

from typing import TYPE_CHECKING

from kuryr_lab.agents import AgentBackend
from kuryr_lab.backend import PHYSICAL_NETWORK, Sections, Switch, Tap

if TYPE_CHECKING:
    from kuryr_lab.host import Host


class LinuxBridge(Switch):
    """Ports are interfaces of a bridge that is named after the network: whoever comes first makes it."""

    title = "network"
    programs = ()

    def start(self, host: "Host") -> None:
        """See `Switch.start`: the tunnels' end is an address of the network card itself."""
        host.run(["ip", "addr", "add", f"{host.underlay_address}/24", "dev", "eth0"])

    def plug(self, host: "Host", tap: Tap) -> None:
        """See `Switch.plug`. The agent leaves interfaces of machines (`compute:`) to Nova, and does the rest."""
        bridge = f"brq{tap.port['network_id'][:11]}"
        host.run(["ip", "link", "add", bridge, "type", "bridge"], check=False)
        host.run(["ip", "link", "set", bridge, "up"])
        host.run(["ip", "link", "set", tap.name, "master", bridge])

    def unplug(self, host: "Host", tap: Tap) -> None:
        """See `Switch.unplug`: it goes with its link, and the bridge by the agent's hand."""

    def inventory(self, host: "Host") -> set[str]:  # noqa: ARG002
        """See `Switch.inventory`: bridges and what is in them are links."""
        return set()


def _settings(host: "Host") -> Sections:
    return {
        "agent": {"polling_interval": 1},
        "linux_bridge": {"physical_interface_mappings": f"{PHYSICAL_NETWORK}:eth1"},
        "vxlan": {"enable_vxlan": "true", "local_ip": host.underlay_address},
        "securitygroup": {"firewall_driver": "iptables", "enable_ipset": "true"},
    }


LINUXBRIDGE = AgentBackend(
    LinuxBridge(),
    "linuxbridge",
    "neutron-linuxbridge-agent",
    _settings,
    own_settings={"experimental": {"linuxbridge": "true"}},
    wiring_shows=False,
    environment_of=lambda layout: layout.linuxbridge,
)
