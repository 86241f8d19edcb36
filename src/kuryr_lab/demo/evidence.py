"""What the demo's claims rest on: packets that arrive or do not, and what the hosts' kernels say."""

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory
from kuryr_lab.traffic import Station
from kuryr_lab.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Peer:
    """A container or a machine: who sends and answers there, on which host, at which address."""

    station: Station
    host: str
    address: str

    @property
    def name(self) -> str:
        """What its web server answers."""
        return self.station.name


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one ping and one HTTP request over TCP."""

    source: Peer
    target: Peer
    milliseconds: float | None
    """Round trip of the ping; None if it was not answered."""
    content: str | None
    """What the web server answered; None if no connection was made."""

    @property
    def outcome(self) -> str:
        """`through` if both arrived and the right one answered, `blocked` if nothing arrived, else what did."""
        if self.milliseconds is not None and self.content == self.target.name:
            return "through"
        if self.milliseconds is None and self.content is None:
            return "blocked"
        return "ping: {}, HTTP: {}".format(*self.row()[2:])

    def row(self) -> tuple[str, str, str, str]:
        """For a person: from, to, ping, TCP."""
        ping = "no answer" if self.milliseconds is None else f"{self.milliseconds:.2f} ms"
        http = "no connection" if self.content is None else f"says {self.content!r}"
        target = f"{self.target.name} ({self.target.host}) {self.target.address}"
        return f"{self.source.name} ({self.source.host})", target, ping, http


COLUMNS = ("from", "to", "ping", "HTTP over TCP")


def attempt(source: Peer, target: Peer) -> Exchange:
    """One ping and one request, each given up after a second."""
    pinged = source.station.run(["busybox", "ping", "-c", "1", "-W", "1", target.address], check=False)
    content = source.station.fetch(target.address, seconds=1)
    return Exchange(source, target, round_trip(pinged.stdout), None if content is None else content.strip())


def exchange(source: Peer, target: Peer, seconds: float = 10) -> Exchange:
    """The same, tried until the ping is answered, for `seconds` at most.

    The first packet between two hosts may be lost, while the tunnel learns of its neighbour.
    """
    tried: list[Exchange] = []

    def answered() -> bool:
        tried.append(attempt(source, target))
        return tried[-1].milliseconds is not None

    with contextlib.suppress(LabError):
        wait_until(f"{source.name} pings {target.name}", answered, seconds)
    return tried[-1]


def await_silence(source: Peer, target: Peer, seconds: float = 10) -> Exchange:
    """The same, tried once a ping is not answered any more, or after `seconds`.

    The switches learn of a change of groups within moments, not at once.
    """
    with contextlib.suppress(LabError):
        wait_until(f"{source.name} is shut out", lambda: not source.station.ping(target.address), seconds)
    return attempt(source, target)


def round_trip(printed: str) -> float | None:
    """Milliseconds, from what busybox's ping printed; None if nothing was answered."""
    found = re.search(r"^\d+ bytes from .* time=([0-9.]+) ms$", printed, re.MULTILINE)
    return float(found[1]) if found else None


def addresses_and_routes(host: Host) -> frozenset[str]:
    """Every address and every route of a host, of both families, those of its containers apart."""
    listed = {family: host.run(["ip", "-json", family, "route", "show"]).stdout for family in ("-4", "-6")}
    links = json.loads(host.run(["ip", "-json", "address", "show"]).stdout)
    addresses = {
        f"{link['ifname']} {each['local']}/{each['prefixlen']}" for link in links for each in link["addr_info"]
    }
    return frozenset(addresses).union(*(map(_route, json.loads(routes or "[]")) for routes in listed.values()))


def _route(route: dict[str, str]) -> str:
    return " ".join(f"{key} {route[key]}" for key in ("dst", "gateway", "dev", "prefsrc") if key in route)


def left_behind(lab: Lab, before: frozenset[str], seconds: float = 20) -> list[str]:
    """What differs from the inventory `before` even after `seconds`: `+` has come, `-` has gone. Empty if nothing.

    Docker unmounts the network namespace of a container that ends, with which the namespace is gone, but removes the
    empty file that it was mounted on only once a minute (libnetwork, osl/namespace_linux.go, gpmCleanupPeriod).
    """
    differences: list[str] = []

    def equal() -> bool:
        now = inventory(lab) - _empty_files(lab.hosts.values())
        differences[:] = sorted([f"+ {item}" for item in now - before] + [f"- {item}" for item in before - now])
        return not differences

    with contextlib.suppress(LabError):
        wait_until("nothing is left behind", equal, seconds)
    return differences


def _empty_files(hosts: Iterable[Host]) -> set[str]:
    """The lines of an inventory for Docker's files that no network namespace is mounted on."""
    return {
        f"{host.name}: network namespace {path.name}"
        for host in hosts
        for path in Path("/proc", str(host.pid), "root/run/docker/netns").glob("*")
        if not path.is_mount()
    }
