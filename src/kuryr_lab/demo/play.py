"""The demo from a cloud of its own to nothing left, with an exit status that tells the truth."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from keystoneauth1.exceptions import ClientException
from rich.console import Console

from kuryr_lab.demo.screen import WIDTH, Screen
from kuryr_lab.demo.stage import Stage
from kuryr_lab.demo.story import tell
from kuryr_lab.errors import LabError, tail
from kuryr_lab.lab import Lab
from kuryr_lab.progress import Progress


def play(name: str, *, keep: bool) -> bool:
    """Show the demo in the lab `name`; whether everything was as claimed and nothing is left.

    A lab of that name that is up is taken down first: a demo begins with nothing. Afterwards the lab is taken down,
    also after Ctrl-C; with `keep` it stays up, unless it was interrupted.
    """
    screen = Screen(Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
    lab, began = Lab(name), time.monotonic()
    try:
        told = _tell(lab, screen, keep=keep)
    except BaseException:
        screen.say("The cloud is taken down.")
        lab.down()
        raise
    if keep:
        if not told and lab.hosts:
            screen.say(f"The cloud stays up for a look around; end it by: {_program()} down --name {name}")
        return told
    gone = _end(lab, screen)
    if not told:
        screen.say("The demo FAILED: see above.")
    elif gone:
        screen.say(
            f"That was all, in {time.monotonic() - began:.0f} s. Everything was as claimed, and nothing is left."
        )
    return told and gone


def _tell(lab: Lab, screen: Screen, *, keep: bool) -> bool:
    """The story; whether it came to its end."""
    try:
        _raise_cloud(lab, screen)
        tell(Stage(lab, screen), _program() if keep else None)
    except (LabError, ClientException, subprocess.SubprocessError) as error:
        screen.failure(error)
        log = getattr(error, "log", None)
        if log:
            screen.log(str(log), tail(log))
        for host in lab.hosts.values():
            driver = host.find_daemon("kuryr").log
            screen.log(f"{host.name}: the end of Kuryr's log ({driver})", tail(driver, 12))
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
    """Take the lab down; whether nothing is left of it."""
    screen.step("The cloud goes", "Its processes, namespaces, mounts, interfaces and control groups.")
    lab.down()
    try:
        screen.check("nothing of it is left on this machine", expected=[], seen=lab.leftovers())
    except LabError as error:
        screen.failure(error)
        return False
    return True


def _program() -> str:
    """How a person calls `kuryr-lab` from the current directory."""
    if shutil.which("kuryr-lab"):
        return "kuryr-lab"
    own = Path(sys.executable).parent / "kuryr-lab"
    return min(str(own), os.path.relpath(own), key=len)
