"""Ports made ahead, bound and plugged, so that a start only hands over an interface.

They are made behind, in bulk, for *kinds* of users: those of one network who want addresses of the same subnets and the
same traits. How many is what was asked for in the last minutes, within bounds; a kind that nobody has asked for in ten
minutes keeps none. A port whose user has gone waits for the next one instead of being deleted: its interface is made
anew, for a container may have changed it.

A ready port is marked as such twice: in the cloud by its owner, on the host by the claim of `READY` on its interface.
Whoever takes it first takes that claim away, so that it is given to nobody else after a crash.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kuryr.behind import Behind
from kuryr.binding.registry import Binding
from kuryr.errors import Exhausted, KuryrError
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.model import READY, Claim, Cloud, PortRequest, PortTraits, Vif, kind_of

LOG = logging.getLogger(__name__)

_NAME = "kuryr-ready"


@dataclass(frozen=True)
class Sizes:
    """How many ports wait, and how long; times in seconds."""

    most: int = 10
    """Of one kind; 0 for none at all."""
    memory: float = 300.0
    """So many ports wait as were asked for in this time."""
    idle: float = 600.0
    """A kind that nobody has asked for in this time keeps none."""
    pause: float = 1.0
    """Between a start and the making of ports: the container shall have the machine for itself."""
    look: float = 60.0
    """How often to look for ports that wait in vain."""
    patience: float = 30.0
    """How long a network that goes waits for ports that are just being made."""


@dataclass
class _Demand:
    """What was asked for of one kind."""

    request: PortRequest
    last: float
    times: deque[float] = field(default_factory=deque)
    refilling: bool = False


class ReadyPorts:
    """The ports of one host that wait for users. Thread-safe.

    `give_back` is told each port that waits no more. `ready` are the seconds until the host's agent has wired a port.
    """

    def __init__(
        self,
        cloud: Cloud,
        binding: Binding,
        holdings: Holdings,
        behind: Behind,
        give_back: Callable[[Vif], None],
        ready: float,
        sizes: Sizes = Sizes(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._binding = binding
        self._holdings = holdings
        self._behind = behind
        self._give_back = give_back
        self._timeout = ready
        self._sizes = sizes
        self._clock = clock
        self._lock = threading.Condition()
        self._filling: list[str] = []
        """The networks for which ports are being made just now."""
        self._demands: dict[str, _Demand] = {}
        self._looking = False

    def take(self, request: PortRequest) -> Held | None:
        """A port for this request, which wants no certain address; None if none waits. No request to the cloud."""
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

    def waiting(self) -> list[Held]:
        """All ports that wait."""
        return self._holdings.ready()

    def keep(self, vif: Vif) -> bool:
        """Let a port whose user has gone wait for the next one; false, and the port is unplugged, if it shall go.

        One request, if its user was written on it; none if not.
        """
        held = self._holdings.get(vif.port_id)
        if not held or held.use is not Use.FREED or vif.lent or not self._has_room(held.kind):
            return False
        try:
            if held.named:
                # As it was made: what its user exposed was his.
                own = PortTraits(security_groups=vif.traits.security_groups)
                if self._cloud.identify(vif, held.kind, _NAME, own) is None:
                    return False
            if self._make_ready(held):
                return True
        except KuryrError as error:
            LOG.info("port %s is not kept: %s", vif.port_id, error)
        if self._holdings.get(vif.port_id) is held:
            self._unplug(vif)
        return False

    def give_up(self, network_id: str) -> bool:
        """Give back all ports of a network that wait, and make no more until they are asked for; false if none does.

        Waits for those that are being made, for as long as one may take.
        """
        with self._lock:
            for kind, demand in list(self._demands.items()):
                if demand.request.network_id == network_id:
                    del self._demands[kind]
            self._lock.wait_for(lambda: network_id not in self._filling, self._sizes.patience)
        waiting = [held for held in self._holdings.ready() if held.vif.network_id == network_id]
        return sum(self._discard(held) for held in waiting) > 0

    def give_up_one(self, held: Held) -> bool:
        """Give back a port that waits; false if it has just been taken."""
        return self._discard(held)

    def adopt(self) -> None:
        """What was found after a start waits as if it had been asked for just now."""
        now = self._clock()
        with self._lock:
            for held in self._holdings.ready():
                wanted = tuple((each.subnet_id, None) for each in held.vif.fixed_ips)
                request = PortRequest(held.vif.network_id, wanted)
                self._demands.setdefault(held.kind, _Demand(request, now))
        self._look_later()

    def _note(self, kind: str, request: PortRequest) -> None:
        now = self._clock()
        with self._lock:
            demand = self._demands.setdefault(kind, _Demand(request, now))
            # What was found after a start knows its kind, but not its traits.
            demand.request, demand.last = request, now
            demand.times.append(now)
            refilling, demand.refilling = demand.refilling, True
        if not refilling:
            self._behind.later(self._sizes.pause, lambda: self._refill(kind))
        self._look_later()

    def _wanted(self, kind: str) -> tuple[int, int]:
        """How many ports of a kind shall wait, and how many may. Asks the cloud's side, but not the cloud."""
        with self._lock:
            demand = self._demands.get(kind)
            if demand is None or self._clock() - demand.last > self._sizes.idle:
                return 0, 0
            while demand.times and self._clock() - demand.times[0] > self._sizes.memory:
                demand.times.popleft()
            asked, request = len(demand.times), demand.request
        subnet_ids = [subnet_id for subnet_id, _ in request.fixed_ips]
        most = min(self._sizes.most, self._cloud.spare(request.network_id, subnet_ids))
        return min(max(asked, 1), most), most

    def _has_room(self, kind: str) -> bool:
        """Whether one more may wait: keeping a port is as cheap as deleting it, and saves making one."""
        return bool(kind) and len(self._holdings.ready(kind)) < self._wanted(kind)[1]

    def _hand_out(self, held: Held) -> Held | None:
        """The claim of `READY` goes from the interface first, so that no crash hands the port out twice."""
        taken = self._holdings.change(held, Use.RESERVED)
        if taken is None:
            return None
        try:
            plugged = self._binding.stage(held.vif, Claim(held.vif.port_id, ""))
            if self._timeout:
                self._binding.await_ready(held.vif, 0)
        except KuryrError as error:
            LOG.warning("port %s waited in vain: %s", held.vif.port_id, error)
            self._discard(taken)
            return None
        # What a process has left that died may be half made.
        return taken if held.found else self._holdings.swap(taken, replace(taken, plugged=plugged))

    def _discard(self, held: Held) -> bool:
        """Give a port back, which must not have changed since it was seen."""
        # Without a kind it is not kept for another user.
        if not self._holdings.swap(held, replace(held, use=Use.FREED, kind="")):
            return False
        self._unplug(held.vif)
        self._give_back(held.vif)
        return True

    def _unplug(self, vif: Vif) -> None:
        try:
            self._binding.unplug(vif.port_id, vif)
        except KuryrError as error:
            LOG.warning("the interface of port %s is left to the sweep: %s", vif.port_id, error)

    def _refill(self, kind: str) -> None:
        with self._lock:
            demand = self._demands.get(kind)
            if demand is None:
                return
            demand.refilling = False
            request = replace(demand.request, owner=kind, name=_NAME, fixed_ips=_any(demand.request))
            self._filling.append(request.network_id)
        try:
            self._fill(kind, request)
        finally:
            with self._lock:
                self._filling.remove(request.network_id)
                self._lock.notify_all()

    def _fill(self, kind: str, request: PortRequest) -> None:
        waiting, (target, _) = len(self._holdings.ready(kind)), self._wanted(kind)
        # Not until half of them are gone: a few requests for many ports.
        if 2 * waiting >= target:
            return
        try:
            with self._holdings.expecting(request):
                vifs = self._cloud.reserve(request, target - waiting)
                reserved = [self._holdings.put(Held(vif, Use.RESERVED, kind=kind)) for vif in vifs]
        except Exhausted:
            LOG.info("network %s has no addresses to spare: no ports are made ahead", request.network_id)
            return
        for held in reserved:
            try:
                made = self._make_ready(held)
            except KuryrError as error:
                LOG.warning("port %s is not ready: %s", held.vif.port_id, error)
                made = False
            if not made:
                self._discard(held)

    def _make_ready(self, held: Held) -> bool:
        """Make the interface, wired and announced, and let the port wait; false if it is not wanted any more."""
        vif = held.vif
        self._binding.stage(vif, Claim(vif.port_id, READY))
        self._binding.plug(vif)
        if self._timeout:
            if not self._binding.await_ready(vif, self._timeout):
                self._cloud.await_active(vif, self._timeout)
            self._binding.announce(vif)
        ready = replace(held, use=Use.READY, owner="", out=frozenset(), named=False)
        with self._lock:
            return held.kind in self._demands and self._holdings.swap(held, ready) is not None

    def _look_later(self) -> None:
        with self._lock:
            looking, self._looking = self._looking, bool(self._demands)
            if looking or not self._looking:
                return
        self._behind.later(self._sizes.look, self._look)

    def _look(self) -> None:
        """Give back what waits in vain."""
        with self._lock:
            self._looking = False
            kinds = list(self._demands)
        for kind in kinds:
            target, _ = self._wanted(kind)
            for held in self._holdings.ready(kind)[target:]:
                self._discard(held)
            with self._lock:
                demand = self._demands.get(kind)
                if demand and self._clock() - demand.last > self._sizes.idle:
                    del self._demands[kind]
        self._look_later()


def _any(request: PortRequest) -> tuple[tuple[str, None], ...]:
    return tuple((subnet_id, None) for subnet_id, _ in request.fixed_ips)
