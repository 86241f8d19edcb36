"""Addresses that somebody keeps for the ports of whichever host will use them.

Each is an idle port, which a host borrows and gives back (`gateway.lending`). It bears the mark of its *keeper*, who is
the owner of an anchor, and never expires. The keeper releases such ports one by one, also from under a host that has
lost touch with it. Those that are left go when the keeper gives its network up; and those that are in use even then,
when their hosts do. Neither side may overlook what the other has just done: so the keeper first writes on its anchor
that it has freed everything, and then looks for idle ports; a host first gives its ports back, and then looks at the
keeper's anchor, before its own goes.
"""

import threading
from concurrent.futures import Future, wait

from kuryr.behind import Work
from kuryr.errors import CloudError, Conflict
from kuryr.gateway.identity import ANCHOR_OWNER, IDLE_OWNER, Anchor, Anchorage
from kuryr.gateway.ports.traits import port_spec
from kuryr.model import USUAL_PORT, IPAddress, Mark, Network, PortRequest, PortTraits, Wanted
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import PortResource

SETTLE = 10.0
"""Seconds that whoever wants an address again waits until it has been released."""
RETRY = 30.0
"""Seconds after which an address is released anew when Neutron has failed: no sweep could tell that it should be."""


class Keeping:
    """Makes and removes what keepers keep. Thread-safe."""

    def __init__(self, neutron: Neutron, mark: Mark, behind: Work) -> None:
        self._neutron = neutron
        self._mark = mark
        self._behind = behind
        self._lock = threading.Lock()
        self._leaving: dict[tuple[str, IPAddress], Future[None]] = {}

    def keep(self, network: Network, wanted: Wanted, keeper: str, traits: PortTraits = USUAL_PORT) -> IPAddress:
        """Keep an address: one request for any, at most two for a certain one, of which twice is once.

        Raises Conflict when somebody else has it, Exhausted when none is left, NotFound when a group or policy is gone.
        """
        subnet_id, address = wanted
        if address is not None:
            with self._lock:
                leaving = self._leaving.get((network.id, address))
            wait([leaving] if leaving else [], SETTLE)
            if self._at(network.id, address, keeper):
                return address
        request = PortRequest(network.id, (wanted,), name=f"kuryr-{keeper[:12]}", traits=traits)
        spec = port_spec(request, network, self._mark)
        spec |= {"description": self._mark_of(keeper), "device_owner": IDLE_OWNER, "device_id": ""}
        port = self._neutron.ports.create(**spec)
        return next(fixed_ip.address for fixed_ip in port.fixed_ips if fixed_ip.subnet_id == subnet_id)

    def release(self, network_id: str, address: IPAddress, keeper: str) -> None:
        """Keep an address no longer, even if a host still uses it; behind. What is not kept is no error."""
        place = (network_id, address)

        def release() -> None:
            try:
                for port in self._at(network_id, address, keeper):
                    self._neutron.ports.delete(port.id)
            except CloudError:
                self._behind.later(RETRY, lambda: self.release(network_id, address, keeper))
                raise
            finally:
                with self._lock:
                    self._leaving.pop(place, None)

        with self._lock:
            if place not in self._leaving and (future := self._behind.soon(release)):
                self._leaving[place] = future

    def forsake(self, anchor: Anchor, *, everywhere: bool) -> None:
        """The owner of `anchor` gives its network up: remove the idle ports that nobody can want any more.

        Several hosts may have an anchor of the same keeper: the last one counts, unless the keeper is gone
        `everywhere`; then the others go, too. Raises Conflict when a user has not given everything back yet.
        """
        anchorage = anchor.anchorage
        if anchorage.keeps:
            if not everywhere and self._keepers(anchor):
                return
            self._neutron.ports.update(anchor.port_id, device_id=str(anchorage.freed()))
        kept = self._neutron.ports.list(network_id=anchor.network_id, description=self._mark_of(anchorage.keeper))
        if not anchorage.keeps and any(port.host == self._mark.host for port in kept):
            raise Conflict(f"network {anchor.network_id} still has ports that are lent to this host")
        keepers = self._keepers(anchor)
        if not anchorage.keeps and not all(Anchorage.parse(port.device_id).is_freed for port in keepers):
            return
        idle = [port for port in kept if port.device_owner == IDLE_OWNER]
        for port in (*idle, *keepers) if anchorage.keeps else idle:
            self._neutron.ports.delete(port.id)

    def _keepers(self, anchor: Anchor) -> list[PortResource]:
        """The other anchors of the one who keeps the addresses of `anchor`."""
        listed = self._neutron.ports.list(network_id=anchor.network_id, device_owner=ANCHOR_OWNER)
        keeper = anchor.anchorage.keeper
        return [
            port for port in listed if port.id != anchor.port_id and Anchorage.parse(port.device_id).owner == keeper
        ]

    def _at(self, network_id: str, address: IPAddress, keeper: str) -> list[PortResource]:
        return self._neutron.ports.list(
            network_id=network_id, description=self._mark_of(keeper), fixed_ips=f"ip_address={address}"
        )

    def _mark_of(self, keeper: str) -> str:
        return str(Mark(self._mark.deployment, keeper))
