"""Ports that are in somebody's way but are nobody's: their user, or this process's predecessor, died taking them.

The sweep finds them too, but only when they have looked unused for the whole grace period. Whoever wants the very port
need not wait so long, because then it is known for certain:

- This host answers for its own ports: one that the cloud calls this host's, that no claim on an interface and no
  request under way speaks for, has no user.
- A claim that was there when this process started, whose owner the engine does not know, was made by a predecessor who
  died before he answered: an engine knows an endpoint as soon as it has the answer, long before a new process works.
"""

from collections.abc import Callable

from kuryr.binding.registry import Binding
from kuryr.host.fitting import wants
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.model import Cloud, PortRequest


class Leftovers:
    """Those of one host. Thread-safe. `is_alive` says whether the engine knows an owner, or does not answer."""

    def __init__(self, cloud: Cloud, binding: Binding, holdings: Holdings, is_alive: Callable[[str], bool]) -> None:
        self._cloud = cloud
        self._binding = binding
        self._holdings = holdings
        self._is_alive = is_alive

    def take(self, request: PortRequest) -> list[Held]:
        """Those that keep a request from being met, with their interfaces gone: nobody else gets them from now on.

        One request to the cloud, which lists this host's ports. Raises CloudError, PlugError.
        """
        self._holdings.discover(self._cloud.held)
        taken = []
        for held in self._holdings.of_network(request.network_id):
            if wants(request, held.vif) and self.is_nobodys(held) and (mine := self._taken(held)):
                taken.append(mine)
                if request.choice:
                    break
        return taken

    def is_nobodys(self, held: Held) -> bool:
        """Whether a port has no user."""
        return held.use is Use.ORPHANED or (held.use is Use.CLAIMED and held.found and not self._is_alive(held.owner))

    def _taken(self, held: Held) -> Held | None:
        mine = self._holdings.change(held, Use.RESERVED, out=frozenset())
        if mine:
            try:
                self._binding.unplug(mine.vif.port_id, mine.vif)
            except BaseException:
                self._holdings.change(mine, Use.ORPHANED)
                raise
        return mine
