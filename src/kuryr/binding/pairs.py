"""Pairs of virtual Ethernet links.

The outer end (`tap…`) stays on the host and is connected to Neutron; the inner end (`t_c…`) waits beside it, down and
without addresses, until an engine moves it into a container. The names are Neutron's and the first Kuryr's. The outer
end bears the claim.

The outer end is shut off from the host's own network stack. With a userspace datapath the kernel sees each frame a
second time: it would answer ARP for the host's addresses, route packets past Neutron's security groups, and believe
router advertisements of a container.

Most kinds of port are such a pair and differ in what the outer end is connected to: `PairDriver` is what they share.
"""

from collections.abc import Sequence

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.links import Links, link_name
from kuryr.binding.netlink import Setting
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

OUTER, INNER = "tap", "t_c"

SHUT_OFF: tuple[Setting, ...] = (
    ("ipv6", "disable_ipv6", "1"),
    ("ipv4", "arp_ignore", "8"),
    ("ipv4", "rp_filter", "1"),
)
"""Settings of a link whose frames are not for the host."""
WAITING: tuple[Setting, ...] = (
    ("ipv6", "disable_ipv6", "1"),
    ("ipv4", "arp_ignore", "8"),
)
"""Of an inner end that waits for its container. The kernel forgets these when the link moves into another network
namespace: a container can use IPv6."""


def outer_name(port_id: str) -> str:
    """The host's end of a port's pair."""
    return link_name(OUTER, port_id)


def inner_name(port_id: str) -> str:
    """The container's end of a port's pair."""
    return link_name(INNER, port_id)


class Pairs:
    """The pairs among the links of one driver. Thread-safe."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def stage(self, vif: Vif, claim: Claim) -> str:
        """Make or complete the pair of `vif`, claimed by `claim`. Returns the name of the inner end.

        Raises Conflict if somebody else's link or claim is in the way, InvalidInput if the owner's name is too long.
        """
        outer_end, inner_end = outer_name(vif.port_id), inner_name(vif.port_id)
        peer = {"ifname": inner_end, "address": vif.mac, "mtu": vif.mtu, "group": self._links.claims.group}
        with self._links.talking(outer_end) as netlink:
            outer = self._links.claim(netlink, outer_end, claim, "veth", mtu=vif.mtu, peer=peer)
            netlink.write(outer_end, *SHUT_OFF)
            inner = netlink.at(outer.peer)
            if inner is not None:
                netlink.settle(inner, name=inner_end, mac=vif.mac.lower(), mtu=vif.mtu, up=False)
                netlink.write(inner_end, *WAITING)
        return inner_end

    def inherit(self, claim: Claim) -> None:
        """Write a claim on a pair of the port that somebody else made and nobody has claimed; if there is one."""
        outer_end = outer_name(claim.port_id)
        with self._links.talking(outer_end) as netlink:
            outer = netlink.get(outer_end)
            if outer and outer.kind == "veth" and not outer.alias:
                netlink.set(outer, group=self._links.claims.group, ifalias=self._links.claims.alias(claim))

    def connect(self, vif: Vif, *, userspace: bool = False) -> Claim:
        """Give both ends the port's MAC and MTU and take the outer end up. Returns the claim that is written on it.

        `userspace`: the frames go to a userspace datapath, which never fills in the checksums that the kernel leaves
        to the hardware. Without this TCP would not connect, although ping works. The setting moves with the link.
        Raises PlugError if the pair is not staged.
        """
        outer_end = outer_name(vif.port_id)
        with self._links.talking(outer_end) as netlink:
            outer = netlink.get(outer_end)
            claim = self._links.claims.on(outer) if outer else None
            if outer is None or claim is None or claim.port_id != vif.port_id:
                raise PlugError(f"port {vif.port_id} has no interface {outer_end} that could be connected")
            inner = netlink.at(outer.peer)
            if inner is not None:
                netlink.settle(inner, mac=vif.mac.lower(), mtu=vif.mtu)
                if userspace:
                    netlink.compute_checksums(inner.name)
            netlink.settle(outer, mtu=vif.mtu, up=True)
            return claim

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the inner end. One that is in a container already is left alone."""
        self._links.announce(inner_name(vif.port_id), vif)

    def delete(self, port_id: str) -> None:
        """Remove the pair of a port, wherever its inner end is. Somebody else's link of that name stays."""
        self._links.delete(outer_name(port_id), port_id)


class PairDriver:
    """A `BindingDriver` but for `plug` and `await_ready`, which say what the outer end is connected to.

    `name` is the driver's own: what another driver has made is none of its business.
    """

    prefixes: Sequence[str] = (OUTER,)
    """What the names of links begin with that may be all there is of a port."""

    def __init__(self, context: BindingContext, name: str) -> None:
        self.context = context
        self.links = Links(context, name)
        self.pairs = Pairs(self.links)

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the pair and write the claim on it."""
        return Interface(self.pairs.stage(vif, claim))

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the pair."""
        self.pairs.announce(vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:  # noqa: ARG002
        """Remove the pair, and thereby its connection."""
        self.pairs.delete(port_id)

    def found(self) -> Sequence[Found]:
        """Every claimed pair and half pair."""
        return [Found(claim.port_id, claim.owner) for claim in self.links.found(self.prefixes)]

    def close(self) -> None:
        """Nothing to let go of."""
