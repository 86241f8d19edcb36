"""Ports made ahead, bound and plugged, so that a start only hands over an interface.

They are made behind, in bulk, for *kinds* of users: those of one network who want addresses of the same subnets and the
same traits. How many is what was asked for in the last minutes, within bounds; a kind that nobody has asked for in ten
minutes keeps none. A port whose user has gone so soon that nothing was written about him waits for the next one instead
of being deleted: its interface is made anew, for a container may have changed it. Of another one nobody here could say
what has been made of it in the cloud meanwhile, such as a floating IP that leads to it.

Where addresses or a quota run out, they make room, and none are made for a while.

A ready port is marked as such twice: in the cloud by its owner, on the host by the claim of `READY` on its interface.
Whoever takes it first takes that claim away, so that it is given to nobody else after a crash.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Protocol

from kuryr.behind import Behind
from kuryr.binding.registry import Binding
from kuryr.errors import CloudUnavailable, Exhausted, KuryrError, OverQuota
from kuryr.host.demand import QUOTA, Demands
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.model import READY, READY_NAME, Claim, Cloud, PortRequest, Vif, kind_of

LOG = logging.getLogger(__name__)


class Neighbours(Protocol):
    """The hosts that have ports waiting on the same networks. Every method raises CloudError."""

    def ask(self, network_id: str) -> None:
        """Ask them to give up what waits on a network."""

    def asked(self) -> Collection[str]:
        """The networks on which they ask this host for that."""


class ReadyPorts:
    """The ports of one host that wait for users. Thread-safe.

    `give_back` is told each port that waits no more. `ready` are the seconds until the host's agent has wired a port.
    `neighbours` are the other hosts, if they can be spoken to.
    """

    def __init__(
        self,
        cloud: Cloud,
        binding: Binding,
        holdings: Holdings,
        behind: Behind,
        give_back: Callable[[Vif], None],
        ready: float,
        demands: Demands,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._cloud = cloud
        self._binding = binding
        self._holdings = holdings
        self._behind = behind
        self._give_back = give_back
        self._timeout = ready
        self._demands = demands
        self._sizes = demands.sizes
        self._clock = demands.clock
        self._neighbours = neighbours
        self._lock = threading.Condition()
        self._due: set[str] = set()
        """The kinds that are looked at soon, whether ports must be made."""
        self._filling: dict[str, str] = {}
        """The kinds of which ports are being made just now, and their networks."""
        self._looking = False

    def take(self, request: PortRequest) -> Held | None:
        """A port for this request, which wants no certain address; None if none waits.

        No request; one where this host does not show whether a port is wired, unless that was seen lately.
        """
        kind = kind_of(request)
        if not kind or not self._sizes.most:
            return None
        self._note(kind, request)
        for held in self._holdings.ready(kind):
            if taken := self._hand_out(held):
                return taken
        return None

    def take_this(self, held: Held, request: PortRequest) -> Held | None:
        """A port that waits and has the address which the request wants; None if it is of another kind."""
        return self._hand_out(held) if held.kind == kind_of(request) else None

    def vouches_for(self, held: Held) -> bool:
        """Whether a port was seen to be wired so lately that nobody need ask the cloud."""
        return self._clock() - held.wired <= self._sizes.trust

    def waiting(self) -> list[Held]:
        """All ports that wait."""
        return self._holdings.ready()

    def keep(self, vif: Vif) -> bool:
        """Let a port whose user has gone wait for the next one; false, and the port is unplugged, if it shall go.

        No request.
        """
        held = self._holdings.get(vif.port_id)
        if not held or held.use is not Use.FREED:
            # It was to be given back twice, and the first time it was kept: somebody may have it already.
            return True
        if held.named or vif.lent or not self._has_room(held.kind):
            return False
        try:
            if self._plug(held) and self._offer(held, self._clock() + self._timeout):
                return True
        except KuryrError as error:
            LOG.info("port %s is not kept: %s", vif.port_id, error)
        if self._holdings.get(vif.port_id) is held:
            self.unplug(vif)
        return False

    def give_up(self, network_id: str) -> bool:
        """Give back all ports of a network that wait, and make no more until they are asked for; false if none does.

        Waits for those that are being made, for as long as one may take.
        """
        self._demands.forget(network_id)
        with self._lock:
            self._lock.wait_for(lambda: network_id not in self._filling.values(), self._sizes.patience)
        return self._discard_all(
            held
            for held in self._holdings.of_network(network_id)
            # A crash has kept an orphan from waiting, or its user from coming.
            if held.use is Use.READY or (held.use is Use.ORPHANED and not held.named)
        )

    def make_room(self, request: PortRequest, error: Exhausted) -> bool:
        """Give back the ports that wait and have what has run out, and make none for a while; false if none does."""
        if isinstance(error, OverQuota):
            self._demands.ran_out({QUOTA})
            return self._discard_all(self._holdings.ready())
        short = {subnet_id for subnet_id, _ in request.fixed_ips}
        self._demands.ran_out(short)
        return self._discard_all(held for held in self._holdings.ready() if short & _subnets(held))

    def ask_neighbours(self, network_id: str) -> None:
        """No address is left although nothing waits here: behind, let other hosts know."""
        if neighbours := self._neighbours:
            self._behind.soon(lambda: neighbours.ask(network_id))

    def give_up_one(self, held: Held) -> bool:
        """Give back a port that waits; false if it has just been taken."""
        return self._discard(held)

    def adopt(self) -> None:
        """What was found after a start waits as if it had been asked for just now."""
        for held in self._holdings.ready():
            wanted = tuple((each.subnet_id, None) for each in held.vif.fixed_ips)
            self._demands.suppose(held.kind, PortRequest(held.vif.network_id, wanted))
        self._look_later()

    def _note(self, kind: str, request: PortRequest) -> None:
        self._demands.note(kind, request)
        with self._lock:
            due = kind in self._due
            self._due.add(kind)
        if not due:
            self._behind.later(self._sizes.pause, lambda: self._refill(kind, request.network_id))
        self._look_later()

    def _has_room(self, kind: str) -> bool:
        """Whether one more may wait: keeping a port is as cheap as deleting it, and saves making one."""
        return bool(kind) and len(self._holdings.ready(kind)) < self._demands.wanted(kind)[1]

    def _hand_out(self, held: Held) -> Held | None:
        """The claim of `READY` goes from the interface first, so that no crash hands the port out twice."""
        taken = self._holdings.change(held, Use.RESERVED)
        if taken is None:
            return None
        wired = held.wired
        try:
            plugged = self._binding.stage(held.vif, Claim(held.vif.port_id, ""))
            if self._timeout and not self._binding.await_ready(held.vif, 0) and not self.vouches_for(held):
                with contextlib.suppress(CloudUnavailable):
                    self._cloud.await_active(held.vif, 0)
                wired = self._clock()
        except KuryrError as error:
            LOG.warning("port %s waited in vain: %s", held.vif.port_id, error)
            self._discard(taken)
            return None
        # What a process has left that died may be half made.
        return self._holdings.swap(taken, replace(taken, plugged=None if held.found else plugged, wired=wired))

    def _discard(self, held: Held) -> bool:
        """Give a port back, which must not have changed since it was seen."""
        # Without a kind it is not kept for another user.
        if not self._holdings.swap(held, replace(held, use=Use.FREED, kind="")):
            return False
        self.unplug(held.vif)
        self._give_back(held.vif)
        return True

    def _discard_all(self, unwanted: Iterable[Held]) -> bool:
        return sum([self._discard(held) for held in unwanted]) > 0

    def unplug(self, vif: Vif) -> None:
        """Remove the interface of a port that waits no more, and whose user will not come."""
        try:
            self._binding.unplug(vif.port_id, vif)
        except KuryrError as error:
            LOG.warning("the interface of port %s is left to the sweep: %s", vif.port_id, error)

    def _refill(self, kind: str, network_id: str) -> None:
        with self._lock:
            self._due.discard(kind)
            if kind in self._filling:
                return
            self._filling[kind] = network_id
        try:
            # A network that goes is forgotten before it looks whether ports are being made.
            if request := self._demands.request(kind):
                self._fill(kind, replace(request, owner=kind, name=READY_NAME, fixed_ips=_any(request)))
        finally:
            with self._lock:
                del self._filling[kind]
                self._lock.notify_all()

    def _fill(self, kind: str, request: PortRequest) -> None:
        missing = self._demands.missing(kind, len(self._holdings.ready(kind)))
        # Of what was found after a start only the kind may be known.
        if not missing or kind_of(request) != kind:
            return
        try:
            with self._holdings.expecting(request):
                vifs = self._cloud.reserve(request, missing)
                reserved = [self._holdings.put(Held(vif, Use.RESERVED, kind=kind)) for vif in vifs]
        except Exhausted as error:
            self._demands.ran_out({QUOTA} if isinstance(error, OverQuota) else {each for each, _ in request.fixed_ips})
            LOG.info("network %s has no room for ports made ahead: %s", request.network_id, error)
            return
        plugged = [held for held in reserved if self._done(held, self._plug)]
        until = self._clock() + self._timeout
        for held in plugged:
            self._done(held, lambda held: self._offer(held, until))

    def _done(self, held: Held, step: Callable[[Held], bool]) -> bool:
        """Whether a step was done with a port; if not, it is given back."""
        try:
            if step(held):
                return True
        except KuryrError as error:
            LOG.warning("port %s is not ready: %s", held.vif.port_id, error)
        self._discard(held)
        return False

    def _plug(self, held: Held) -> bool:
        """Make the interface and connect it; false if it is not wanted any more."""
        if held.kind not in self._demands.kinds():
            return False
        self._binding.stage(held.vif, Claim(held.vif.port_id, READY))
        self._binding.plug(held.vif)
        return True

    def _offer(self, held: Held, until: float) -> bool:
        """Once the interface is wired, let the port wait; false if it is not wanted any more."""
        vif = held.vif
        if self._timeout:
            if not self._binding.await_ready(vif, left := max(until - self._clock(), 0)):
                self._cloud.await_active(vif, left)
            self._binding.announce(vif)
        ready = replace(held, use=Use.READY, owner="", out=frozenset(), plugged=None, wired=self._clock())
        with self._demands.steady(held.kind) as wanted:
            return wanted and self._holdings.swap(held, ready) is not None

    def _look_later(self) -> None:
        with self._lock:
            looking, self._looking = self._looking, bool(self._demands.kinds())
            if looking or not self._looking:
                return
        self._behind.later(self._sizes.look, self._look)

    def _look(self) -> None:
        """Give back what waits in vain or is asked for; make what must wait always."""
        with self._lock:
            self._looking = False
        self._listen()
        for kind in self._demands.kinds():
            target, _ = self._demands.wanted(kind)
            self._discard_all(self._holdings.ready(kind)[target:])
            if self._sizes.least and (request := self._demands.request(kind)):
                self._refill(kind, request.network_id)
        self._demands.forget_idle()
        self._look_later()

    def _listen(self) -> None:
        """Give up what waits where other hosts have run out of addresses: one request, none if nothing waits."""
        if not self._neighbours or not self.waiting():
            return
        try:
            networks = self._neighbours.asked()
        except KuryrError as error:
            LOG.info("whether other hosts need addresses is not known: %s", error)
            return
        asked_for = [held for held in self.waiting() if held.vif.network_id in networks]
        for held in asked_for:
            self._demands.ran_out(_subnets(held))
        self._discard_all(asked_for)


def _subnets(held: Held) -> set[str]:
    return {fixed_ip.subnet_id for fixed_ip in held.vif.fixed_ips}


def _any(request: PortRequest) -> tuple[tuple[str, None], ...]:
    return tuple((subnet_id, None) for subnet_id, _ in request.fixed_ips)
