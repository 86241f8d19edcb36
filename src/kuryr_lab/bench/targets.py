"""What must hold, and how it is read off the runs: one row for each key of `build/bench.json`."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench.figures import Figure, figure, ratio
from kuryr_lab.bench.trials import Trials

AMONG = "start among {} ports"
"""The scenario in which the network has so many ports of others."""
BARE = "POST /ports"
"""Who takes part there besides: the request that no start can do without, alone."""
START_28 = "start with Docker 28"
CHURN = "churn: seconds to start, 99 of 100 of {}"
NESTED = "nested: Mbit/s from a virtual machine"
VLAN, OVERLAY = "kuryr (vlan)", "overlay"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a key's figure is, and by how much it may miss its target: as much as the bridge differs from itself."""

    figure: Figure
    allowed: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """A key, what it may be at most or must be at least, if anything, and what would be better still."""

    key: str
    scenario: str
    """What must have been run for it."""
    read: Callable[[Trials, str], Reading]
    """Raises ValueError if too little was measured."""
    at_most: float | None = None
    at_least: float | None = None
    stretch: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target. `met` is None where nothing is demanded, or nothing was measured; `why` says so."""

    target: Target
    reading: Reading | None
    met: bool | None
    why: str = ""


def _ratio(one: str, other: str = who.BRIDGE) -> Callable[[Trials, str], Reading]:
    def read(trials: Trials, scenario: str) -> Reading:
        seen = trials.ratio(scenario, one, other)
        if who.CONTROL not in trials.contenders(scenario):
            return Reading(seen)
        return Reading(seen, trials.ratio(scenario, who.CONTROL, who.BRIDGE).spread)

    return read


def _value(one: str) -> Callable[[Trials, str], Reading]:
    return lambda trials, scenario: Reading(trials.figure(scenario, one))


def _mean(one: str) -> Callable[[Trials, str], Reading]:
    """Of requests, which are few: the median of 1, 1 and 4 would be 1."""

    def read(trials: Trials, scenario: str) -> Reading:
        seen = trials.figure(scenario, one)
        return Reading(replace(seen, median=statistics.mean(trials.values(scenario, one))))

    return read


def _growth(one: str, beside: str = "") -> Callable[[Trials, str], Reading]:
    """By how much a start among many ports is slower than among few; beyond what `beside` is slower by, if it is."""

    def grown(trials: Trials, name: str, many: str) -> list[float]:
        few = trials.values(AMONG.format(10), name)
        return [one / other for one, other in zip(trials.values(many, name), few, strict=True)]

    def read(trials: Trials, many: str) -> Reading:
        own = grown(trials, one, many)
        seen = ratio(own, grown(trials, beside, many)) if beside else figure(own)
        return Reading(seen, figure(grown(trials, who.BRIDGE, many)).spread)

    return read


TARGETS = (
    Target("control.start", "start", _ratio(who.CONTROL)),
    Target("start.ready_vs_bridge", "start", _ratio(who.READY), at_most=1.05, stretch=1.00),
    Target("start.ready_vs_bridge_28", START_28, _ratio(who.READY), at_most=1.12, stretch=1.05),
    Target("start.miss_vs_bridge", "start", _ratio(who.KURYR)),
    Target("start.miss_vs_libnetwork", "start", _ratio(who.KURYR, who.LIBNETWORK), at_most=0.75),
    Target("start.miss_nowait_vs_libnetwork", "start", _ratio(who.NOWAIT, who.LIBNETWORK), at_most=0.55),
    Target("start.exposed_vs_bridge", "start exposed", _ratio(who.READY), at_most=1.15),
    Target("cycle.ready_vs_bridge", "cycle", _ratio(who.READY), at_most=0.95, stretch=0.90),
    Target("sustained.ready_vs_bridge", "sustained", _ratio(who.READY), at_most=1.5, stretch=1.1),
    Target("parallel10.ready_vs_bridge", "10 at once starts", _ratio(who.READY), at_most=1.15, stretch=1.0),
    Target(
        "parallel10.miss_vs_libnetwork",
        "10 at once starts",
        _ratio(who.KURYR, who.LIBNETWORK),
        at_most=0.40,
        stretch=0.25,
    ),
    Target("parallel50.ready_vs_bridge", "50 at once starts", _ratio(who.READY)),
    Target("first_ping.ready_vs_bridge", "first contact", _ratio(who.READY), at_most=1.10),
    Target("restart.fixed_vs_bridge", "restart with a fixed address", _ratio(who.KURYR)),
    Target("network_create.vs_bridge", "network create", _ratio(who.KURYR)),
    Target("network_rm.vs_bridge", "network rm", _ratio(who.KURYR)),
    Target("calls.start.ready.before", "calls.start.before", _mean(who.READY), at_most=0),
    Target("calls.start.ready", "calls.start", _mean(who.READY), at_most=1.2),
    Target("calls.start.miss.before", "calls.start.before", _mean(who.KURYR), at_most=1),
    Target("calls.start.miss", "calls.start", _mean(who.KURYR), at_most=2),
    Target("calls.cycle.recycled", "calls.cycle", _mean(who.READY), at_most=0),
    Target("calls.stop", "calls.stop", _mean(who.KURYR), at_most=1),
    Target("calls.network_create", "calls.network_create", _mean(who.KURYR), at_most=3),
    Target("calls.network_rm", "calls.network_rm", _mean(who.KURYR), at_most=2),
    Target("growth.ready_1000_ports_vs_10", AMONG.format(1000), _growth(who.READY), at_most=1.10),
    Target("growth.miss_1000_ports_vs_10", AMONG.format(1000), _growth(who.KURYR, BARE), at_most=1.10),
    Target("driver.cpu_ms_per_start_stop", "driver.cpu_ms_per_start_stop", _value(who.READY), at_most=15),
    Target("driver.rss_mb", "driver.rss_mb", _value(who.KURYR), at_most=120, stretch=60),
    Target("driver.handshake_ms", "driver.handshake_ms", _value(who.KURYR), at_most=300, stretch=100),
    Target("nested.vlan_vs_overlay_throughput", NESTED, _ratio(VLAN, OVERLAY), at_least=1.5),
    Target("churn.p99_s", CHURN.format(1000), _value(who.READY), at_most=1),
)


def verdicts(trials: Trials) -> list[Verdict]:
    """Of each target whether its median meets it; the control's spread is allowed."""
    return [_verdict(target, trials) for target in TARGETS]


def _verdict(target: Target, trials: Trials) -> Verdict:
    try:
        reading = target.read(trials, target.scenario)
    except ValueError:
        usual = "something failed" if trials.failures else "left out, or tried with less"
        return Verdict(target, None, None, trials.skipped.get(target.scenario, usual))
    median, met = reading.figure.median, None
    if target.at_most is not None:
        met = median <= target.at_most + reading.allowed
    if target.at_least is not None:
        met = median >= target.at_least - reading.allowed
    return Verdict(target, reading, met)
