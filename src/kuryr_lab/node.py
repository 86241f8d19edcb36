"""A node: a process tree with network, mount, PID and UTS namespaces of its own, entered with nsenter.

`ip netns exec` would not do: it remounts /sys and so loses the control groups that dockerd needs.
"""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from kuryr_lab import processes
from kuryr_lab.errors import CommandFailed, LabError
from kuryr_lab.layout import HIDDEN, Layout
from kuryr_lab.processes import DAEMON_MARK, NODE_MARK, Marked
from kuryr_lab.spawn import REPORT, Spawned
from kuryr_lab.waiting import wait_until

_WRAPPERS = ("nsenter ", "setpriv ")  # what a daemon is for an instant before it is itself
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TERM")


class Node:
    """One small machine of a lab."""

    def __init__(self, layout: Layout, name: str) -> None:
        self.layout = layout
        self.name = name
        self._pid: int | None = None
        self._children: list[Spawned] = []

    @property
    def directory(self) -> Path:
        """The node's files, at the same path inside and outside of it."""
        return self.layout.directory(self.name)

    @property
    def run_directory(self) -> Path:
        """What the node sees as /run: its sockets can be used from outside."""
        return self.directory / "run"

    @property
    def etc(self) -> Path:
        """What the node sees as /etc, reached from outside; the node must be alive."""
        return Path("/proc", str(self.pid), "root/etc")

    @property
    def pid(self) -> int:
        """The first process, as numbered outside. LabError if the node is down."""
        if self._pid is None:
            self._pid = next((process.pid for process in processes.marked(self.directory) if process.is_node), None)
        if self._pid is None:
            raise LabError(f"node {self.name} of lab {self.layout.name} is down")
        return self._pid

    def alive(self) -> bool:
        """Whether the node's first process lives."""
        return any(process.is_node for process in processes.marked(self.directory))

    def start(self) -> None:
        """Make the node, with empty directories. LabError with its log if it does not come up."""
        shutil.rmtree(self.directory, ignore_errors=True)
        for name in ("run/lock", "run/tmp", "log", "etc", "var", "work/etc", "work/var", "cgroup"):
            (self.directory / name).mkdir(parents=True)
        log = self.layout.log(self.name, "node")
        reader, writer = os.pipe()
        # Should `unshare` be killed, the node goes with it; setsid keeps a terminal's Ctrl-C away from it.
        unshare = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
        init = [sys.executable, "-m", "kuryr_lab.node_init", self.name, str(self.directory), str(REPORT)]
        child = Spawned([*unshare, *init], self.environment(), log, writer)
        self._children.append(child)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            if not select.select([pipe], [], [], 20)[0] or pipe.read(1) != b".":
                raise LabError(f"node {self.name} did not start", log=log)
        self._pid = int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()[0])
        namespace = self.layout.namespace(self.name)
        subprocess.run(["ip", "netns", "attach", namespace, str(self._pid)], check=True)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002  (the name subprocess.run gives it)
        seconds: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the node; CommandFailed if `check` and its status is not 0, LabError after `seconds`."""
        try:
            done = subprocess.run(
                self.enter(argv),
                env=self.environment(env),
                input=input if input is not None else "",
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"`{' '.join(argv)}` in {self.name}: no end within {seconds:.0f} s") from None
        if check and done.returncode:
            raise CommandFailed(list(argv), done.returncode, done.stdout, done.stderr)
        return done

    def popen(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, text: bool = True
    ) -> "subprocess.Popen[str]":
        """Start a command in the node with pipes to its three standard streams. Killing the Popen kills the command."""
        return subprocess.Popen(
            self.leashed(argv),
            env=self.environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=text,
        )

    def daemon(
        self,
        name: str,
        argv: Sequence[str],
        *,
        ready: Callable[[], bool] = lambda: True,
        env: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> "Daemon":
        """Start a foreground program behind, its output in the log `name`, and await `ready`.

        It outlives this process and ends with the node. LabError with its log if it ends first or `ready` stays
        false for `seconds`.
        """
        log = self.layout.log(self.name, name)
        child = Spawned(self.leashed(argv), self.environment(env) | {DAEMON_MARK: name}, log)
        self._children.append(child)
        daemon = Daemon(self, name)

        def ready_or_ended() -> bool:
            if (status := child.status()) is not None:
                raise LabError(f"{name} on {self.name} ended with status {status}", log=log)
            return ready() and daemon.alive()

        try:
            wait_until(f"{name} on {self.name} is ready", ready_or_ended, seconds)
        except LabError as error:
            raise LabError(str(error), log=log) from None
        return daemon

    def find_daemon(self, name: str) -> "Daemon":
        """A program running behind in the node, whoever started it."""
        return Daemon(self, name)

    def daemon_names(self) -> list[str]:
        """The programs that were started in the node: each has a log."""
        names = sorted(path.stem for path in (self.directory / "log").glob("*.log"))
        return [name for name in names if name != "node" and not name.endswith("-requests")]

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in the node, in the caller's directory if the node shares it."""
        here = Path.cwd()
        inside = "/" if any(here.is_relative_to(hidden) for hidden in HIDDEN) else str(here)
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "-u", f"--wdns={inside}", "--", *argv]

    def leashed(self, argv: Sequence[str]) -> list[str]:
        """As `enter`, but the program is killed when its nsenter is: neither is ever found without the other."""
        return self.enter(["setpriv", "--pdeathsig", "KILL", *argv])

    def exec(self, argv: Sequence[str]) -> None:
        """Become `argv` in the node, with the caller's environment except for what points to a Docker daemon."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
        command = self.enter(argv)
        os.execvpe(command[0], command, environ | {NODE_MARK: str(self.directory)})  # noqa: S606

    def reap(self) -> None:
        """Once all in the node has been killed: collect what this process had started there."""
        for child in self._children:
            child.status(wait=True)
        self._children = []
        self._pid = None

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A small environment: nothing of the caller's (credentials, DOCKER_HOST) reaches a node by accident."""
        kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        path = f"{self.layout.commands}:{kept.get('PATH', os.defpath)}"
        return kept | {"PATH": path, NODE_MARK: str(self.directory)} | dict(extra or {})


class Daemon:
    """A program running behind in a node, found by its mark: also one that another process of the lab started."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name

    @property
    def log(self) -> Path:
        """What it has printed."""
        return self.node.layout.log(self.node.name, self.name)

    def main(self) -> Marked | None:
        """Its main process, None if it has ended: the one that nsenter became the parent of by entering the node."""
        own = self.processes()
        outside = {one.pid for one in own if one.depth == 1}
        inside = (one for one in own if one.depth > 1 and one.parent in outside)
        return next((one for one in inside if not one.command.startswith(_WRAPPERS)), None)

    def processes(self) -> list[Marked]:
        """All that was started for it or by it, as far as it kept its environment."""
        return [one for one in processes.marked(self.node.directory) if one.daemon == self.name]

    def alive(self) -> bool:
        """Whether its main process lives."""
        return self.main() is not None

    @property
    def pid(self) -> int:
        """The main process, as numbered outside of the node. LabError if it has ended."""
        if main := self.main():
            return main.pid
        raise LabError(f"{self.name} on {self.node.name} is not running", log=self.log)

    def signal(self, number: int) -> None:
        """Send a signal to the main process alone, if it lives."""
        if main := self.main():
            processes.send(main, number)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL to the main process alone), and return when it has ended."""
        self.stop(SIGKILL)

    def stop(self, number: int = SIGTERM, seconds: float = 20) -> None:
        """Send `number` and return when the main process has ended; LabError after `seconds`."""
        if (main := self.main()) is None:
            return
        processes.send(main, number)
        wait_until(
            f"{self.name} on {self.node.name} ends",
            lambda: (now := self.main()) is None or now.pid != main.pid,
            seconds,
        )
