"""A private, real Open vSwitch in a temporary directory."""

import os
import select
import signal
import subprocess
from pathlib import Path


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd with a userspace datapath, in the network namespace of the caller."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.remote = f"unix:{directory}/db.sock"
        self._environment = {**os.environ, "OVS_RUNDIR": str(directory), "OVS_LOGDIR": str(directory)}
        self._run("ovsdb-tool", "create", f"{directory}/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        self.start_database()
        self.vsctl("--no-wait", "init")
        self.start_switch()
        self.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev")

    def start_database(self) -> None:
        self._daemon("ovsdb-server", f"{self.directory}/conf.db", f"--remote=p{self.remote}")

    def stop_database(self) -> None:
        self._end("ovsdb-server")

    def freeze(self, daemon: str) -> None:
        os.kill(self._pid(daemon), signal.SIGSTOP)

    def thaw(self, daemon: str) -> None:
        os.kill(self._pid(daemon), signal.SIGCONT)

    def start_switch(self) -> None:
        self._daemon("ovs-vswitchd", self.remote, "--disable-system")

    def stop_switch(self) -> None:
        self._end("ovs-vswitchd")

    def close(self) -> None:
        for daemon in ("ovs-vswitchd", "ovsdb-server"):
            if self._pidfile(daemon).exists():
                self.thaw(daemon)
                self._end(daemon)

    def vsctl(self, *arguments: str) -> str:
        return self._run("ovs-vsctl", "--timeout=10", f"--db={self.remote}", *arguments)

    def ports(self) -> list[str]:
        return self.vsctl("list-ports", "br-int").split()

    def external_ids(self, name: str) -> dict[str, str]:
        text = self.vsctl("get", "Interface", name, "external_ids").strip().strip("{}")
        pairs = (pair.split("=", 1) for pair in text.split(", ") if pair)
        return {key.strip('"'): value.strip('"') for key, value in pairs}

    def install(self, name: str) -> None:
        """Do what ovn-controller does when the flows of a port are in place."""
        self.vsctl("set", "Interface", name, "external_ids:ovn-installed=true")

    def _pidfile(self, daemon: str) -> Path:
        return self.directory / f"{daemon}.pid"

    def _pid(self, daemon: str) -> int:
        return int(self._pidfile(daemon).read_text())

    def _daemon(self, daemon: str, *arguments: str) -> None:
        # With --detach the call returns when the daemon is ready.
        self._run(
            daemon,
            *arguments,
            f"--pidfile={self._pidfile(daemon)}",
            f"--unixctl={self.directory}/{daemon}.ctl",
            f"--log-file={self.directory}/{daemon}.log",
            "-vconsole:off",
            "--no-chdir",
            "--detach",
        )

    def _end(self, daemon: str) -> None:
        process = os.pidfd_open(self._pid(daemon))
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            # The file descriptor becomes readable when the process has ended.
            assert select.select([process], [], [], 10)[0], f"{daemon} does not end"
        finally:
            os.close(process)
        self._pidfile(daemon).unlink()

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
