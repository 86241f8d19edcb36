"""What must hold, and how it is read off the runs: one row for each key of `build/bench.json`."""

from dataclasses import dataclass

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench.figures import Figure, figure
from kuryr_lab.bench.trials import Trials


@dataclass(frozen=True, slots=True)
class Target:
    """A key, and what it may be at most. A ratio names a scenario and two contenders, anything else a scenario only."""

    key: str
    at_most: float | None
    scenario: str
    one: str = ""
    other: str = ""

    @property
    def is_ratio(self) -> bool:
        """Whether it compares two contenders."""
        return bool(self.other)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target: `met` is None where nothing is demanded."""

    target: Target
    figure: Figure
    met: bool | None


TARGETS = (
    Target("control.start", None, "start", who.CONTROL, who.BRIDGE),
    Target("start.ready_vs_bridge", 1.05, "start", who.READY, who.BRIDGE),
    Target("start.miss_vs_bridge", None, "start", who.KURYR, who.BRIDGE),
    Target("start.miss_vs_libnetwork", 0.75, "start", who.KURYR, who.LIBNETWORK),
    Target("start.exposed_vs_bridge", 1.15, "start exposed", who.READY, who.BRIDGE),
    Target("cycle.ready_vs_bridge", 0.95, "cycle", who.READY, who.BRIDGE),
    Target("sustained.ready_vs_bridge", 1.5, "sustained", who.READY, who.BRIDGE),
    Target("parallel10.ready_vs_bridge", 1.15, "10 at once starts", who.READY, who.BRIDGE),
    Target("parallel10.miss_vs_libnetwork", 0.40, "10 at once starts", who.KURYR, who.LIBNETWORK),
    Target("first_ping.ready_vs_bridge", 1.10, "first contact", who.READY, who.BRIDGE),
    Target("restart.fixed_vs_bridge", None, "restart with a fixed address", who.KURYR, who.BRIDGE),
    Target("calls.start.miss.before", 1, "calls.start.before", who.KURYR),
    Target("calls.start.miss", 2, "calls.start", who.KURYR),
    Target("calls.start.ready.before", 0, "calls.start.before", who.READY),
    Target("calls.start.ready", 1.2, "calls.start", who.READY),
    Target("calls.stop", 1, "calls.stop", who.KURYR),
    Target("calls.network_create", 3, "calls.network_create", who.KURYR),
    Target("calls.network_rm", 2, "calls.network_rm", who.KURYR),
    Target("driver.cpu_ms_per_start_stop", 15, "driver.cpu_ms_per_start_stop", who.KURYR),
    Target("driver.rss_mb", 120, "driver.rss_mb", who.KURYR),
    Target("driver.handshake_ms", 300, "driver.handshake_ms", who.KURYR),
)


def verdicts(trials: Trials) -> list[Verdict]:
    """Of each target for which there are runs, whether it is met: by its median, with the control's spread allowed."""
    found = []
    for target in TARGETS:
        if target.one not in trials.contenders(target.scenario):
            continue
        if target.is_ratio:
            seen = trials.ratio(target.scenario, target.one, target.other)
            allowed = trials.ratio(target.scenario, who.CONTROL, who.BRIDGE).spread
        else:
            seen, allowed = figure(trials.values(target.scenario, target.one)), 0.0
        met = None if target.at_most is None else seen.median <= target.at_most + allowed
        found.append(Verdict(target, seen, met))
    return found
