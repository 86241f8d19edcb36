"""How many ports shall wait for users: as many as were asked for in the last minutes, where there is room for them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kuryr.model import PortRequest

QUOTA = ""
"""Stands for the project's quota where else an id of a subnet does."""


@dataclass(frozen=True)
class Sizes:
    """How many ports wait, and how long; times in seconds."""

    most: int = 10
    """Of one kind; 0 for none at all."""
    least: int = 0
    """Of a kind that has been asked for once, even if that is long ago."""
    memory: float = 300.0
    """So many ports wait as were asked for in this time."""
    idle: float = 600.0
    """A kind that nobody has asked for in this time keeps none but the `least`; none where room has run out."""
    trust: float = 30.0
    """So long after its wiring was seen a port is taken for wired, where this host does not show it."""
    pause: float = 1.0
    """Between a start and the making of ports: the container shall have the machine for itself."""
    look: float = 60.0
    """How often to look for ports that wait in vain."""
    patience: float = 30.0
    """How long a network that goes waits for ports that are just being made."""


@dataclass
class _Demand:
    request: PortRequest
    last: float
    times: deque[float] = field(default_factory=deque)


class Demands:
    """What was asked for on one host, by kind. Thread-safe.

    `spare` says how many ports the host may keep ready in some subnets of a network.
    """

    def __init__(
        self, sizes: Sizes, spare: Callable[[str, Sequence[str]], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sizes = sizes
        self.clock = clock
        self._spare = spare
        self._lock = threading.Lock()
        self._demands: dict[str, _Demand] = {}
        self._short: dict[str, float] = {}
        """When the addresses of a subnet, or the quota, have run out."""

    def note(self, kind: str, request: PortRequest) -> None:
        """Somebody asks for a port."""
        now = self.clock()
        with self._lock:
            demand = self._demands.setdefault(kind, _Demand(request, now))
            # What was found after a start knows its kind, but not its traits.
            demand.request, demand.last = request, now
            demand.times.append(now)

    def suppose(self, kind: str, request: PortRequest) -> None:
        """A port of this kind was found after a start: as if it had been asked for just now, but only once."""
        with self._lock:
            self._demands.setdefault(kind, _Demand(request, self.clock()))

    def kinds(self) -> Collection[str]:
        """Those that are known."""
        with self._lock:
            return list(self._demands)

    def request(self, kind: str) -> PortRequest | None:
        """The latest one for this kind."""
        with self._lock:
            demand = self._demands.get(kind)
            return demand.request if demand else None

    @contextmanager
    def steady(self, kind: str) -> Iterator[bool]:
        """Whether a kind is known; that does not change meanwhile."""
        with self._lock:
            yield kind in self._demands

    def forget(self, network_id: str) -> None:
        """Nobody will ask for ports of this network."""
        with self._lock:
            self._demands = {
                kind: demand for kind, demand in self._demands.items() if demand.request.network_id != network_id
            }

    def forget_idle(self) -> None:
        """Nor for those of kinds that nobody has asked for in a long time."""
        with self._lock:
            if not self.sizes.least:
                self._demands = {kind: demand for kind, demand in self._demands.items() if not self._is_idle(demand)}

    def ran_out(self, what: Collection[str]) -> None:
        """Addresses of subnets, or the `QUOTA`, have run out: for a while nothing is wanted of that."""
        with self._lock:
            self._short |= dict.fromkeys(what, self.clock())

    def wanted(self, kind: str) -> tuple[int, int]:
        """How many ports of a kind shall wait, and how many may. Asks the cloud's side, but not the cloud."""
        with self._lock:
            demand = self._demands.get(kind)
            if demand is None:
                return 0, 0
            request, idle, asked = demand.request, self._is_idle(demand), self._asked(demand)
            subnet_ids = [subnet_id for subnet_id, _ in request.fixed_ips]
            if self._is_short(subnet_ids):
                return 0, 0
        if idle and not self.sizes.least:
            return 0, 0
        most = min(self.sizes.most, self._spare(request.network_id, subnet_ids))
        least = min(self.sizes.least, most)
        return (least, least) if idle else (min(max(asked, least, 1), most), most)

    def missing(self, kind: str, waiting: int) -> int:
        """How many ports of a kind shall be made now, where some wait."""
        target, _ = self.wanted(kind)
        # Not until half of them are gone: a few requests for many ports.
        enough = waiting >= min(self.sizes.least, target) and 2 * waiting >= target
        return 0 if enough else target - waiting

    def _is_idle(self, demand: _Demand) -> bool:
        return self.clock() - demand.last > self.sizes.idle

    def _asked(self, demand: _Demand) -> int:
        while demand.times and self.clock() - demand.times[0] > self.sizes.memory:
            demand.times.popleft()
        return len(demand.times)

    def _is_short(self, subnet_ids: Collection[str]) -> bool:
        now = self.clock()
        self._short = {what: when for what, when in self._short.items() if now - when <= self.sizes.idle}
        return not self._short.keys().isdisjoint({*subnet_ids, QUOTA})
