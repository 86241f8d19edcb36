"""What each docker command costs: its time, and the requests that it causes in Neutron, from Neutron's own log.

A command may cause requests after it has returned (a port gets its user's name once the container has lived for a
while). So a host is left in peace for a span after each command, which passes while the demo looks at other things,
and a request belongs to the latest command of its host that began before it.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Request

QUIET = 1.0
"""Seconds for which nothing must have come after a command before the next on the same host."""
IDENTIFIED = 2.6
"""The same after `docker run`: the name of an endpoint is written on its port when it has lived for two seconds."""


@dataclass(frozen=True, slots=True)
class Command:
    """One docker command; times in seconds since the epoch."""

    host: str
    title: str
    began: float
    ended: float
    quiet: float = QUIET


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command made its host ask of Neutron."""

    command: Command
    before: tuple[Request, ...]
    """Begun before it returned."""
    behind: tuple[Request, ...]
    """Begun later."""

    @property
    def milliseconds(self) -> int:
        """How long the person at the keyboard waited."""
        return round(1000 * (self.command.ended - self.command.began))


def attribute(commands: Sequence[Command], requests: Iterable[Request]) -> list[Cost]:
    """The cost of each command; requests of hosts before their first command belong to none."""
    caused: dict[Command, list[Request]] = {command: [] for command in commands}
    for request in sorted(requests, key=lambda request: request.began):
        earlier = [each for each in commands if each.host == request.client and each.began <= request.began]
        if earlier:
            caused[max(earlier, key=lambda command: command.began)].append(request)
    return [
        Cost(
            command,
            tuple(each for each in found if each.began <= command.ended),
            tuple(each for each in found if each.began > command.ended),
        )
        for command, found in caused.items()
    ]


def describe(requests: Sequence[Request]) -> str:
    """How many requests, and which: `3: POST port, 2 GET networks`."""
    counted = Counter(_kind(request) for request in requests)
    kinds = ", ".join(kind if number == 1 else f"{number} {kind}" for kind, number in counted.items())
    return f"{len(requests)}: {kinds}" if kinds else "0"


def _kind(request: Request) -> str:
    collection, *identifier = request.path.partition("?")[0].removeprefix("/v2.0/").split("/")
    many = request.method == "GET" and not identifier
    trouble = f" ({request.status})" if request.status >= 400 else ""
    return f"{request.method} {collection if many else collection.removesuffix('s')}{trouble}"


class Meter:
    """Runs docker commands on the hosts of a lab and keeps what they cost."""

    def __init__(self, lab: Lab) -> None:
        self._cursors = {name: lab.requests(name, sweeps=False) for name in lab.hosts}
        self._commands: list[Command] = []
        self._requests: list[Request] = []

    def docker(self, host: Host, *argv: str, title: str, quiet: float = QUIET) -> str:
        """Run `docker argv` and return what it printed; `title` names it in the table. Raises CommandFailed."""
        self._settle(host.name)
        began = time.time()
        try:
            return host.docker(*argv)
        finally:
            self._commands.append(Command(host.name, title, began, time.time(), quiet))

    def costs(self) -> list[Cost]:
        """What all commands so far have cost, once the hosts are quiet."""
        for host in self._cursors:
            self._settle(host)
        return attribute(self._commands, self._requests)

    def _settle(self, host: str) -> None:
        last = next((each for each in reversed(self._commands) if each.host == host), None)
        if last:
            pause = last.ended + last.quiet - time.time()
            self._requests += self._cursors[host].read_until_quiet(max(pause, 0))
        self._requests += self._cursors[host].read()
