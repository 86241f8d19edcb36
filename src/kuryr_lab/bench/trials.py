"""Taking turns: every round runs each contender once, in an order that moves on by one from round to round."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from kuryr_lab.bench.contenders import Lane
from kuryr_lab.bench.figures import Figure, figure, ratio
from kuryr_lab.bench.quiet import await_quiet


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was measured, of whom, in which round. None is ever left out."""

    scenario: str
    contender: str
    round: int
    value: float
    busy: float
    """The share of the machine's time that something else took just before."""


class Trials:
    """All runs of a report, in their order. `watch` is told each; `quiet` waits for a quiet machine."""

    def __init__(self, watch: Callable[[Run], None] = lambda _: None, quiet: Callable[[], float] = await_quiet) -> None:
        self.runs: list[Run] = []
        self.skipped: dict[str, str] = {}
        """Why scenarios have no runs."""
        self.failures: dict[str, str] = {}
        """What kept a scenario from its end, by the name it is asked for by."""
        self.quiet = quiet
        self._watch = watch

    def turns(
        self, scenario: str, lanes: Sequence[Lane], rounds: int, act: Callable[[Lane], Callable[[], None]]
    ) -> None:
        """`rounds` rounds in which each lane has its turn: the seconds that `act` takes.

        What `act` returns clears up, and is not measured. The first round warms up and is not kept: it makes what is
        made once (a default security group, an engine's rules, a cache).
        """
        for number in range(-1, rounds):
            first = number % len(lanes)
            for lane in [*lanes[first:], *lanes[:first]]:
                busy = self.quiet()
                began = time.perf_counter()
                clear = act(lane)
                seconds = time.perf_counter() - began
                clear()
                if number >= 0:
                    self.note(Run(scenario, lane.name, number, seconds, round(busy, 3)))

    def note(self, run: Run) -> None:
        """Keep what was measured in some other way."""
        self.runs.append(run)
        self._watch(run)

    def skip(self, scenario: str, why: str) -> None:
        """Say why a scenario is not run."""
        self.skipped[scenario] = why

    def values(self, scenario: str, contender: str) -> list[float]:
        """What was measured of one contender, in the order of rounds."""
        found = [run for run in self.runs if (run.scenario, run.contender) == (scenario, contender)]
        return [run.value for run in sorted(found, key=lambda run: run.round)]

    def contenders(self, scenario: str) -> list[str]:
        """Who took part."""
        return list(dict.fromkeys(sorted(run.contender for run in self.runs if run.scenario == scenario)))

    def scenarios(self) -> list[str]:
        """What was measured."""
        return list(dict.fromkeys(run.scenario for run in self.runs))

    def figure(self, scenario: str, contender: str) -> Figure:
        """The median of one contender."""
        return figure(self.values(scenario, contender))

    def ratio(self, scenario: str, one: str, other: str) -> Figure:
        """How many times as long one took as the other, turn by turn."""
        return ratio(self.values(scenario, one), self.values(scenario, other))

    def records(self) -> list[dict[str, object]]:
        """Every run as plain data."""
        return [asdict(run) for run in self.runs]
