"""The whole benchmark in a lab of its own."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench import costs, report, starts
from kuryr_lab.bench.contenders import Contender, Lane, lanes
from kuryr_lab.bench.crowds import crowd
from kuryr_lab.bench.machine import describe
from kuryr_lab.bench.trials import Run, Trials
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.layout import CHECKOUT
from kuryr_lab.libnetwork import start_libnetwork
from kuryr_lab.node import Daemon
from kuryr_lab.progress import Progress

RESULT = CHECKOUT / "build" / "bench.json"

CONTENDERS: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender(who.NONE, ""),
        Contender(who.BRIDGE, "bridge"),
        Contender(who.CONTROL, "bridge"),
        Contender(who.READY, "kuryr"),
        Contender(who.KURYR, "kuryr", ("-o", "kuryr.ready_ports=off")),
        Contender(who.LIBNETWORK, "libnetwork"),
    )
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How many rounds: of what is fast, and of what is slow."""

    rounds: int = 30
    slow: int = 10
    only: tuple[str, ...] = ()
    """Scenarios; all if none is named."""


def play(name: str, engine: str, effort: Effort, result: Path = RESULT) -> None:
    """Bring a lab up, run every scenario, show and write the report, take the lab down. Raises LabError."""
    console, lab = Console(highlight=False), Lab(name)
    lab.down()
    try:
        with Progress(console) as progress:
            lab.up(hosts=1, engine=engine, watcher=progress)
        (host,) = lab.hosts.values()
        trials, began = Trials(lambda run: _tell(console, run)), time.monotonic()
        _run_all(lab, host, trials, effort)
        machine = describe(lab)
    finally:
        lab.down()
    report.write(result, machine, trials)
    report.show(console, machine, trials)
    console.print(f"{len(trials.runs)} runs in {(time.monotonic() - began) / 60:.0f} min, all of them in {result}")


def _starts(host: Host, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, *CONTENDERS) as opened:
        trials.turns("start", opened, effort.rounds, starts.start())


def _exposed(host: Host, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, *_RIVALS) as opened:
        trials.turns("start exposed", opened, effort.rounds, starts.start(*starts.EXPOSED))


def _cycles(host: Host, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, *_RIVALS) as opened:
        trials.turns("cycle", opened, effort.rounds, starts.cycle)


def _sustained(host: Host, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, *_USABLE) as opened:
        trials.turns("sustained", opened, effort.slow, starts.sustained)


def _contacts(host: Host, trials: Trials, effort: Effort) -> None:
    # Never of a container of kuryr-libnetwork: it leaves checksums to hardware that is not there.
    with lanes(host, CONTENDERS, *_USABLE) as opened:
        neighbours = {lane.name: _neighbour(lane) for lane in opened}
        trials.turns("first contact", opened, effort.rounds, starts.first_contact(neighbours))


def _crowds(host: Host, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, *_RIVALS) as opened:
        crowd(trials, "10 at once", opened, effort.slow, 10)


def _restarts(host: Host, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, *_USABLE) as opened:
        for lane in opened:
            lane.run("--ip", lane.address(250))
        trials.turns("restart with a fixed address", opened, effort.slow, starts.restart)


_RIVALS = (who.BRIDGE, who.CONTROL, who.READY, who.KURYR, who.LIBNETWORK)
_USABLE = (who.BRIDGE, who.CONTROL, who.READY, who.KURYR)

SCENARIOS: Mapping[str, Callable[[Host, Trials, Effort], None]] = {
    "start": _starts,
    "exposed": _exposed,
    "cycle": _cycles,
    "contact": _contacts,
    "crowd": _crowds,
    "restart": _restarts,
    "sustained": _sustained,
}


def _run_all(lab: Lab, host: Host, trials: Trials, effort: Effort) -> None:
    kuryr = host.daemon(
        "kuryr", ["kuryr", "docker", "serve"], ready=(host.run_directory / _SOCKET).exists, env=_READY_PORTS
    )
    start_libnetwork(host, "libnetwork")
    for name, scenario in SCENARIOS.items():
        if name in (effort.only or SCENARIOS):
            scenario(host, trials, effort)
    _count(lab, host, trials)
    _weigh(host, kuryr, trials, effort)


def _neighbour(lane: Lane) -> str:
    """The address of a container that listens on port 80."""
    container = lane.run(command=("httpd", "-f", "-p", "80"))
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return lane.host.docker("inspect", "--format", form, container)


def _count(lab: Lab, host: Host, trials: Trials) -> None:
    for name in (who.READY, who.KURYR, who.LIBNETWORK):
        actions = {}
        lane = CONTENDERS[name].open(host, 0)
        lane.remove(lane.run())  # what is read once for a network is not a start's
        actions["start"] = costs.requests(lab, host, lane.run)
        actions["stop"] = costs.requests(lab, host, lambda lane=lane: lane.remove(*list(lane.containers)))  # type: ignore[misc]
        actions["network_rm"] = costs.requests(lab, host, lane.close)
        actions["network_create"] = costs.requests(lab, host, lambda name=name: CONTENDERS[name].open(host, 0))  # type: ignore[misc]
        host.docker("network", "rm", lane.network)
        for action, (before, total) in actions.items():
            trials.note(Run(f"calls.{action}.before", name, 0, before, 0))
            trials.note(Run(f"calls.{action}", name, 0, total, 0))


def _weigh(host: Host, kuryr: Daemon, trials: Trials, effort: Effort) -> None:
    with lanes(host, CONTENDERS, who.KURYR) as (lane,):
        for number in range(effort.slow):
            before = costs.cpu_seconds(kuryr)
            for _ in range(10):
                starts.cycle(lane)
            spent = (costs.cpu_seconds(kuryr) - before) * 1000 / 10
            trials.note(Run("driver.cpu_ms_per_start_stop", who.KURYR, number, spent, 0))
    trials.note(Run("driver.rss_mb", who.KURYR, 0, costs.memory(kuryr), 0))
    for number in range(effort.slow):
        milliseconds = 1000 * costs.handshake(host, number)
        trials.note(Run("driver.handshake_ms", who.KURYR, number, milliseconds, 0))


def _tell(console: Console, run: Run) -> None:
    console.print(f"{run.scenario:<30} {run.contender:<18} {run.round:>3} {run.value:8.3f}", markup=False)


_READY_PORTS = {"OS_BINDING__READY_PORTS_MAX": "10"}
_SOCKET = "docker/plugins/kuryr.sock"
