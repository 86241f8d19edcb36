"""Plugs containers of a virtual machine: each has an interface on top of the machine's own.

    nested.vlan      frames carry the VLAN that the machine's trunk has for the port
    nested.macvlan   frames have a MAC address of their own; Neutron takes them for the machine's
    nested.ipvlan    the same, but they have the machine's MAC address, too

There is no outer end that would stay here and bear the claim. So the interface itself bears it, also in the container,
where it is found by the number that the kernel has given to the container's namespace.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.links import Links
from kuryr.binding.netlink import Link, Netlink
from kuryr.binding.pairs import INNER, WAITING, inner_name
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif


class NestedDriver:
    """What the three kinds share. See `kuryr.binding.driver.BindingDriver`."""

    kind: ClassVar[str]
    """The kernel's word for such an interface."""

    def __init__(self, context: BindingContext) -> None:
        self._links = Links(context, f"nested.{self.kind}")
        self._parent = context.link

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the interface and write the claim on it."""
        name = inner_name(vif.port_id)
        with self._links.talking(name) as netlink:
            parent = netlink.get(self._parent)
            if parent is None:
                raise PlugError(f"this host has no interface {self._parent}", hint="set `link` in section [nested]")
            mac = {"address": vif.mac} if vif.mac else {}
            made = self._links.claim(
                netlink, name, claim, self.kind, link=parent.index, mtu=vif.mtu, **mac, **self.attributes(vif)
            )
            netlink.settle(made, mtu=vif.mtu, up=False)
            netlink.write(name, *WAITING)
        return Interface(name)

    def attributes(self, vif: Vif) -> Mapping[str, object]:
        """What else the kernel must know when it makes the interface."""
        raise NotImplementedError

    def plug(self, vif: Vif) -> None:
        """Nothing to do: it has been on top of the machine's interface from its birth on."""

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """Nothing on this machine shows what happens below it; the cloud may have said that it is done already."""
        return vif.details.get("wired") is True

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the interface."""
        self._links.announce(inner_name(vif.port_id), vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:  # noqa: ARG002
        """Remove the interface, wherever it is."""
        name = inner_name(port_id)
        self._links.delete(name, port_id)
        with self._links.talking(name) as netlink:
            for link in self._elsewhere(netlink):
                if self._links.claims.serve(link, port_id):
                    netlink.delete(link)

    def found(self) -> Sequence[Found]:
        """Every claimed interface, those in containers too, and every half one."""
        claims = self._links.found([INNER])
        with self._links.talking("links") as netlink:
            claims += filter(None, map(self._links.claims.on, self._elsewhere(netlink)))
        return [Found(claim.port_id, claim.owner) for claim in claims]

    def close(self) -> None:
        """Nothing to let go of."""

    def _elsewhere(self, netlink: Netlink) -> list[Link]:
        return [link for link in netlink.elsewhere() if self._links.claims.on(link)]


class VlanDriver(NestedDriver):
    """A subport of the machine's trunk."""

    kind = "vlan"

    def attributes(self, vif: Vif) -> Mapping[str, object]:
        """The trunk's number for the port."""
        vlan = vif.details.get("vlan")
        if not isinstance(vlan, int):
            raise PlugError(f"port {vif.port_id} is not on the trunk of this machine", hint="start the container again")
        return {"vlan_id": vlan}


class MacvlanDriver(NestedDriver):
    """An address pair of the machine's port, with a MAC address."""

    kind = "macvlan"

    def attributes(self, vif: Vif) -> Mapping[str, object]:  # noqa: ARG002
        """Containers of one machine reach one another."""
        return {"macvlan_mode": "bridge"}


class IpvlanDriver(NestedDriver):
    """An address pair of the machine's port, with its MAC address."""

    kind = "ipvlan"

    def attributes(self, vif: Vif) -> Mapping[str, object]:  # noqa: ARG002
        """Level 2: ARP and the cloud's routers work as usual."""
        return {"ipvlan_mode": 0}
