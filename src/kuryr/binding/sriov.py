"""Plugs ports of vif_type "hw_veb" and vnic_type "direct": the container gets a virtual function of a network card.

The card switches and filters by MAC address and VLAN, which only its physical function may set: a container cannot
change them. Which function a port takes, its `binding:profile` says (`pci_slot`); or it is any that nobody uses, of the
cards that the operator gave to Kuryr. The port's stand-in has the function's address as a further name, which the
kernel gives to one link at a time: so two ports never take the same, and none is lost with the process.

neutron-sriov-nic-agent tells Neutron only what it has done.
"""

from collections.abc import Iterator

from kuryr.binding.cards import Cards, Function
from kuryr.binding.driver import BindingContext, Interface
from kuryr.binding.standins import StandInDriver
from kuryr.errors import Conflict, Exhausted, KuryrError, PlugError
from kuryr.model import Claim, Vif

_TAKEN = "vf-"
_NO_MAC = "00:00:00:00:00:00"
"""Lets a function have any address: what it has when the card starts."""


class SriovDriver(StandInDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        super().__init__(context, "sriov")
        self._cards = Cards(context.sysfs)

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Take a function. Raises Conflict if another port has the wanted one, Exhausted if none is free."""
        self.claim(claim)
        return Interface(self._interface(vif, self._taken(vif.port_id) or self._take(vif)))

    def plug(self, vif: Vif) -> None:
        """Give the function the port's MAC address, VLAN and MTU."""
        self.claimed(vif)
        function = self._function(vif)
        interface = self._interface(vif, function)
        with self.links.talking(function.card) as netlink:
            netlink.set_function(function.card, function.number, vif.mac.lower(), _vlan(vif))
        with self.links.talking(interface) as netlink:
            netlink.settle(netlink.the(interface), mac=vif.mac.lower(), mtu=vif.mtu)
            netlink.write(interface, ("ipv6", "disable_ipv6", "1"), ("ipv4", "arp_ignore", "8"))

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """Look whether the card has taken over what it was told."""
        function = self._function(vif)
        with self.links.talking(function.card) as netlink:
            found = netlink.function(function.card, function.number)
        wanted = (vif.mac.lower(), _vlan(vif))
        if found != wanted:
            raise PlugError(
                f"{function.card} has MAC address and VLAN {found} for its virtual function {function.number},"
                f" not {wanted} of port {vif.port_id}"
            )
        return False

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the function's interface, unless a container has it."""
        if interface := self._cards.interface(self._function(vif)):
            self.links.announce(interface, vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Make the function forget the port, wherever its interface is; then another port may take it."""
        if function := self._taken(port_id):
            with self.links.talking(function.card) as netlink:
                netlink.set_function(function.card, function.number, _NO_MAC, 0)
        super().unplug(port_id, vif)

    def _take(self, vif: Vif) -> Function:
        slot = str(vif.profile.get("pci_slot") or "")
        if slot:
            function = self._cards.function(slot)
            if self.take(vif.port_id, _TAKEN + slot):
                return function
            raise Conflict(f"another port on this host has the virtual function {slot} of port {vif.port_id}")
        for function in self._free(str(vif.profile.get("physical_network") or "")):
            if self.take(vif.port_id, _TAKEN + function.slot):
                return function
        raise Exhausted(
            f"no virtual function of a network card is free for port {vif.port_id}",
            hint="[binding] sriov_cards in kuryr.conf names the cards; binding:profile of a port may name a pci_slot",
        )

    def _free(self, physical_network: str) -> Iterator[Function]:
        """The functions of Kuryr's cards, on a certain network if one is named, that nobody seems to use."""
        for entry in self.context.sriov_cards:
            network, _, card = entry.rpartition(":")
            if physical_network and network not in ("", physical_network):
                continue
            for function in self._cards.functions(card):
                interface = self._cards.interface(function)
                if not interface:
                    continue
                with self.links.talking(interface) as netlink:
                    link = netlink.get(interface)
                if link and not link.up:
                    yield function

    def _taken(self, port_id: str) -> Function | None:
        """The function that a port has; None if it has none, or its card is gone."""
        slots = [name.removeprefix(_TAKEN) for name in self.taken(port_id) if name.startswith(_TAKEN)]
        try:
            return self._cards.function(slots[0]) if slots else None
        except KuryrError:
            return None

    def _function(self, vif: Vif) -> Function:
        function = self._taken(vif.port_id)
        if function is None:
            raise PlugError(f"port {vif.port_id} has no virtual function of a network card on this host")
        return function

    def _interface(self, vif: Vif, function: Function) -> str:
        interface = self._cards.interface(function)
        if not interface:
            raise PlugError(
                f"the virtual function {function.slot} of port {vif.port_id} has no interface on this host",
                hint="is another container or machine using it, or its network driver not loaded?",
            )
        return interface


def _vlan(vif: Vif) -> int:
    """Neutron writes the number as a text; 0 is for none."""
    text = str(vif.details.get("vlan") or 0)
    if not text.isdecimal():
        raise PlugError(f"Neutron gave {text!r:.40} as the VLAN of port {vif.port_id}")
    return int(text)
