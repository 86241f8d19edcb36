"""Pairs of links whose connection is somebody else's work: a script's, or a plugin's of os-vif.

What they make is beyond what Kuryr can see. So they are told of a port's end also when its pair is gone, as long as the
port is known; and if they fail then, nobody can tell whether there was still anything to do.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.links import Links
from kuryr.binding.pairs import OUTER, Pairs, outer_name
from kuryr.errors import KuryrError, PlugError
from kuryr.model import Claim, Vif

LOG = logging.getLogger(__name__)


class HandedDriver(ABC):
    """A `BindingDriver` for several types of port; `name` is the driver's own, `what` tells what serves one type."""

    name: str
    what: str

    def __init__(self, context: BindingContext) -> None:
        self.context = context

    @abstractmethod
    def types(self) -> Collection[str]:
        """Every type of port that somebody serves."""

    @abstractmethod
    def bind(self, vif: Vif, claim: Claim) -> None:
        """Have the outer end connected, which is up. May be called again. Raises PlugError."""

    @abstractmethod
    def unbind(self, vif: Vif, claim: Claim) -> None:
        """Have the connection removed. Raises PlugError.

        Of a port that is not known any more `vif` says only what its pair tells: id, type and MAC address.
        """

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the veth pair and write the claim on it. Raises PlugError if nobody serves the port's type."""
        if vif.vif_type not in self.types():
            raise PlugError(f"there is no {self.what} for ports of type {vif.vif_type}")
        return Interface(Pairs(self._links(vif.vif_type)).stage(vif, claim))

    def plug(self, vif: Vif) -> None:
        """Take the outer end up and have it connected."""
        self.bind(vif, Pairs(self._links(vif.vif_type)).connect(vif))

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """They have no way to say so."""
        return False

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the pair."""
        Pairs(self._links(vif.vif_type)).announce(vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Have the connection removed, then remove the pair. Raises PlugError, and the pair stays, if that fails."""
        for vif_type in self.types():
            links = self._links(vif_type)
            with links.talking(outer_name(port_id)) as netlink:
                outer = netlink.get(outer_name(port_id))
                claim = links.claims.on(outer) if outer else None
                inner = netlink.at(outer.peer) if outer else None
            known = vif if vif and vif.vif_type == vif_type else None
            if claim and claim.port_id == port_id:
                self.unbind(known or Vif(port_id, "", inner.mac if inner else "", 0, (), vif_type), claim)
            elif known and not outer:
                try:
                    self.unbind(known, Claim(port_id, known.owner))
                except KuryrError as failure:
                    LOG.info("%s", failure)
            Pairs(links).delete(port_id)

    def found(self) -> Sequence[Found]:
        """Every claimed pair and half pair, whoever served it."""
        return list(self._found())

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Nothing to let go of."""

    def _found(self) -> Iterator[Found]:
        for vif_type in self.types():
            for claim in self._links(vif_type).found((OUTER,)):
                yield Found(claim.port_id, claim.owner)

    def _links(self, vif_type: str) -> Links:
        """The pairs of each type are in a group of their own: who has connected one must be told of its end."""
        return Links(self.context, f"{self.name} {vif_type}")
