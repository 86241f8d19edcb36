"""A copy, in memory, of which ports this host holds and who uses them.

The originals are Neutron's ports with this host's mark and the claims on the host's own links. The copy is made from
both once after a start; from then on every change goes through it. Nothing is lost with it.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from kuryr.model import IPAddress, PortRequest, Vif


class Use(Enum):
    """What stands between a port and its next user."""

    RESERVED = "handed out by this process; its user is about to come"
    CLAIMED = "an interface on this host bears its user's claim"
    FREED = "its interface is gone; the engine is about to give the address back"
    ORPHANED = "found after a start without any claim, or could not be deleted: whoever wants its address may have it"


@dataclass(frozen=True)
class Held:
    """A port of this host. `owner` is "" unless it is claimed."""

    vif: Vif
    use: Use
    owner: str = ""
    out: frozenset[IPAddress] = frozenset()
    """The addresses that the engine was told, and will give back one by one."""


class Holdings:
    """Ports by id, by address and by owner. Thread-safe; holds no lock longer than a look-up takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ports: dict[str, Held] = {}
        self._by_address: dict[tuple[str, IPAddress], str] = {}
        self._by_owner: dict[str, str] = {}

    def load(self, vifs: Iterable[Vif], claims: Mapping[str, str]) -> None:
        """Take over what was found after a start; `claims` gives owners by port id."""
        for vif in vifs:
            owner = claims.get(vif.port_id, "")
            addresses = frozenset(fixed_ip.address for fixed_ip in vif.fixed_ips)
            self.put(Held(vif, Use.CLAIMED if owner else Use.ORPHANED, owner, addresses))

    def put(self, held: Held) -> Held:
        """Record a port."""
        with self._lock:
            self._record(held)
        return held

    def change(self, seen: Held, use: Use, owner: str = "", out: frozenset[IPAddress] | None = None) -> Held | None:
        """Record a change of use; None, and no change, when something else became of the port since it was `seen`.

        Thus of several that want a port one gets it: users, and the sweep.
        """
        changed = replace(seen, use=use, owner=owner, out=seen.out if out is None else out)
        with self._lock:
            if self._ports.get(seen.vif.port_id) is not seen:
                return None
            self._record(changed)
        return changed

    def drop(self, port_id: str) -> None:
        """Forget a port."""
        with self._lock:
            self._forget(port_id)

    def at(self, subnet_id: str, address: IPAddress) -> Held | None:
        """The port with this address."""
        with self._lock:
            return self._ports.get(self._by_address.get((subnet_id, address), ""))

    def of(self, owner: str) -> Held | None:
        """The port that `owner` has claimed."""
        with self._lock:
            return self._ports.get(self._by_owner.get(owner, ""))

    def chosen(self, request: PortRequest) -> list[Held]:
        """The ports that a request could choose."""
        with self._lock:
            held = list(self._ports.values())
        return [each for each in held if each.vif.network_id == request.network_id and request.choice.fits(each.vif)]

    def get(self, port_id: str) -> Held | None:
        """The port with this id."""
        with self._lock:
            return self._ports.get(port_id)

    def _record(self, held: Held) -> None:
        port_id = held.vif.port_id
        self._forget(port_id)
        self._ports[port_id] = held
        for fixed_ip in held.vif.fixed_ips:
            self._by_address[fixed_ip.subnet_id, fixed_ip.address] = port_id
        if held.owner:
            self._by_owner[held.owner] = port_id

    def _forget(self, port_id: str) -> None:
        held = self._ports.pop(port_id, None)
        if held is None:
            return
        for fixed_ip in held.vif.fixed_ips:
            if self._by_address.get((fixed_ip.subnet_id, fixed_ip.address)) == port_id:
                del self._by_address[fixed_ip.subnet_id, fixed_ip.address]
        if self._by_owner.get(held.owner) == port_id:
            del self._by_owner[held.owner]
