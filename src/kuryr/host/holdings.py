"""A copy, in memory, of which ports this host holds and who uses them.

The originals are Neutron's ports with this host's mark and the claims on the host's own links. The copy is made from
both once after a start; from then on every change goes through it. Nothing is lost with it.
"""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from kuryr.binding.driver import Interface
from kuryr.host.fitting import fits
from kuryr.model import IPAddress, Opening, PortRequest, Vif, is_ready


class Use(Enum):
    """What stands between a port and its next user."""

    READY = "made ahead and plugged; waits for any user of its kind"
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
    kind: str = ""
    """What kind of user it was made for, "" for one of a user's own, or found with a user: then it goes with him."""
    named: bool = False
    """Whether its user has been written on it in the cloud."""
    opened: frozenset[Opening] | None = None
    """What this process has written that he opens; None if nothing."""
    plugged: Interface | None = None
    """Its interface, if that waited for him ready made, so that Join need not look at it again."""
    wired: float = -math.inf
    """When it was last seen to be wired, while it waited; by the clock of whoever made it ready."""
    found: bool = False
    """Whether it was so when this process started, and nothing has become of it since."""


class Holdings:
    """Ports by id, by address and by owner. Thread-safe; holds no lock longer than a look-up takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ports: dict[str, Held] = {}
        self._by_address: dict[tuple[str, IPAddress], str] = {}
        self._by_owner: dict[str, str] = {}
        self._expected: list[PortRequest] = []
        self._witnesses: list[set[str]] = []
        """For each list that is being read, what was forgotten meanwhile."""

    def load(self, vifs: Iterable[Vif], claims: Mapping[str, str]) -> None:
        """Take over what was found after a start; `claims` gives owners by port id."""
        for vif in vifs:
            self.put(_found(vif, claims.get(vif.port_id, "")))

    def discover(self, listed: Callable[[], Iterable[Vif]]) -> None:
        """Record as orphans those of the `listed` ports of which nothing is known here, nor is about to be.

        This process's predecessor asked for them when it died, too late for the list that was read at the start.
        """
        forgotten: set[str] = set()
        with self._lock:
            self._witnesses.append(forgotten)
        try:
            for vif in listed():
                with self._lock:
                    expected = any(vif.network_id == each.network_id and fits(vif, each) for each in self._expected)
                    if not expected and vif.port_id not in {*self._ports, *forgotten}:
                        self._record(_found(vif, ""))
        finally:
            with self._lock:
                self._witnesses = [each for each in self._witnesses if each is not forgotten]

    @contextmanager
    def expecting(self, request: PortRequest) -> Iterator[None]:
        """While the cloud is asked for a port: what fits the request may be the answer, which is then `put`."""
        with self._lock:
            self._expected.append(request)
        try:
            yield
        finally:
            with self._lock:
                self._expected.remove(request)

    def put(self, held: Held) -> Held:
        """Record a port."""
        with self._lock:
            self._record(held)
        return held

    def change(self, seen: Held, use: Use, owner: str = "", out: frozenset[IPAddress] | None = None) -> Held | None:
        """Record a change of use; None, and no change, when something else became of the port since it was `seen`.

        Thus of several that want a port one gets it: users, and the sweep.
        """
        out = seen.out if out is None else out
        return self.swap(seen, replace(seen, use=use, owner=owner, out=out, opened=None, found=False))

    def swap(self, seen: Held, new: Held) -> Held | None:
        """The same for any change."""
        with self._lock:
            if self._ports.get(seen.vif.port_id) is not seen:
                return None
            self._record(new)
        return new

    def drop(self, seen: Held) -> None:
        """Forget a port, unless something else became of it since it was `seen`: a port that is lent may come again."""
        with self._lock:
            if self._ports.get(seen.vif.port_id) is seen:
                self._forget(seen.vif.port_id)

    def at(self, subnet_id: str, address: IPAddress) -> Held | None:
        """The port with this address."""
        with self._lock:
            return self._ports.get(self._by_address.get((subnet_id, address), ""))

    def of(self, owner: str) -> Held | None:
        """The port that `owner` has claimed."""
        with self._lock:
            return self._ports.get(self._by_owner.get(owner, ""))

    def of_network(self, network_id: str) -> list[Held]:
        """All ports of a network."""
        with self._lock:
            return [held for held in self._ports.values() if held.vif.network_id == network_id]

    def ready(self, kind: str = "") -> list[Held]:
        """The ports that wait for a user, of this kind or of any."""
        with self._lock:
            return [held for held in self._ports.values() if held.use is Use.READY and kind in {"", held.kind}]

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
        for forgotten in self._witnesses:
            forgotten.add(port_id)
        for fixed_ip in held.vif.fixed_ips:
            if self._by_address.get((fixed_ip.subnet_id, fixed_ip.address)) == port_id:
                del self._by_address[fixed_ip.subnet_id, fixed_ip.address]
        if self._by_owner.get(held.owner) == port_id:
            del self._by_owner[held.owner]


def _found(vif: Vif, claimed_by: str) -> Held:
    """A port as it was left: only if cloud and interface agree that it waits for a user, it does."""
    kind = vif.owner if is_ready(vif.owner) else ""
    if is_ready(claimed_by):
        return Held(vif, Use.READY if kind else Use.ORPHANED, kind=kind, found=True)
    addresses = frozenset(fixed_ip.address for fixed_ip in vif.fixed_ips)
    use = Use.CLAIMED if claimed_by else Use.ORPHANED
    return Held(vif, use, claimed_by, addresses, named=bool(vif.owner) and not kind, found=True)
