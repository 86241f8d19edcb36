"""The whole benchmark, in labs of its own: one for each Docker that is measured."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired

from keystoneauth1.exceptions import ClientException
from rich.console import Console

from kuryr_lab import engines
from kuryr_lab.bench import expenses, pictures, report, scenarios, surroundings
from kuryr_lab.bench.churn import churn
from kuryr_lab.bench.machine import describe
from kuryr_lab.bench.nested import nested
from kuryr_lab.bench.quiet import await_quiet
from kuryr_lab.bench.setting import Effort, Setting
from kuryr_lab.bench.targets import START_28
from kuryr_lab.bench.trials import Run, Trials
from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.layout import CHECKOUT
from kuryr_lab.libnetwork import start_libnetwork
from kuryr_lab.node import Daemon
from kuryr_lab.progress import Progress

RESULT = CHECKOUT / "build" / "bench.json"
PICTURES = CHECKOUT / "docs" / "img"
_LATER = "28.5"

Scenario = Callable[[Setting], None]

SCENARIOS: Mapping[str, Scenario] = {
    "start": scenarios.start,
    "exposed": scenarios.exposed,
    "cycle": scenarios.cycle,
    "contact": scenarios.contact,
    "crowd": scenarios.crowds,
    "restart": scenarios.restart,
    "sustained": scenarios.sustained,
    "network": scenarios.network,
    "calls": expenses.calls,
    "driver": expenses.driver,
    "churn": churn,
    "nested": nested,
    "containers": surroundings.containers,
    "networks": surroundings.networks,
    "ports": surroundings.ports,
    "start28": scenarios.start_28,
}
"""In their order: what makes the cloud larger comes last."""
_OF_LATER = frozenset({"start28"})


@dataclass(frozen=True, slots=True)
class _Session:
    """Scenarios that share a lab, whose hosts have one Docker."""

    engine: str
    names: tuple[str, ...]


def play(
    name: str, engine: str, effort: Effort, result: Path = RESULT, quiet: Callable[[], float] = await_quiet
) -> None:
    """Run every scenario in the lab `name`, show and write the report, and draw it.

    `quiet` waits for a quiet machine, and tells how much it was not.

    Raises LabError in the end if a scenario failed; those that did not are reported all the same.
    The pictures go into the documentation if all scenarios were run in full, else beside the report.
    """
    console, began = Console(highlight=False), time.monotonic()
    trials = Trials(lambda run: _tell(console, run), quiet)
    wanted = [each for each in SCENARIOS if effort.wants(each)]
    machine: dict[str, str] = {}
    for session in (
        _Session(engine, tuple(each for each in wanted if each not in _OF_LATER)),
        _Session(_LATER, tuple(each for each in wanted if each in _OF_LATER)),
    ):
        if session.names:
            machine |= _run(console, name, session, trials, effort)
    written = report.report(machine, trials)
    report.write(result, written)
    report.show(console, written)
    drawn = pictures.draw(written, PICTURES if effort.is_full and not trials.failures else result.parent / "img")
    console.print(f"{len(trials.runs)} runs in {(time.monotonic() - began) / 60:.0f} min, all of them in {result}")
    console.print(f"drawn: {', '.join(map(str, drawn))}")
    if trials.failures:
        raise LabError(f"failed: {', '.join(trials.failures)}")


def _run(console: Console, name: str, session: _Session, trials: Trials, effort: Effort) -> dict[str, str]:
    """Bring a lab up, run scenarios there, and take it down; what the machine is."""
    try:
        engines.find(session.engine)
    except LabError as error:
        trials.skip(START_28, str(error))
        return {}
    lab = Lab(name)
    lab.down()
    try:
        with Progress(console) as progress:
            lab.up(hosts=1, engine=session.engine, watcher=progress)
        (host,) = lab.hosts.values()
        setting = Setting(lab, host, _start_drivers(host), trials, effort)
        for each in session.names:
            try:
                SCENARIOS[each](setting)
            except (LabError, TimeoutExpired, ClientException) as error:
                console.print(f"{each} failed: {error}", markup=False)
                trials.failures[each] = str(error)
        return describe(lab)
    finally:
        lab.down()


def _start_drivers(host: Host) -> Daemon:
    """Kuryr, waiting for readiness and not; and its rival. The first one is answered."""
    other = {"OS_DEFAULT__DEPLOYMENT": "nowait", "OS_BINDING__READY_TIMEOUT": "0"}
    _serve(host, "kuryr-nowait", {**other, "OS_DOCKER__SOCKET": "/run/docker/plugins/kuryr-nowait.sock"})
    start_libnetwork(host, "libnetwork")
    return _serve(host, "kuryr", {"OS_BINDING__READY_PORTS_MAX": "20"})


def _serve(host: Host, name: str, options: Mapping[str, str]) -> Daemon:
    ready = (host.run_directory / f"docker/plugins/{name}.sock").exists
    return host.daemon(name, ["kuryr", "docker", "serve"], ready=ready, env=options)


def _tell(console: Console, run: Run) -> None:
    console.print(f"{run.scenario:<30} {run.contender:<18} {run.round:>3} {run.value:8.3f}", markup=False)
