"""Plugs ports of vif_type "ovs": the outer end of a veth pair becomes a port of the integration bridge.

The Interface row names the Neutron port (`iface-id`); ovn-controller or Neutron's agent sees it there, wires the port
and leaves a sign in the database. All that Kuryr knows of a port is the claim on the link and its mark in the row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.links import Links, outer_name
from kuryr.binding.ovsdb import InterfaceRow, Ovsdb
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif


@dataclass(frozen=True)
class _Sign:
    """How the process that wires a port says that it has done so."""

    present: Callable[[InterfaceRow], bool]
    text: str
    process: str


_SIGNS = {
    "ovn": _Sign(
        lambda row: row.external_ids.get("ovn-installed") == "true" and (row.ofport or -1) > 0,
        "external_ids:ovn-installed",
        "ovn-controller",
    ),
}
"""By the ML2 driver that bound the port. ovn-controller(8): ovn-installed is set when all OpenFlow flows of the port
are in place."""


class OvsDriver:
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        self._links = Links(context.deployment, context.sysctl)
        self._ovsdb = Ovsdb(context.deployment, context.ovsdb, context.timeout)
        self._integration_bridge = context.integration_bridge

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the veth pair and write the claim on it."""
        name = outer_name(vif.port_id)
        if self._ovsdb.has_port(name, vif.port_id) and not self._links.exists(name):
            # Open vSwitch would go on to serve the lost link, although the new one has the same name.
            self._ovsdb.delete_port(name, vif.port_id)
        self._inherit(claim)
        return Interface(self._links.stage(vif, claim))

    def plug(self, vif: Vif) -> None:
        """Add the outer end to the port's bridge."""
        bridge = self._bridge(vif)
        claim = self._links.connect(vif, userspace=self._ovsdb.is_userspace(bridge))
        # Neutron, "OVN information for OVSDB" and os-vif: the keys that ovn-controller and the agents read.
        external_ids = {"iface-id": vif.port_id, "iface-status": "active", "attached-mac": vif.mac}
        if claim.owner:
            external_ids["vm-uuid"] = claim.owner
        self._ovsdb.add_port(bridge, outer_name(vif.port_id), external_ids)

    def await_ready(self, vif: Vif, timeout: float) -> None:
        """Wait for the sign of the process that wires the port."""
        sign = _sign(vif)
        ready, row = self._ovsdb.await_interface(outer_name(vif.port_id), sign.present, timeout)
        if not ready:
            raise self._not_wired(vif, row, sign)

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses into the bridge."""
        self._links.announce(vif)

    def unplug(self, port_id: str) -> None:
        """Remove the port from its bridge, then the pair; so that whatever is left still carries the claim."""
        self._inherit(Claim(port_id, ""))
        self._ovsdb.delete_port(outer_name(port_id), port_id)
        self._links.delete(port_id)

    def found(self) -> Sequence[Found]:
        """Every claimed link, half link, and row whose link is gone."""
        ids = [row.external_ids.get("iface-id") for row in self._ovsdb.interfaces()]
        rows = {port_id: Found(port_id, "") for port_id in ids if port_id}
        links = {claim.port_id: Found(claim.port_id, claim.owner) for claim in self._links.claims()}
        return list((rows | links).values())

    def close(self) -> None:
        """Disconnect from Open vSwitch."""
        self._ovsdb.close()

    def _inherit(self, claim: Claim) -> None:
        """Claim the pair that kuryr-libnetwork made for a port, if it did: only the row tells its pairs from others."""
        if self._ovsdb.is_inherited(outer_name(claim.port_id), claim.port_id):
            self._links.inherit(claim)

    def _bridge(self, vif: Vif) -> str:
        return str(vif.details.get("bridge_name") or self._integration_bridge)

    def _not_wired(self, vif: Vif, row: InterfaceRow | None, sign: _Sign) -> PlugError:
        port = f"port {vif.port_id}"
        bridge = self._bridge(vif)
        if row is None:
            return PlugError(f"{port} is not plugged into {bridge}")
        if row.ofport is None:
            return PlugError(f"Open vSwitch did not add {port} to {bridge}", hint="is ovs-vswitchd running?")
        if row.ofport < 0:
            return PlugError(f"Open vSwitch could not add {port} to {bridge}: {row.error or 'no reason given'}")
        return PlugError(
            f"{port} was plugged into {bridge} as {row.name}, but {sign.text} did not appear",
            hint=f"is {sign.process} running on this host and connected?",
        )


def _sign(vif: Vif) -> _Sign:
    bound = vif.details.get("bound_drivers")
    # Neutron lists the drivers by level; the one of the lowest level plugs. OVN is Neutron's reference driver.
    name = str(bound[max(bound)]) if isinstance(bound, Mapping) and bound else "ovn"
    if name not in _SIGNS:
        raise PlugError(
            f"port {vif.port_id} is bound by Neutron's driver {name}, whose sign of readiness is not known",
            hint=f"known: {', '.join(_SIGNS)}",
        )
    return _SIGNS[name]
