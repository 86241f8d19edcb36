"""The generations of Docker that a lab can run: the machine's own, and later ones unpacked beside it.

An engine is a tree of files, the machine's own being `/`. A lab runs it by having links to its programs first on the
PATH of every node, the client among them: each engine is asked by the client it came with. runc is always the
machine's, because that of a later Debian wants a later C library.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kuryr_lab.errors import LabError
from kuryr_lab.layout import CHECKOUT

UNPACKED = CHECKOUT / "build" / "engines"
DEFAULT = "20.10"
_PROGRAMS = (
    "usr/bin/docker",
    "usr/bin/docker-init",
    "usr/bin/containerd",
    "usr/bin/containerd-shim-runc-v2",
    "usr/bin/ctr",
    "usr/sbin/dockerd",
    "usr/sbin/docker-proxy",
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An installed Docker; its version is what dockerd itself says."""

    version: str
    root: Path

    def is_called(self, name: str) -> bool:
        """Whether `name` is the version or its beginning: 28.5.2 is also called 28.5 and 28."""
        return f"{self.version}.".startswith(f"{name}.")

    def programs(self) -> list[Path]:
        """Its programs; what is missing, docker-init for one, is then the machine's."""
        return [path for program in _PROGRAMS if (path := self.root / program).exists()]


def installed() -> list[Engine]:
    """All engines, the oldest first."""
    return sorted(_look(), key=lambda engine: [int(number) for number in engine.version.split(".")])


def find(name: str) -> Engine:
    """The engine with this version, or the newest whose version begins with it. LabError if there is none."""
    engines = installed()
    for engine in reversed(engines):
        if engine.is_called(name):
            return engine
    known = ", ".join(engine.version for engine in engines)
    raise LabError(f"no Docker {name} is installed, only {known} (`scripts/setup engines` installs later ones)")


def _look() -> Iterator[Engine]:
    for root in (Path("/"), *UNPACKED.glob("[!.]*")):
        dockerd = root / "usr" / "sbin" / "dockerd"
        if dockerd.exists():
            printed = subprocess.run([dockerd, "--version"], check=True, capture_output=True, text=True).stdout
            if version := re.search(r"version (\d+(?:\.\d+)*)", printed):
                yield Engine(version[1], root)
