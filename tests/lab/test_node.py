"""A node is a small machine, and goes without a trace."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from kuryr_lab import cleanup, processes
from kuryr_lab.errors import CommandFailed, LabError
from kuryr_lab.layout import Layout
from kuryr_lab.node import Node
from kuryr_lab.waiting import wait_until


def test_a_node_has_its_own_name_and_network(node: Node) -> None:
    assert node.run(["hostname"]).stdout.strip() == "node"
    assert node.run(["ls", "/sys/class/net"]).stdout.split() == ["lo"]


def test_what_a_node_writes_to_run_etc_and_var_does_not_touch_the_machine(node: Node) -> None:
    name = f"of-{node.layout.name}"
    for directory in ("/run", "/etc", "/var"):
        node.run(["touch", f"{directory}/{name}"])
        assert not Path(directory, name).exists()
    assert (node.run_directory / name).exists()
    assert (node.etc / name).exists()


def test_the_checkout_is_seen_at_the_same_place(node: Node) -> None:
    assert node.run(["pwd"]).stdout.strip() == str(Path.cwd())


def test_a_failing_command_is_an_error_with_what_it_said(node: Node) -> None:
    with pytest.raises(CommandFailed, match="status 3: oh dear") as caught:
        node.run(["sh", "-c", "echo oh dear >&2; exit 3"])
    assert caught.value.returncode == 3


def test_a_command_that_does_not_end_is_an_error(node: Node) -> None:
    with pytest.raises(LabError, match="no end within 1 s"):
        node.run(["sleep", "60"], seconds=1)


def test_the_callers_environment_stays_outside(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "secret")
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere")
    seen = node.run(["env"]).stdout
    assert "secret" not in seen
    assert "DOCKER_HOST" not in seen


def test_a_daemon_that_ends_early_is_an_error_that_names_its_log(node: Node) -> None:
    with pytest.raises(LabError, match="broken on node ended with status 4") as caught:
        node.daemon("broken", ["sh", "-c", "echo no such disk; exit 4"], ready=lambda: False)
    assert caught.value.log
    assert caught.value.log.read_text() == "no such disk\n"


def test_a_daemon_that_is_never_ready_is_an_error_that_names_its_log(node: Node) -> None:
    with pytest.raises(LabError, match="idle on node is ready: not within 0 s") as caught:
        node.daemon("idle", ["sleep", "60"], ready=lambda: False, seconds=0.2)
    assert caught.value.log == node.find_daemon("idle").log


def test_a_daemon_is_found_and_stopped_by_somebody_who_did_not_start_it(node: Node) -> None:
    node.daemon("sleeper", ["sleep", "1000"])
    found = Node(node.layout, "node").find_daemon("sleeper")
    assert Path("/proc", str(found.pid), "cmdline").read_bytes() == b"sleep\x001000\x00"
    found.stop()
    assert not found.alive()
    with pytest.raises(LabError, match="not running"):
        _ = found.pid


def test_killing_a_daemon_leaves_its_children_as_a_crash_does(node: Node) -> None:
    daemon = node.daemon("parent", ["sh", "-c", "sleep 1000 & touch /run/forked; wait"], ready=forked(node))
    daemon.kill()
    assert not daemon.alive()
    assert [process.command for process in daemon.processes()] == ["sleep 1000"]


def test_a_killed_popen_takes_its_command_along(node: Node) -> None:
    child = node.popen(["sh", "-c", "echo here; exec sleep 1000"])
    assert child.stdout
    assert child.stdout.readline() == "here\n"
    child.kill()
    child.communicate()
    wait_until("the command ends", lambda: "sleep 1000" not in commands(node.layout), seconds=5)


def forked(node: Node) -> "ForkedCheck":
    return ForkedCheck(node.run_directory / "forked")


class ForkedCheck:
    """Whether a file is there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> bool:
        return self.path.exists()


def commands(layout: Layout) -> list[str]:
    return [process.command for process in processes.marked(layout.state)]


DETACHED = [
    "setsid",
    "--fork",
    "env",
    "--ignore-environment",
    "sh",
    "-c",
    "exec >&- 2>&-; sleep 1000 & exec sleep 1000",
]


def victims(node: Node) -> dict[str, int]:
    """Processes of a node, any of which may be the first to die."""
    found = {}
    for process in processes.marked(node.directory):
        kind = process.command.split()[0]
        found["init" if process.is_node else kind] = process.pid
    return found


@pytest.mark.parametrize("victim", ["nobody", "init", "unshare", "nsenter", "sleep"])
def test_nothing_is_left_of_a_node_whoever_was_killed_first(node: Node, victim: str) -> None:
    node.daemon("sleeper", ["sleep", "1000"])
    node.run(DETACHED)
    if victim != "nobody":
        os.kill(victims(node)[victim], signal.SIGKILL)
    inode = Path("/run/netns", node.layout.namespace("node")).stat().st_ino
    cleanup.remove(node.layout)
    assert cleanup.leftovers(node.layout) == []
    assert inode not in network_namespaces()


def network_namespaces() -> set[int]:
    """Those of all living processes: also of ones that carry no mark."""
    listing = subprocess.run(["lsns", "-t", "net", "-n", "-o", "NS"], check=True, capture_output=True, text=True)
    return {int(line) for line in listing.stdout.split()}


def test_leftovers_names_what_is_there(node: Node) -> None:
    cgroup = next(Path("/sys/fs/cgroup").glob("**/cgroup.procs")).parent / node.layout.namespace("node")
    cgroup.mkdir()
    (cgroup / "inner").mkdir()
    subprocess.run(["ip", "link", "add", node.layout.link, "type", "bridge"], check=True)
    kinds = {line.split()[0] for line in cleanup.leftovers(node.layout)}
    assert kinds == {"process", "network", "interface", "cgroup"}
    cleanup.remove(node.layout)
    assert cleanup.leftovers(node.layout) == []


def test_a_namespace_with_a_strangers_process_is_left_alone(layout: Layout) -> None:
    name = layout.namespace("host1")
    subprocess.run(["ip", "netns", "add", name], check=True)
    stranger = subprocess.Popen(["nsenter", f"--net=/run/netns/{name}", "sh", "-c", "echo; exec sleep 1000"], stdout=-1)
    try:
        assert stranger.stdout
        stranger.stdout.readline()
        cleanup.remove(layout)
        assert stranger.poll() is None
        assert cleanup.leftovers(layout) == [f"network namespace {name}"]
    finally:
        stranger.kill()
        stranger.communicate()
        cleanup.remove(layout)
    assert cleanup.leftovers(layout) == []


def test_a_stranger_with_a_reused_number_is_not_killed(layout: Layout) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        stale = processes.Marked(stranger.pid, 1, layout.directory("node"), "", "sleep 1000", 1, stranger.pid)
        processes.send(stale, signal.SIGKILL)
        with pytest.raises(subprocess.TimeoutExpired):
            stranger.wait(timeout=0.3)
    finally:
        stranger.kill()
        stranger.wait()


def test_a_node_keeps_nothing_of_another_alive(node: Node, layout: Layout) -> None:
    """A copy of the mount table taken while the other lived would hold its network namespace."""
    other = Node(layout, "other")
    other.start()
    assert other.run(["grep", "-c", "/run/netns/", "/proc/self/mountinfo"], check=False).stdout.strip() == "0"
