"""How links on this host show whose they are: claims, written on the links themselves.

A claim is a link's alias, so the kernel keeps it exactly as long as the interface. A link cannot be born with an alias
(`rtnl_create_link` in the kernel ignores IFLA_IFALIAS), but it can be born in a link group. So every link is born in a
group number made from the deployment's name and the driver's, and gets its claim with the next message. What dies in
between is a *half*: our group, no alias. Nobody can have been promised a half, so it is always safe to complete or to
remove. As each driver has its own group, none of them touches what another one made.
"""

import zlib

from kuryr.binding.netlink import Link
from kuryr.errors import Conflict, InvalidInput
from kuryr.model import Claim, is_ready

MAX_ALIAS = 254
"""Bytes of an alias: IFALIASZ of the kernel is 256, but its check counts the final zero byte that pyroute2 sends."""

ID_LENGTH = 11
"""Characters of a port's id in a link's name: 15 (IFNAMSIZ without its zero byte) less those of "tap" and one more."""


class Claims:
    """The marks of one driver of one deployment."""

    def __init__(self, deployment: str, driver: str) -> None:
        self._prefix = f"kuryr:{deployment} "
        # Never 0, the group of every other link; within 31 bits, so that no tool shows it negative.
        self.group = zlib.crc32(f"{self._prefix}{driver}".encode()) >> 1 | 1

    def alias(self, claim: Claim) -> str:
        """What a claim looks like on a link. Raises InvalidInput if the kernel cannot keep it."""
        alias = f"{self._prefix}{claim.port_id} {claim.owner}"
        if len(alias.encode()) > MAX_ALIAS:
            raise InvalidInput(f"the owner of port {claim.port_id} has too long a name: {claim.owner}")
        return alias

    def on(self, link: Link) -> Claim | None:
        """The claim that a link bears."""
        if link.group != self.group or not link.alias.startswith(self._prefix):
            return None
        port_id, _, owner = link.alias.removeprefix(self._prefix).partition(" ")
        return Claim(port_id, owner)

    def is_half(self, link: Link) -> bool:
        """Whether a link was made by this driver but never claimed."""
        return link.group == self.group and not link.alias

    def serve(self, link: Link, port_id: str) -> bool:
        """Whether a link is this port's, as far as anybody was told; a half is anybody's."""
        claim = self.on(link)
        return claim.port_id == port_id if claim else self.is_half(link)

    def check(self, link: Link, wanted: Claim) -> None:
        """Raises Conflict unless the link may bear the claim."""
        claim = self.on(link)
        if claim is None and not self.is_half(link):
            if link.alias.startswith(self._prefix):
                raise Conflict(
                    f"interface {link.name} was plugged for another kind of port", hint="stop the container that has it"
                )
            raise Conflict(f"interface {link.name} exists already and is not Kuryr's", hint="remove or rename it")
        if claim is not None and claim.port_id != wanted.port_id:
            raise Conflict(f"interface {link.name} belongs to port {claim.port_id}")
        if claim is not None and not is_ready(claim.owner) and claim.owner not in ("", wanted.owner):
            raise Conflict(f"port {claim.port_id} is in use by {claim.owner} on this host")
