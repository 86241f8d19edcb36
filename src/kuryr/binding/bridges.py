"""Bridges of the kernel, in which agents of Neutron find and filter ports.

A bridge learns and forwards only: it takes no part in the spanning tree, lets a new port pass at once, and has nothing
to do with the host's own network stack. So do Neutron's own.
"""

import threading

from kuryr.binding.links import Links
from kuryr.binding.netlink import Link, Netlink
from kuryr.binding.pairs import SHUT_OFF
from kuryr.errors import Conflict

ATTRIBUTES = {"br_forward_delay": 0, "br_stp_state": 0}
"""What a bridge is born with."""


class SharedBridges:
    """Bridges that a driver shares with an agent: made when missing, removed when empty if they are the driver's.

    A bridge bears no claim, since it is no port's; its link group says who made it. Thread-safe.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._order = threading.Lock()

    def connect(self, bridge: str, port: str) -> None:
        """Make the link `port` a port of a bridge, which is made if it is missing. Raises Conflict if it is none."""
        with self._order, self._links.talking(bridge) as netlink:
            found = netlink.get(bridge)
            if found is None:
                found = netlink.add(bridge, "bridge", group=self._links.claims.group, **ATTRIBUTES)
            if found.kind != "bridge":
                raise Conflict(f"interface {bridge} exists already and is no bridge", hint="remove or rename it")
            if self._is_ours(found):
                netlink.write(bridge, *SHUT_OFF)
                netlink.settle(found, up=True)
            netlink.enslave(port, bridge)

    def empty(self) -> list[str]:
        """The driver's own bridges without a port."""
        with self._order, self._links.talking("bridges") as netlink:
            return [link.name for link in self._empty(netlink)]

    def remove_empty(self) -> None:
        """Remove the driver's own bridges without a port. An agent that adds one now does so again."""
        with self._order, self._links.talking("bridges") as netlink:
            for bridge in self._empty(netlink):
                netlink.delete(bridge)

    def _empty(self, netlink: Netlink) -> list[Link]:
        links = netlink.all()
        used = {link.master for link in links}
        return [link for link in links if self._is_ours(link) and link.index not in used]

    def _is_ours(self, link: Link) -> bool:
        return link.kind == "bridge" and self._links.claims.is_half(link)
