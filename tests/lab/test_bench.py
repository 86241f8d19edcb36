"""What the benchmark makes of its runs."""

import json
from pathlib import Path
from typing import cast

import pytest

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench import report
from kuryr_lab.bench.contenders import Contender, Lane
from kuryr_lab.bench.figures import figure, ratio
from kuryr_lab.bench.targets import Verdict, verdicts
from kuryr_lab.bench.trials import Run, Trials
from kuryr_lab.host import Host


def test_a_figure_is_the_median_and_what_it_lies_between() -> None:
    # Order statistics 10 and 21 of 30 enclose the median with 95.7 %; tables of the sign test say the same.
    seen = figure([float(number) for number in range(30, 0, -1)])
    assert (seen.median, seen.low, seen.high, seen.runs) == (15.5, 10.0, 21.0, 30)
    assert seen.spread == 5.5


@pytest.mark.parametrize(("count", "low", "high"), [(1, 1, 1), (5, 1, 5), (6, 1, 6), (10, 2, 9)])
def test_few_runs_say_little(count: int, low: int, high: int) -> None:
    seen = figure([float(number) for number in range(1, count + 1)])
    assert (seen.low, seen.high) == (low, high)


def test_nothing_has_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        figure([])


def test_turns_are_compared_one_by_one() -> None:
    # The machine is ten times as slow in the second round, for both.
    assert ratio([1.0, 10.0], [2.0, 20.0]).median == 0.5
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0], [1.0, 2.0])


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    cleared: list[str] = []
    lanes = [Lane(Contender(name, ""), cast("Host", None), "none", 0) for name in "abc"]
    trials = Trials(quiet=lambda: 0.0)

    def act(lane: Lane) -> object:
        order.append(lane.name)
        return lambda: cleared.append(lane.name)

    trials.turns("start", lanes, 2, act)  # type: ignore[arg-type]
    assert order == cleared == [*"cab", *"abc", *"bca"]
    assert [(run.round, run.contender) for run in trials.runs] == [
        (0, "a"),
        (0, "b"),
        (0, "c"),
        (1, "b"),
        (1, "c"),
        (1, "a"),
    ]


def test_a_target_is_met_within_the_spread_of_the_control(tmp_path: Path) -> None:
    trials = Trials()
    for number in range(30):
        trials.note(Run("start", who.BRIDGE, number, 1.0, 0))
        trials.note(Run("start", who.CONTROL, number, 0.9 if number % 2 else 1.1, 0))
        trials.note(Run("start", who.READY, number, 1.12, 0))
        trials.note(Run("start", who.KURYR, number, 2.0, 0))
        trials.note(Run("start", who.LIBNETWORK, number, 2.0, 0))
    trials.note(Run("calls.stop", who.KURYR, 0, 2.0, 0))
    found = {each.target.key: each for each in verdicts(trials)}
    assert {key: each.met for key, each in found.items()} == {
        "control.start": None,
        "start.ready_vs_bridge": True,  # 1.12, where 1.05 and half of 0.2 are allowed
        "start.miss_vs_bridge": None,
        "start.miss_vs_libnetwork": False,
        "calls.stop": False,
    }
    _is_written(tmp_path / "build" / "bench.json", trials, found)


def _is_written(path: Path, trials: Trials, found: dict[str, Verdict]) -> None:
    report.write(path, {"cpu": "one"}, trials)
    written = json.loads(path.read_text())
    assert written["machine"] == {"cpu": "one"}
    assert len(written["runs"]) == len(trials.runs)
    assert written["figures"]["start.ready_vs_bridge"]["median"] == found["start.ready_vs_bridge"].figure.median
    assert written["medians"]["start"][who.KURYR]["runs"] == 30
