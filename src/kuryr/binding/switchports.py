"""Ports of an integration bridge, and who wires them.

The Interface row names the Neutron port (`iface-id`); ovn-controller or Neutron's agent sees it there, wires the port
and leaves a sign in the database.

Neutron's agent makes a VLAN of each network, inside the host. A port that it has not yet seen would be a port of all of
them, so it is born in the VLAN 4095, in which the agent keeps what must not talk.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kuryr.binding.driver import BindingContext
from kuryr.binding.links import link_name
from kuryr.binding.ovsdb import PortRow
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif, is_ready

DEAD_VLAN = 4095


@dataclass(frozen=True)
class Wiring:
    """The process that wires ports, and how it says that it has done so."""

    present: Callable[[PortRow], bool]
    text: str
    process: str
    born_in: int | None = None
    """The VLAN of a port that it has not seen yet."""


_WIRINGS = {
    "ovn": Wiring(
        lambda row: row.external_ids.get("ovn-installed") == "true" and (row.ofport or -1) > 0,
        "external_ids:ovn-installed",
        "ovn-controller",
    ),
    "openvswitch": Wiring(
        lambda row: row.tag not in (None, DEAD_VLAN) and (row.ofport or -1) > 0,
        f"a VLAN tag other than {DEAD_VLAN}",
        "neutron-openvswitch-agent",
        born_in=DEAD_VLAN,
    ),
}
"""By the ML2 driver that bound the port. ovn-controller(8): ovn-installed is set when all OpenFlow flows of the port
are in place. Neutron's agent sets the tag last, when it has built filters and flows (its method `_bind_devices`)."""


class SwitchPorts:
    """The ports of one driver in this host's Open vSwitch, whose names begin with `prefix`. Thread-safe.

    Every method raises PlugError when Open vSwitch does not answer.
    """

    def __init__(self, context: BindingContext, prefix: str) -> None:
        self.ovsdb = context.switch
        self._prefix = prefix
        self._integration_bridge = context.integration_bridge

    def name(self, port_id: str) -> str:
        """What the port is called in Open vSwitch."""
        return link_name(self._prefix, port_id)

    def bridge(self, vif: Vif) -> str:
        """The bridge that Neutron names, or the usual one."""
        return str(vif.details.get("bridge_name") or self._integration_bridge)

    def is_userspace(self, vif: Vif) -> bool:
        """Whether the port's bridge forwards in user space. Raises PlugError if there is no such bridge."""
        return self.ovsdb.is_userspace(self.bridge(vif))

    def add(self, vif: Vif, claim: Claim, interface: Mapping[str, object] | None = None) -> None:
        """Make the bridge's port, with the keys that ovn-controller and the agents read.

        They are in Neutron's "OVN information for OVSDB", and os-vif writes them. `interface`: columns besides.
        """
        external_ids = {"iface-id": vif.port_id, "iface-status": "active", "attached-mac": vif.mac}
        if claim.owner and not is_ready(claim.owner):
            external_ids["vm-uuid"] = claim.owner
        tag = wiring_of(vif).born_in
        name = self.name(vif.port_id)
        self.ovsdb.add_port(self.bridge(vif), name, external_ids, tag=tag, interface=interface or {})

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """Wait for the sign of the process that wires the port. Raises PlugError that says how far it came."""
        wiring = wiring_of(vif)
        ready, row = self.ovsdb.await_port(self.name(vif.port_id), wiring.present, timeout)
        if not ready:
            raise self._not_wired(vif, row, wiring)
        return True

    def delete(self, port_id: str) -> None:
        """Remove the port from its bridge, if there is an Open vSwitch on this host."""
        if self.ovsdb.is_there:
            self.ovsdb.delete_port(self.name(port_id), port_id)

    def found(self) -> list[str]:
        """The ids of all ports."""
        rows = self.ovsdb.interfaces() if self.ovsdb.is_there else []
        ids = [row.external_ids.get("iface-id", "") for row in rows if row.name.startswith(self._prefix)]
        return [port_id for port_id in ids if port_id]

    def _not_wired(self, vif: Vif, row: PortRow | None, wiring: Wiring) -> PlugError:
        port = f"port {vif.port_id}"
        bridge = self.bridge(vif)
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


def wiring_of(vif: Vif) -> Wiring:
    """Who wires a port. Raises PlugError if its ways are not known."""
    # OVN is Neutron's reference driver.
    name = vif.bound_by or "ovn"
    if name not in _WIRINGS:
        raise PlugError(
            f"port {vif.port_id} is bound by Neutron's driver {name}, whose sign of readiness is not known",
            hint=f"known: {', '.join(_WIRINGS)}",
        )
    return _WIRINGS[name]
