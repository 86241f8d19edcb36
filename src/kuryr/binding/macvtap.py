"""Plugs ports of vif_type "macvtap": a link on top of the host's own, which moves into the container as a whole.

Neutron's macvtap agent finds links by the beginning of their names and their MAC addresses, makes the VLAN link that
they stand on, and lets it take their frames in. A macvtap link without a reader of its device /dev/tap… hands frames to
the network stack like a macvlan link, so a container can use it as its interface, or hand it to a virtual machine.

When the link has moved, the agent does not see it any more and reports the port down; frames go on to pass.
"""

from kuryr.binding.driver import BindingContext, Interface
from kuryr.binding.standins import StandInDriver
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

PREFIX = "macvtap"
_ID_LENGTH = 8
"""Characters of a port's id that the kernel leaves for a name that begins as the agent wants it."""


class MacvtapDriver(StandInDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        super().__init__(context, "macvtap")

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the link that the container will get. Raises PlugError if the link that it stands on is missing."""
        name, source, mac = _name(vif.port_id), _source(vif), vif.mac.lower()
        with self.links.talking(name) as netlink:
            lower = netlink.get(source)
            if lower is None:
                raise PlugError(
                    f"port {vif.port_id} stands on {source}, which is not there",
                    hint="is neutron-macvtap-agent running on this host and connected?",
                )
            self.claim(claim)
            if netlink.get(name) is None:
                mode = str(vif.details.get("macvtap_mode") or "bridge")
                born = {"link": lower.index, "macvtap_mode": mode, "address": mac, "mtu": min(vif.mtu, lower.mtu)}
                made = self.links.claim(netlink, name, claim, "macvtap", **born)
            else:
                made = self.links.claim(netlink, name, claim, "macvtap")
            netlink.settle(made, mac=mac, mtu=min(vif.mtu, lower.mtu))
            netlink.write(name, ("ipv6", "disable_ipv6", "1"), ("ipv4", "arp_ignore", "8"))
        return Interface(name)

    def plug(self, vif: Vif) -> None:
        """Nothing: the link stands on the agent's already. Raises PlugError if it is not staged."""
        self.claimed(vif)

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """Only look whether the link that the agent makes is up; the agent's own word is Neutron's to tell."""
        source = _source(vif)
        with self.links.talking(source) as netlink:
            lower = netlink.get(source)
        if lower is None or not lower.up:
            raise PlugError(f"port {vif.port_id} stands on {source}, which is down")
        return False

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the link, unless a container has it."""
        self.links.announce(_name(vif.port_id), vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove the link, unless a container has it, and the stand-in."""
        self.links.delete(_name(port_id), port_id)
        super().unplug(port_id, vif)


def _name(port_id: str) -> str:
    return f"{PREFIX}{port_id[:_ID_LENGTH]}"


def _source(vif: Vif) -> str:
    source = vif.details.get("macvtap_source")
    if not source:
        raise PlugError(f"Neutron does not say on which interface port {vif.port_id} stands (macvtap_source)")
    return str(source)
