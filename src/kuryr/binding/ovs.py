"""Plugs ports of vif_type "ovs": the outer end of a veth pair becomes a port of the integration bridge.

The Interface row names the Neutron port (`iface-id`); ovn-controller or Neutron's agent sees it there, wires the port
and leaves a sign in the database. All that Kuryr knows of a port is the claim on the link and its mark in the row.

Neutron's agent makes a VLAN of each network, inside the host. A port that it has not yet seen would be a port of all of
them, so it is born in the VLAN 4095, in which the agent keeps what must not talk.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.links import link_name
from kuryr.binding.ovsdb import PortRow
from kuryr.binding.pairs import OUTER, PairDriver
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

DEAD_VLAN = 4095


@dataclass(frozen=True)
class _Wiring:
    """The process that wires ports, and how it says that it has done so."""

    present: Callable[[PortRow], bool]
    text: str
    process: str
    born_in: int | None = None
    """The VLAN of a port that it has not seen yet."""


_WIRINGS = {
    "ovn": _Wiring(
        lambda row: row.external_ids.get("ovn-installed") == "true" and (row.ofport or -1) > 0,
        "external_ids:ovn-installed",
        "ovn-controller",
    ),
    "openvswitch": _Wiring(
        lambda row: row.tag not in (None, DEAD_VLAN) and (row.ofport or -1) > 0,
        f"a VLAN tag other than {DEAD_VLAN}",
        "neutron-openvswitch-agent",
        born_in=DEAD_VLAN,
    ),
}
"""By the ML2 driver that bound the port. ovn-controller(8): ovn-installed is set when all OpenFlow flows of the port
are in place. Neutron's agent sets the tag last, when it has built filters and flows (its method `_bind_devices`)."""


class OvsDriver(PairDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    prefix = OUTER
    """What the name of the bridge's port begins with."""

    def __init__(self, context: BindingContext, name: str = "ovs") -> None:
        super().__init__(context, name)
        self.ovsdb = context.switch

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the veth pair and write the claim on it. Raises PlugError if nobody is known who would wire the port."""
        wiring_of(vif)
        name = self._name(vif.port_id)
        if self.ovsdb.has_port(name, vif.port_id) and not self.links.exists(name):
            # Open vSwitch would go on to serve the lost link, although the new one has the same name.
            self.ovsdb.delete_port(name, vif.port_id)
        self._inherit(claim)
        return super().stage(vif, claim)

    def plug(self, vif: Vif) -> None:
        """Add the outer end to the port's bridge."""
        bridge = self._bridge(vif)
        claim = self.pairs.connect(vif, userspace=self.ovsdb.is_userspace(bridge))
        self.add_port(vif, claim)

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """Wait for the sign of the process that wires the port."""
        wiring = wiring_of(vif)
        ready, row = self.ovsdb.await_port(self._name(vif.port_id), wiring.present, timeout)
        if not ready:
            raise self._not_wired(vif, row, wiring)
        return True

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove the port from its bridge, then the pair; so that whatever is left still carries the claim."""
        if self.ovsdb.is_there:
            self._inherit(Claim(port_id, ""))
            self.ovsdb.delete_port(self._name(port_id), port_id)
        super().unplug(port_id, vif)

    def found(self) -> Sequence[Found]:
        """Every claimed link, half link, and row whose link is gone."""
        rows = self.ovsdb.interfaces() if self.ovsdb.is_there else []
        ids = [row.external_ids.get("iface-id") for row in rows if row.name.startswith(self.prefix)]
        links = super().found()
        claimed = {found.port_id for found in links}
        return [*links, *(Found(port_id, "") for port_id in ids if port_id and port_id not in claimed)]

    def close(self) -> None:
        """Disconnect from Open vSwitch."""
        self.ovsdb.close()

    def add_port(self, vif: Vif, claim: Claim) -> None:
        """Make the bridge's port, with the keys that ovn-controller and the agents read.

        They are in Neutron's "OVN information for OVSDB", and os-vif writes them.
        """
        external_ids = {"iface-id": vif.port_id, "iface-status": "active", "attached-mac": vif.mac}
        if claim.owner:
            external_ids["vm-uuid"] = claim.owner
        tag = wiring_of(vif).born_in
        self.ovsdb.add_port(self._bridge(vif), self._name(vif.port_id), external_ids, tag=tag)

    def _name(self, port_id: str) -> str:
        return link_name(self.prefix, port_id)

    def _inherit(self, claim: Claim) -> None:
        """Claim the pair that kuryr-libnetwork made for a port, if it did: only the row tells its pairs from others."""
        if self.ovsdb.is_inherited(self._name(claim.port_id), claim.port_id):
            self.pairs.inherit(claim)

    def _bridge(self, vif: Vif) -> str:
        return str(vif.details.get("bridge_name") or self.context.integration_bridge)

    def _not_wired(self, vif: Vif, row: PortRow | None, wiring: _Wiring) -> PlugError:
        port = f"port {vif.port_id}"
        bridge = self._bridge(vif)
        if row is None:
            return PlugError(f"{port} is not plugged into {bridge}")
        if row.ofport is None:
            return PlugError(f"Open vSwitch did not add {port} to {bridge}", hint="is ovs-vswitchd running?")
        if row.ofport < 0:
            return PlugError(f"Open vSwitch could not add {port} to {bridge}: {row.error or 'no reason given'}")
        return PlugError(
            f"{port} was plugged into {bridge} as {row.name}, but {wiring.text} did not appear",
            hint=f"is {wiring.process} running on this host and connected?",
        )


def wiring_of(vif: Vif) -> _Wiring:
    """Who wires a port. Raises PlugError if its ways are not known."""
    bound = vif.details.get("bound_drivers")
    # Neutron lists the drivers by level; the one of the lowest level plugs. OVN is Neutron's reference driver.
    name = str(bound[max(bound)]) if isinstance(bound, Mapping) and bound else "ovn"
    if name not in _WIRINGS:
        raise PlugError(
            f"port {vif.port_id} is bound by Neutron's driver {name}, whose sign of readiness is not known",
            hint=f"known: {', '.join(_WIRINGS)}",
        )
    return _WIRINGS[name]
