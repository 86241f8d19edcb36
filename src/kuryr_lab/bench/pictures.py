"""Pictures of a report, for people who would rather see than read: SVG, the same file for the same figures."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench.targets import AMONG, BARE

_COLOURS: Mapping[str, str] = {
    who.NONE: "#9e9e9e",
    who.BRIDGE: "#1f77b4",
    who.CONTROL: "#aec7e8",
    who.READY: "#2ca02c",
    who.KURYR: "#98df8a",
    who.NOWAIT: "#c7e9c0",
    who.LIBNETWORK: "#d62728",
    BARE: "#ff7f0e",
}
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "kuryr", "font.size": 9, "axes.spines.top": False}
_INCHES = (8, 3.6)

Report = Mapping[str, Any]


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw what the report has figures for into `folder`; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with mpl.rc_context({**_SETTINGS, "axes.spines.right": False}):
        for name, picture in PICTURES.items():
            figure = Figure(figsize=_INCHES, layout="constrained")
            if picture(report, figure, figure.subplots()):
                path = folder / f"{name}.svg"
                figure.savefig(path, metadata={"Date": None})
                drawn.append(path)
    return drawn


def _starts(report: Report, _figure: Figure, axes: Axes) -> bool:
    """How long one start takes, of each contender."""
    found = report["medians"].get("start", {})
    names = [name for name in _COLOURS if name in found]
    for place, name in enumerate(reversed(names)):
        seen = found[name]
        reach = [[seen["median"] - seen["low"]], [seen["high"] - seen["median"]]]
        axes.barh(place, seen["median"], xerr=reach, color=_COLOURS[name], capsize=2)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel("docker run: seconds, median and where it lies with 95 %")
    return bool(names)


def _targets(report: Report, figure: Figure, axes: Axes) -> bool:
    """How far each figure is from its target, which is 1."""
    rows = [(key, seen) for key, seen in report["figures"].items() if seen["verdict"] in {"met", "not met"}]
    rows = [(key, seen) for key, seen in reversed(rows) if _limit(seen)]
    for place, (_, seen) in enumerate(rows):
        limit, colour = _limit(seen), "#2ca02c" if seen["verdict"] == "met" else "#d62728"
        axes.plot([seen["low"] / limit, seen["high"] / limit], [place, place], color=colour, linewidth=1)
        axes.plot(seen["median"] / limit, place, "o", color=colour)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [f"{key}  {seen['target']}" for key, seen in rows])
    axes.set_xlabel("figure ÷ target")
    figure.set_size_inches(_INCHES[0], 1 + 0.22 * len(rows))
    return bool(rows)


def _limit(seen: Report) -> float:
    """The number in `≤ 1.05 [1]`."""
    return float(seen["target"].split()[1])


def _crowds(report: Report, _figure: Figure, axes: Axes) -> bool:
    """How long it takes until the last of many has started, or is gone."""
    scenarios = [name for name in report["medians"] if "at once" in name]
    for place, scenario in enumerate(scenarios):
        found = report["medians"][scenario]
        names = [name for name in _COLOURS if name in found]
        for index, name in enumerate(names):
            label = name if place == 0 else None
            axes.bar(
                place + index / (len(names) + 1),
                found[name]["median"],
                0.8 / (len(names) + 1),
                color=_COLOURS[name],
                label=label,
            )
    axes.set_xticks([place + 0.35 for place in range(len(scenarios))], scenarios)
    axes.set_ylabel("seconds, median")
    if scenarios:
        axes.legend(frameon=False)
    return bool(scenarios)


def _growth(report: Report, _figure: Figure, axes: Axes) -> bool:
    """What a start costs among more and more ports."""
    numbers = [number for number in (10, 100, 1000) if AMONG.format(number) in report["medians"]]
    for name in _COLOURS:
        seen = [report["medians"][AMONG.format(number)].get(name) for number in numbers]
        if numbers and all(seen):
            axes.plot(numbers, [each["median"] for each in seen], "o-", color=_COLOURS[name], label=name)
    if numbers:
        axes.set_xscale("log")
        axes.set_xticks(numbers, [str(number) for number in numbers])
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
    axes.set_xlabel("ports of others in the network")
    axes.set_ylabel("seconds, median")
    return bool(numbers)


def _churn(report: Report, _figure: Figure, axes: Axes) -> bool:
    """How long starts took at a steady rate in a large cloud."""
    scenario = next((name for name in report["medians"] if name.endswith("starts per second")), "")
    for name, values in _values(report, scenario):
        ordered = sorted(values)
        axes.plot(
            ordered, [100 * (each + 1) / len(ordered) for each in range(len(ordered))], color=_COLOURS[name], label=name
        )
    if scenario:
        axes.set_xscale("log")
        axes.legend(frameon=False)
    axes.set_xlabel(f"seconds to start, {scenario.removeprefix('churn: ')}")
    axes.set_ylabel("% of the starts")
    return bool(scenario)


def _values(report: Report, scenario: str) -> Iterator[tuple[str, list[float]]]:
    for name in report["medians"].get(scenario, {}):
        yield name, [run["value"] for run in report["runs"] if (run["scenario"], run["contender"]) == (scenario, name)]


PICTURES: Mapping[str, Callable[[Report, Figure, Axes], bool]] = {
    "start": _starts,
    "targets": _targets,
    "parallel": _crowds,
    "growth": _growth,
    "churn": _churn,
}
"""By the name of the file; each says whether there was anything to draw."""
