"""The demo from a cloud of its own to nothing left, with an exit status that tells the truth."""

import os
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from kuryr_lab.demo.screen import WIDTH, Screen
from kuryr_lab.demo.story import Story
from kuryr_lab.errors import LabError, tail
from kuryr_lab.lab import Lab
from kuryr_lab.progress import Progress


def play(name: str, *, keep: bool) -> bool:
    """Show the demo in the lab `name`; whether everything was as claimed.

    A lab of that name that is up is taken down first: a demo begins with nothing. Afterwards the lab is taken down,
    also after Ctrl-C; with `keep` it stays up.
    """
    screen = Screen(Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
    lab, began = Lab(name), time.monotonic()
    try:
        told = _tell(lab, screen, keep=keep)
    except BaseException:
        lab.down()
        raise
    if keep:
        if not told:
            screen.say(f"The lab stays up for a look around; end it by: {_program()} down --name {name}")
        return told
    left = _end(lab, screen) if told else _abandon(lab)
    if told and not left:
        screen.say(f"That was all, in {time.monotonic() - began:.0f} s. Nothing is left.")
    return told and not left


def _tell(lab: Lab, screen: Screen, *, keep: bool) -> bool:
    try:
        _raise_cloud(lab, screen)
        story = Story(lab, screen)
        story.tell()
        if not keep:
            story.removal()
        story.costs()
        if keep:
            story.invitation(_program())
    except LabError as error:
        screen.failure(error)
        if error.log:
            screen.log(str(error.log), tail(error.log))
        for host in lab.hosts.values():
            log = host.find_daemon("kuryr").log
            screen.log(f"{host.name}: the end of Kuryr's log ({log})", tail(log, 12))
        return False
    return True


def _raise_cloud(lab: Lab, screen: Screen) -> None:
    screen.step(
        "A private OpenStack cloud with two Docker hosts comes up",
        "Real parts: Keystone, Neutron with OVN, MariaDB, and on each host Open vSwitch, ovn-controller and dockerd.",
    )
    if lab.hosts:
        screen.say(f"(lab {lab.name} is there from an earlier run, and is taken down first)")
        lab.down()
    began = time.monotonic()
    with Progress(screen.console) as progress:
        lab.up(watcher=progress)
    screen.say(f"up after {time.monotonic() - began:.1f} s")


def _end(lab: Lab, screen: Screen) -> bool:
    """Take the lab down; whether something is left of it."""
    screen.step("The cloud goes", "Processes, namespaces, mounts, interfaces and control groups, all of the lab's.")
    lab.down()
    left = lab.leftovers()
    try:
        screen.check("nothing is left on this machine", expected=[], seen=left)
    except LabError as error:
        screen.failure(error)
    return bool(left)


def _abandon(lab: Lab) -> bool:
    lab.down()
    return bool(lab.leftovers())


def _program() -> str:
    """How a person calls `kuryr-lab` from the current directory."""
    if shutil.which("kuryr-lab"):
        return "kuryr-lab"
    own = Path(sys.executable).parent / "kuryr-lab"
    return min(str(own), os.path.relpath(own), key=len)
