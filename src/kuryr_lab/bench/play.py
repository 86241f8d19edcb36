"""The whole benchmark in a lab of its own."""

import time
from collections.abc import Mapping
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
        Contender(who.KURYR, "kuryr"),
        Contender(who.LIBNETWORK, "libnetwork"),
    )
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How many rounds: of what is fast, and of what is slow."""

    rounds: int = 30
    slow: int = 10


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


def _run_all(lab: Lab, host: Host, trials: Trials, effort: Effort) -> None:
    kuryr = host.daemon("kuryr", ["kuryr", "docker", "serve"], ready=(host.run_directory / _SOCKET).exists)
    start_libnetwork(host, "libnetwork")
    everybody, rivals = tuple(CONTENDERS), (who.BRIDGE, who.CONTROL, who.KURYR, who.LIBNETWORK)
    with lanes(host, CONTENDERS, *everybody) as opened:
        trials.turns("start", opened, effort.rounds, starts.start())
    with lanes(host, CONTENDERS, *rivals) as opened:
        trials.turns("start exposed", opened, effort.rounds, starts.start(*starts.EXPOSED))
        trials.turns("cycle", opened, effort.rounds, starts.cycle)
        neighbours = {lane.name: _neighbour(lane) for lane in opened if lane.name != who.LIBNETWORK}
        connected = [lane for lane in opened if lane.name in neighbours]
        trials.turns("first contact", connected, effort.rounds, starts.first_contact(neighbours))
        for lane in opened:
            lane.remove(*list(lane.containers))
        crowd(trials, "10 at once", opened, effort.slow, 10)
    with lanes(host, CONTENDERS, who.BRIDGE, who.CONTROL, who.KURYR) as opened:
        for lane in opened:
            lane.run("--ip", lane.address(250))
        trials.turns("restart with a fixed address", opened, effort.slow, starts.restart)
        for lane in opened:
            lane.remove(*list(lane.containers))
        trials.turns("sustained", opened, max(effort.slow // 3, 1), starts.sustained)
    _count(lab, host, trials)
    _weigh(host, kuryr, trials, effort)


def _neighbour(lane: Lane) -> str:
    """The address of a container that listens on port 80."""
    container = lane.run(command=("httpd", "-f", "-p", "80"))
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return lane.host.docker("inspect", "--format", form, container)


def _count(lab: Lab, host: Host, trials: Trials) -> None:
    for name in (who.KURYR, who.LIBNETWORK):
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


_SOCKET = "docker/plugins/kuryr.sock"
