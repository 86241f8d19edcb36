"""Network cards that split into virtual functions (SR-IOV), as sysfs shows them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kuryr.errors import PlugError

_SLOT = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


@dataclass(frozen=True)
class Function:
    """A virtual function: its PCI address, the interface of the card that it is part of, and its number there."""

    slot: str
    card: str
    number: int


class Cards:
    """The cards under `sysfs`, which shows the interfaces of one network namespace."""

    def __init__(self, sysfs: Path) -> None:
        self._devices = sysfs / "bus/pci/devices"
        self._interfaces = sysfs / "class/net"

    def functions(self, card: str) -> Iterator[Function]:
        """The virtual functions of a card, by number. Raises PlugError if there is no such card."""
        device = self._interfaces / card / "device"
        if "/" in card or not device.is_dir():
            raise PlugError(f"there is no network card {card} on this host", hint="[binding] sriov_cards in kuryr.conf")
        numbers = sorted(int(each.name.removeprefix("virtfn")) for each in device.glob("virtfn*"))
        for number in numbers:
            yield Function((device / f"virtfn{number}").resolve().name, card, number)

    def function(self, slot: str) -> Function:
        """The virtual function at a PCI address. Raises PlugError if there is none."""
        if _SLOT.fullmatch(slot):
            for card in (self._devices / slot / "physfn" / "net").glob("*"):
                for function in self.functions(card.name):
                    if function.slot == slot:
                        return function
        raise PlugError(f"there is no virtual function of a network card at PCI address {slot} on this host")

    def interface(self, function: Function) -> str:
        """The function's own interface; "" if it is elsewhere: in a container, or no network driver has it."""
        return next((each.name for each in (self._devices / function.slot / "net").glob("*")), "")
