"""A network card with virtual functions that is none: the machine that runs the tests has no such hardware.

The interfaces are real links, and claims, MTU and names are the kernel's. What only a card can do, keep MAC address and
VLAN of each function, is done by an object; what only its driver can show is a tree of files like sysfs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from kuryr.binding.netlink import Netlink
from kuryr.errors import PlugError

CARD = "pf0"
FREE = ("00:00:00:00:00:00", 0)


class Card:
    """`functions` is what the card knows of each: MAC address and VLAN. It can refuse."""

    def __init__(self, sysfs: Path, functions: int) -> None:
        self.sysfs = sysfs
        self.functions = dict.fromkeys(range(functions), FREE)
        self.refuses = False
        pf = self._device("0000:03:00.0")
        (pf / "net" / CARD).mkdir(parents=True)
        (sysfs / "class/net" / CARD).mkdir(parents=True)
        (sysfs / "class/net" / CARD / "device").symlink_to(pf)
        with IPRoute() as ip:
            ip.link("add", ifname=CARD, kind="veth", peer="wire")
            for number in self.functions:
                ip.link("add", ifname=f"vf{number}", kind="veth", peer=f"hw{number}")
                vf = self._device(self.slot(number))
                (vf / "physfn").symlink_to(pf)
                (pf / f"virtfn{number}").symlink_to(vf)
                self.appear(number)

    @staticmethod
    def slot(number: int) -> str:
        return f"0000:03:10.{number}"

    def appear(self, number: int) -> None:
        """The function's interface is in the host's namespace."""
        (self.sysfs / "devices" / self.slot(number) / "net" / f"vf{number}").mkdir(parents=True)

    def disappear(self, number: int) -> None:
        """It is in a container."""
        (self.sysfs / "devices" / self.slot(number) / "net" / f"vf{number}").rmdir()

    @contextmanager
    def answering(self, monkeypatch: pytest.MonkeyPatch) -> Iterator["Card"]:
        """Answer what Kuryr asks of cards."""
        card = self

        def get(_: Netlink, name: str, number: int) -> tuple[str, int]:
            assert name == CARD
            return card.functions[number]

        def put(netlink: Netlink, name: str, number: int, mac: str, vlan: int) -> None:
            assert name == CARD
            netlink.change(card._keep, number, mac, vlan)

        with monkeypatch.context() as patch:
            patch.setattr(Netlink, "function", get)
            patch.setattr(Netlink, "set_function", put)
            yield self

    def _keep(self, number: int, mac: str, vlan: int) -> None:
        if self.refuses:
            raise PlugError("the kernel refused a change of pf0: Operation not supported")
        self.functions[number] = (mac, vlan)

    def _device(self, slot: str) -> Path:
        device = self.sysfs / "devices" / slot
        device.mkdir(parents=True)
        entry = self.sysfs / "bus/pci/devices" / slot
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.symlink_to(device)
        return device
