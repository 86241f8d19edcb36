"""`down` leaves nothing, whatever happened before, and touches no other lab."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kuryr_lab import processes
from kuryr_lab.lab import Lab

pytestmark = pytest.mark.exhaustive

COMMAND = str(Path(__file__).parents[2] / ".venv" / "bin" / "kuryr-lab")


@pytest.fixture
def second() -> Iterator[Lab]:
    """Another lab than the session's, not up yet."""
    lab = Lab(f"x{secrets.token_hex(4)}")
    yield lab
    lab.down()


def traces(lab: Lab) -> list[str]:
    """What the machine shows of a lab, found by other means than the lab's own."""
    commands = (
        ["ip", "netns", "list"],
        ["ip", "-brief", "link"],
        ["cat", "/proc/self/mountinfo"],
        ["find", "/sys/fs/cgroup", "-type", "d"],
        ["ps", "-eo", "args"],
    )
    shown = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for command in commands]
    return [line for text in shown for line in text.splitlines() if lab.name in line]


def up_until(lab: Lab, line: str) -> "subprocess.Popen[str]":
    """An `up` in another process, which has just reported `line`."""
    up = subprocess.Popen([COMMAND, "up", "--name", lab.name, "--hosts", "1"], stderr=subprocess.PIPE, text=True)
    assert up.stderr
    for said in up.stderr:
        if said.startswith(line):
            return up
    raise AssertionError(f"`up` ended without saying {line!r}")


@pytest.mark.parametrize("moment", ["control node", "host1: node", "MariaDB", "host1: OVN", "host1: Docker", "lab "])
def test_nothing_is_left_after_an_up_that_was_killed(second: Lab, moment: str) -> None:
    up = up_until(second, moment)
    up.kill()
    up.communicate()
    assert traces(second)
    lab = Lab(second.name)
    lab.down()
    assert lab.leftovers() == []
    assert traces(second) == []


def test_a_lab_comes_up_over_the_remains_of_one_that_was_killed(second: Lab) -> None:
    up = up_until(second, "MariaDB")
    up.kill()
    up.communicate()
    second.up(hosts=1)
    assert second.neutron("demo").find("network") == []
    assert second.hosts["host1"].docker("ps", "--quiet") == ""


def test_two_labs_live_side_by_side_and_one_ends_without_the_other(lab: Lab, second: Lab) -> None:
    second.up(hosts=1)
    assert second.layout.management != lab.layout.management
    network = second.neutron("demo").create("network", name="of-the-second")
    assert [seen["id"] for seen in second.neutron("demo").find("network")] == [network["id"]]
    assert lab.neutron("demo").find("network", name="of-the-second") == []
    second.hosts["host1"].docker("run", "--detach", "--name", "one", "busybox", "sleep", "1000")
    second.down()
    assert second.leftovers() == []
    assert traces(second) == []
    assert lab.is_up()
    assert lab.neutron("demo").find("network", name="of-the-second") == []


def test_nothing_is_left_when_everything_was_killed_one_by_one(second: Lab) -> None:
    second.up(hosts=1)
    second.hosts["host1"].docker("run", "--detach", "busybox", "sleep", "1000")
    for process in processes.marked(second.layout.state):
        if not process.is_node and not process.command.startswith("unshare"):
            processes.send(process, signal.SIGKILL)
    Lab(second.name).down()
    assert second.leftovers() == []
    assert traces(second) == []


def test_an_up_that_fails_says_why_and_leaves_nothing(second: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "ovs-vswitchd"
    broken.write_text("#!/bin/sh\necho the disk is on fire\nexit 1\n")
    broken.chmod(0o755)
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = [COMMAND, "up", "--name", second.name, "--hosts", "1"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: ovs-vswitchd on host1 ended with status 1\nthe disk is on fire\n" in done.stderr
    assert second.leftovers() == []
    assert traces(second) == []


def test_down_of_a_lab_that_never_was_is_fine(second: Lab) -> None:
    second.down()
    assert second.leftovers() == []


def test_only_one_process_at_a_time_works_on_a_lab(second: Lab) -> None:
    up = up_until(second, "control node")
    try:
        done = subprocess.run([COMMAND, "down", "--name", second.name], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == f"error: lab {second.name} is being brought up or down by another process\n"
    finally:
        up.kill()
        up.communicate()
