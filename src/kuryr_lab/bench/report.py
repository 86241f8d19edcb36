"""The report: a table for people, and all of it for programs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from kuryr_lab.bench.targets import Verdict, verdicts
from kuryr_lab.bench.trials import Trials

Report = dict[str, Any]


def report(machine: dict[str, str], trials: Trials) -> Report:
    """The machine, the verdict on each target, the median of each scenario and contender, and every run."""
    medians = {
        scenario: {name: asdict(trials.figure(scenario, name)) for name in trials.contenders(scenario)}
        for scenario in trials.scenarios()
    }
    figures = {each.target.key: _record(each) for each in verdicts(trials)}
    failures = dict(trials.failures)
    return {"machine": machine, "figures": figures, "medians": medians, "failures": failures, "runs": trials.records()}


def write(path: Path, written: Report) -> None:
    """The report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, indent=1) + "\n")


def show(console: Console, written: Report) -> None:
    """The report in two tables."""
    for name, text in written["machine"].items():
        console.print(f"{name}: {text}", markup=False, highlight=False)
    medians = Table("scenario", "who", "median", "95 % between", "runs", title="medians", title_justify="left")
    for scenario, contenders in written["medians"].items():
        for name, seen in contenders.items():
            medians.add_row(scenario, name, f"{seen['median']:.3f}", _between(seen, 3), str(seen["runs"]))
    targets = Table(Column("key", no_wrap=True), *_COLUMNS, title="targets", title_justify="left")
    for key, seen in written["figures"].items():
        targets.add_row(*_row(key, seen))
    console.print(medians)
    console.print(targets)
    for name, trouble in written["failures"].items():
        console.print(f"{name} failed: {trouble}", markup=False, highlight=False)


_COLUMNS = ("figure", "95 % between", "target", "verdict")
_COLOURS = {"met": "green", "not met": "red"}


def _row(key: str, seen: Report) -> tuple[str, ...]:
    verdict = f"[{_COLOURS[seen['verdict']]}]{seen['verdict']}[/]" if seen["verdict"] in _COLOURS else seen["verdict"]
    if seen["median"] is None:
        return key, "", "", seen["target"], verdict
    return key, f"{seen['median']:.2f}", _between(seen, 2), seen["target"], verdict


def _between(seen: Report, digits: int) -> str:
    return f"{seen['low']:.{digits}f} and {seen['high']:.{digits}f}"


def _record(verdict: Verdict) -> Report:
    reading = verdict.reading
    seen = asdict(reading.figure) if reading else dict.fromkeys(("median", "low", "high", "runs"))
    spread, allowed = (reading.figure.spread, reading.allowed) if reading else (None, None)
    return {**seen, "spread": spread, "target": _target(verdict), "control_spread": allowed, "verdict": _word(verdict)}


def _target(verdict: Verdict) -> str:
    target = verdict.target
    wanted = ""
    if target.at_most is not None:
        wanted = f"≤ {target.at_most:g}"
    if target.at_least is not None:
        wanted = f"≥ {target.at_least:g}"
    return f"{wanted} [{target.stretch:g}]" if target.stretch is not None else wanted


def _word(verdict: Verdict) -> str:
    if verdict.reading is None:
        return f"not measured: {verdict.why}"
    return {None: "no target", True: "met", False: "not met"}[verdict.met]
