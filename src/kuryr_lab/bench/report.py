"""The report: a table for people, and all of it for programs."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kuryr_lab.bench.targets import Verdict, verdicts
from kuryr_lab.bench.trials import Trials


def write(path: Path, machine: dict[str, str], trials: Trials) -> None:
    """The report as JSON: the machine, the figures, and every run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {each.target.key: _record(each) for each in verdicts(trials)}
    medians = {
        scenario: {name: asdict(trials.figure(scenario, name)) for name in trials.contenders(scenario)}
        for scenario in trials.scenarios()
    }
    report = {"machine": machine, "figures": figures, "medians": medians, "runs": trials.records()}
    path.write_text(json.dumps(report, indent=1) + "\n")


def show(console: Console, machine: dict[str, str], trials: Trials) -> None:
    """The report in two tables."""
    for name, text in machine.items():
        console.print(f"{name}: {text}", markup=False, highlight=False)
    medians = Table("scenario", "who", "median s", "95 % between", "runs", title="medians", title_justify="left")
    for scenario in trials.scenarios():
        for name in trials.contenders(scenario):
            seen = trials.figure(scenario, name)
            between = f"{seen.low:.3f} and {seen.high:.3f}"
            medians.add_row(scenario, name, f"{seen.median:.3f}", between, str(seen.runs))
    targets = Table("key", "figure", "95 % between", "target", "", title="targets", title_justify="left")
    for verdict in verdicts(trials):
        targets.add_row(*_row(verdict))
    console.print(medians)
    console.print(targets)


def _row(verdict: Verdict) -> tuple[str, ...]:
    seen, target = verdict.figure, verdict.target
    at_most = "" if target.at_most is None else f"at most {target.at_most:g}"
    word = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[verdict.met]
    return target.key, f"{seen.median:.2f}", f"{seen.low:.2f} and {seen.high:.2f}", at_most, word


def _record(verdict: Verdict) -> dict[str, object]:
    return {**asdict(verdict.figure), "target": verdict.target.at_most, "met": verdict.met}
