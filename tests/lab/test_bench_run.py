"""The benchmark runs: a little of everything that a figure takes, on a lab of its own. The figures mean nothing."""

import json
import os
from pathlib import Path

import pytest

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench.play import play
from kuryr_lab.bench.setting import Effort
from kuryr_lab.engines import DEFAULT
from kuryr_lab.lab import Lab


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_a_round_of_the_benchmark(tmp_path: Path) -> None:
    name = f"bench{os.getpid() % 100000}"
    play(name, DEFAULT, Effort.of(1, "start", "churn"), tmp_path / "bench.json", quiet=lambda: 0.0)
    assert Lab(name).leftovers() == []
    written = json.loads((tmp_path / "bench.json").read_text())
    assert set(written["medians"]["start"]) == set(who.CONTENDERS)
    assert written["medians"]["churn: starts per second at most"][who.READY]["median"] > 1
    measured = {key for key, seen in written["figures"].items() if seen["median"] is not None}
    assert {"start.ready_vs_bridge", "start.miss_nowait_vs_libnetwork"} <= measured
    # A part of the thousand containers is no answer.
    assert written["figures"]["churn.p99_s"]["verdict"].startswith("not measured")
    assert {path.name for path in (tmp_path / "img").iterdir()} >= {"start.svg", "churn.svg"}
