"""dockerd itself: killed, stopped, booted, and watched while it boots."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kuryr_lab.docker import answers, boot_docker
from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.waiting import wait_until


class Engine:
    """The dockerd of a host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._daemon = host.find_daemon("dockerd")
        self._settings = host.etc / "docker" / "daemon.json"

    def kill(self) -> None:
        """End it as a crash would; containers run on."""
        self._daemon.kill()

    def stop(self) -> None:
        """End it in order, and its containers with it unless live-restore is on."""
        self._daemon.stop(signal.SIGTERM, 60)

    def boot(self) -> None:
        """Start it, and do not wait for anything."""
        boot_docker(self.host)

    def answers(self) -> bool:
        """Whether its API answers. An engine that boots accepts the question; then this takes ten seconds."""
        return answers(self.host)

    def await_answer(self, seconds: float = 60) -> float:
        """The seconds until its API answered. LabError if that did not come."""
        return wait_until("Docker answers", self.answers, seconds)

    def await_knock(self, plugin: Path) -> None:
        """Wait until it has connected to a driver's socket that nobody serves. LabError when it does not."""
        inside = f"/run/{plugin.relative_to(self.host.run_directory)}"

        def knocks() -> bool:
            listening = self.host.run(["ss", "--listening", "--unix", "--no-header"]).stdout.splitlines()
            waiting = {fields[4]: int(fields[2]) for line in listening if len(fields := line.split()) > 4}
            return waiting[inside] > 0

        wait_until("Docker asks for the driver", knocks)

    @contextmanager
    def live_restore(self) -> Iterator[None]:
        """Containers live on without their engine."""
        self._set_live_restore(True)
        try:
            yield
        finally:
            self._set_live_restore(False)

    def recover(self) -> None:
        """Boot it if it is not there."""
        if not self._daemon.alive():
            self.boot()
        self.await_answer(180)

    def pids(self, *containers: str) -> list[str]:
        """The first processes of containers, as the host numbers them."""
        return [self.host.docker("inspect", "--format", "{{.State.Pid}}", name) for name in containers]

    def _set_live_restore(self, wanted: bool) -> None:
        self._settings.parent.mkdir(exist_ok=True)
        self._settings.write_text(json.dumps({"live-restore": wanted}))
        self._daemon.signal(signal.SIGHUP)
        wait_until(
            "Docker has read its settings",
            lambda: json.loads(self.host.docker("info", "--format", "{{.LiveRestoreEnabled}}")) == wanted,
        )


class Traffic:
    """A container's pings to an address, ten in a second, during a `with`; none may be lost."""

    def __init__(self, host: Host, pid: str, address: str) -> None:
        self._host = host
        self._argv = ["nsenter", "-t", pid, "-n", "ping", "-n", "-i", "0.1", address]

    def __enter__(self) -> None:
        self._ping = self._host.popen(self._argv)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ping.kill()
        said, errors = self._ping.communicate()
        answered = [int(number) for number in re.findall(r"icmp_seq=(\d+)", said)]
        if kind is None and (not answered or answered != list(range(1, len(answered) + 1))):
            raise LabError(f"pings were lost: {said[-2000:]}{errors}")
