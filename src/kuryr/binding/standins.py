"""Stand-ins: links of no other use than to bear the claim of a port that has no link of its own on the host.

The one link of such a port moves into the container as a whole, or there is none at all. So its claim is on a bridge
without ports, which is down and stays on the host; like any claimed link it is found after a crash. What else must not
be forgotten of the port, and must not be anybody else's at the same time, is an alternative name of the stand-in: the
kernel has each name once.
"""

from collections.abc import Sequence

from pyroute2.netlink.exceptions import NetlinkError

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.links import Links, link_name
from kuryr.binding.netlink import EXISTS
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

PREFIX = "own"


class StandInDriver:
    """What `BindingDriver`s have in common whose ports have a stand-in; `name` is the driver's own."""

    prefixes: Sequence[str] = (PREFIX,)
    """What the names of links begin with that may be all there is of a port."""

    def __init__(self, context: BindingContext, name: str) -> None:
        self.context = context
        self.links = Links(context, name)

    def claim(self, claim: Claim) -> None:
        """Make the stand-in. Raises Conflict if another owner has claimed the port."""
        name = link_name(PREFIX, claim.port_id)
        with self.links.talking(name) as netlink:
            self.links.claim(netlink, name, claim, "bridge")

    def claimed(self, vif: Vif) -> Claim:
        """The claim on the stand-in. Raises PlugError if the port is not staged."""
        name = link_name(PREFIX, vif.port_id)
        with self.links.talking(name) as netlink:
            link = netlink.get(name)
        claim = self.links.claims.on(link) if link else None
        if claim is None or claim.port_id != vif.port_id:
            raise PlugError(f"port {vif.port_id} has no interface on this host that could be connected")
        return claim

    def take(self, port_id: str, resource: str) -> bool:
        """Note on the stand-in that the port has this resource; False if another port has it."""
        name = link_name(PREFIX, port_id)
        with self.links.talking(name) as netlink:
            try:
                netlink.name_also(netlink.the(name), resource)
            except NetlinkError as failure:
                if failure.code != EXISTS:
                    raise
                return resource in netlink.the(name).altnames
        return True

    def taken(self, port_id: str) -> Sequence[str]:
        """What the port has."""
        name = link_name(PREFIX, port_id)
        with self.links.talking(name) as netlink:
            link = netlink.get(name)
        return link.altnames if link and self.links.claims.serve(link, port_id) else ()

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:  # noqa: ARG002
        """Remove the stand-in, and with it what it notes: the last step of all."""
        self.links.delete(link_name(PREFIX, port_id), port_id)

    def found(self) -> Sequence[Found]:
        """Every claimed port."""
        return [Found(claim.port_id, claim.owner) for claim in self.links.found(self.prefixes)]

    def close(self) -> None:
        """Nothing to let go of."""
