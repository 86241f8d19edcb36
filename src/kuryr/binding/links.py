"""The claimed links of one driver: made, found and removed by name.

Only the short step from looking at a claim to writing it is serialised.
"""

import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from kuryr.binding import announcement
from kuryr.binding.claims import ID_LENGTH, Claims
from kuryr.binding.driver import BindingContext
from kuryr.binding.netlink import Link, Netlink, talking
from kuryr.model import Claim, Vif


def link_name(prefix: str, id: str) -> str:  # noqa: A002
    """The name of a link that belongs to a port or a network, as Neutron cuts it."""
    return f"{prefix}{id[:ID_LENGTH]}"


class Links:
    """The links of one driver, in the network namespace of the calling thread. Thread-safe.

    Every method raises PlugError when the kernel refuses.
    """

    def __init__(self, context: BindingContext, driver: str) -> None:
        self.claims = Claims(context.deployment, driver)
        self._sysctl = context.sysctl
        self._announcer = context.announcer
        self._claiming = threading.Lock()

    @contextmanager
    def talking(self, about: str) -> Iterator[Netlink]:
        """A conversation with the kernel about interface `about`."""
        with talking(about, self._sysctl) as netlink:
            yield netlink

    def claim(self, netlink: Netlink, name: str, claim: Claim, kind: str, **attributes: object) -> Link:
        """The link of this name with this claim on it; it is made, of this kind, if there is none.

        Raises Conflict if somebody else's link or claim is in the way, InvalidInput if the owner's name is too long.
        """
        alias = self.claims.alias(claim)
        with self._claiming:
            link = netlink.get(name)
            if link is None:
                link = netlink.add(name, kind, group=self.claims.group, **attributes)
            else:
                self.claims.check(link, claim)
            netlink.settle(link, alias=alias)
        return link

    def delete(self, name: str, port_id: str) -> None:
        """Remove the link of this name if it is the port's, with its other end; somebody else's stays."""
        with self.talking(name) as netlink:
            with self._claiming:
                link = netlink.get(name)
                if link is None or not self.claims.serve(link, port_id):
                    return
                if self.claims.is_half(link):
                    netlink.delete(link)
                    return
            # Outside the lock: the kernel takes some 20 ms, and a link with this port's claim is claimed by no other.
            netlink.delete(link)

    def announce(self, name: str, vif: Vif) -> None:
        """Send a port's addresses out of the link of this name, which is up for that moment and down again afterwards.

        A link that is in a container already is left alone. Raises PlugError.
        """
        with self.talking(name) as netlink:
            link = netlink.get(name)
            if link is None:
                return
            netlink.set(link, state="up")
            try:
                netlink.await_carrier(link)
                addresses = (fixed_ip.address for fixed_ip in vif.fixed_ips)
                self._announcer.send(name, announcement.frames(link.mac, addresses))
            finally:
                netlink.set(link, state="down")

    def exists(self, name: str) -> bool:
        """Whether there is a link `name`, whoever made it."""
        try:
            return socket.if_nametoindex(name) > 0
        except OSError:
            return False

    def found(self, prefixes: Collection[str]) -> list[Claim]:
        """Every claim; a half whose name begins so is a claim without owner on the beginning of a port's id."""
        with self.talking("links") as netlink, self._claiming:
            links = netlink.all()
        claims: dict[str, Claim] = {}
        for link in links:
            if claim := self.claims.on(link):
                claims[claim.port_id] = claim
        for link in links:
            for prefix in prefixes:
                beginning = link.name.removeprefix(prefix)
                known = any(port_id.startswith(beginning) for port_id in claims)
                if self.claims.is_half(link) and link.name.startswith(prefix) and not known:
                    claims[beginning] = Claim(beginning, "")
        return list(claims.values())
