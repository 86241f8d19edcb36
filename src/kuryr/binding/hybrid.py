"""Plugs ports of vif_type "ovs" whose agent filters by iptables: a bridge stands between the container and the switch.

    t_c… ══ tap… ── qbr… ── qvb… ══ qvo… ── br-int

iptables sees the frames of a kernel's bridge, not those of Open vSwitch. The names are Neutron's: the agent makes the
filters of a port on its `tap…`, and finds the port in Open vSwitch as `qvo…`. Every link bears the port's claim, so
that any that is left says whose it was.
"""

from kuryr.binding.bridges import ATTRIBUTES
from kuryr.binding.driver import BindingContext, Interface
from kuryr.binding.links import link_name
from kuryr.binding.ovs import OvsDriver
from kuryr.binding.pairs import OUTER, SHUT_OFF, outer_name
from kuryr.model import Claim, Vif

BRIDGE, BRIDGE_END, SWITCH_END = "qbr", "qvb", "qvo"


class HybridDriver(OvsDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    prefixes = (OUTER, BRIDGE, BRIDGE_END)

    def __init__(self, context: BindingContext) -> None:
        super().__init__(context, "hybrid", SWITCH_END)

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the container's pair, and the bridge with the pair that leads to the switch."""
        staged = super().stage(vif, claim)
        bridge, end, far_end = (link_name(prefix, vif.port_id) for prefix in (BRIDGE, BRIDGE_END, SWITCH_END))
        with self.links.talking(bridge) as netlink:
            # As each frame comes from one side only, there is nothing to learn; and without it a filter sees them all.
            self.links.claim(netlink, bridge, claim, "bridge", br_ageing_time=0, br_mcast_snooping=0, **ATTRIBUTES)
            peer = {"ifname": far_end, "mtu": vif.mtu, "group": self.links.claims.group}
            self.links.claim(netlink, end, claim, "veth", mtu=vif.mtu, peer=peer)
            self.links.claim(netlink, far_end, claim, "veth")
            for name in (bridge, end, far_end):
                netlink.write(name, *SHUT_OFF)
        return staged

    def plug(self, vif: Vif) -> None:
        """Put both pairs into the bridge, and the far end into the switch."""
        claim = self.pairs.connect(vif, userspace=self.ports.is_userspace(vif))
        bridge, end, far_end = (link_name(prefix, vif.port_id) for prefix in (BRIDGE, BRIDGE_END, SWITCH_END))
        with self.links.talking(bridge) as netlink:
            for name in (end, outer_name(vif.port_id)):
                netlink.enslave(name, bridge)
            for name in (end, far_end, bridge):
                netlink.settle(netlink.the(name), mtu=vif.mtu, up=True)
        self.ports.add(vif, claim)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove the port from the switch, then the links."""
        super().unplug(port_id, vif)
        for prefix in (BRIDGE_END, BRIDGE):
            self.links.delete(link_name(prefix, port_id), port_id)
