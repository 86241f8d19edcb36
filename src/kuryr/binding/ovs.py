"""Plugs ports of vif_type "ovs": the outer end of a veth pair becomes a port of the integration bridge.

All that Kuryr knows of a port is the claim on the link and its mark in Open vSwitch.
"""

from collections.abc import Sequence

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.pairs import OUTER, PairDriver
from kuryr.binding.switchports import SwitchPorts, wiring_of
from kuryr.model import Claim, Vif


class OvsDriver(PairDriver):
    """See `kuryr.binding.driver.BindingDriver`. `prefix`: what the names of the bridge's ports begin with."""

    def __init__(self, context: BindingContext, name: str = "ovs", prefix: str = OUTER) -> None:
        super().__init__(context, name)
        self.ports = SwitchPorts(context, prefix)

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the veth pair and write the claim on it. Raises PlugError if nobody is known who would wire the port."""
        wiring_of(vif)
        name = self.ports.name(vif.port_id)
        if self.ports.ovsdb.has_port(name, vif.port_id) and not self.links.exists(name):
            # Open vSwitch would go on to serve the lost link, although the new one has the same name.
            self.ports.delete(vif.port_id)
        self._inherit(claim)
        return super().stage(vif, claim)

    def plug(self, vif: Vif) -> None:
        """Add the outer end to the port's bridge."""
        claim = self.pairs.connect(vif, userspace=self.ports.is_userspace(vif))
        self.ports.add(vif, claim)

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """Wait for the sign of the process that wires the port."""
        return self.ports.await_ready(vif, timeout)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove the port from its bridge, then the pair; so that whatever is left still carries the claim."""
        if self.ports.ovsdb.is_there:
            self._inherit(Claim(port_id, ""))
        self.ports.delete(port_id)
        super().unplug(port_id, vif)

    def found(self) -> Sequence[Found]:
        """Every claimed link, half link, and row whose link is gone."""
        links = super().found()
        claimed = {found.port_id for found in links}
        return [*links, *(Found(port_id, "") for port_id in self.ports.found() if port_id not in claimed)]

    def close(self) -> None:
        """Disconnect from Open vSwitch."""
        self.ports.ovsdb.close()

    def _inherit(self, claim: Claim) -> None:
        """Claim the pair that kuryr-libnetwork made for a port, if it did: only the row tells its pairs from others."""
        if self.ports.ovsdb.is_inherited(self.ports.name(claim.port_id), claim.port_id):
            self.pairs.inherit(claim)
