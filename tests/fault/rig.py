"""One host whose driver can be killed at any of its steps, and what a user does there."""

import json
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fault import supervisor, victim
from kuryr.model import READY
from kuryr_lab.errors import CommandFailed, LabError
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.waiting import wait_until
from system.driver import NONE_AHEAD

GRACE = 1.0
"""Seconds; a user's installation has 60, which would make a test of a hundred crashes last hours."""

CONFIGURATION = """
[DEFAULT]
deployment = {deployment}
[sweep]
grace = {grace}
"""


class Rig:
    """A host under supervision. `network` is the arguments of `docker network create`, without driver and name.

    What is there is compared with what shall be there; so no port is made ahead unless `ahead`.

    The driver has a name of its own, because Docker shakes hands with each name once in its life; and a deployment
    of its own, because two drivers of one deployment would sweep each other's ports.
    """

    def __init__(
        self, lab: Lab, host: Host, network: Sequence[str], *, grace: float = GRACE, ahead: bool = False
    ) -> None:
        self.host = host
        self.driver = f"kuryr-{secrets.token_hex(4)}"
        ipam = () if "--ipam-driver" in network else ("--ipam-driver", self.driver)
        self.network = ("--driver", self.driver, *ipam, *network, *(() if ahead else NONE_AHEAD))
        self._neutron = lab.neutron("admin")
        self._mark = f"kuryr:{self.driver}@{host.name}"
        self._folder = host.directory / self.driver
        self._folder.mkdir()
        self._generation = 0
        self.socket = host.run_directory / f"docker/plugins/{self.driver}.sock"
        more = self._folder / "more.conf"
        more.write_text(CONFIGURATION.format(deployment=self.driver, grace=grace))
        program = Path(__file__).with_name("supervisor.py")
        files = ["--config-file", "/etc/kuryr/kuryr.conf", "--config-file", str(more)]
        self.supervisor = host.daemon(
            self.driver,
            [sys.executable, str(program), str(self._folder), f"/run/docker/plugins/{self.driver}.sock", *files],
            ready=self.socket.exists,
        )

    def close(self) -> None:
        """Remove what a failed test has left, then end the driver and its supervisor."""
        self.disarm()
        for name in ("worker", "peer"):
            self.remove(name)
        if self.has_network():
            self.remove_network()
        self.await_inventory(frozenset())
        self.supervisor.kill()
        self.socket.unlink(missing_ok=True)

    # -- what the test says to the traps

    def record(self, action: Callable[[], bool], last: str = "") -> list[str]:
        """The steps that the driver passes during `action`, and behind it until the step `last`."""
        steps = self._folder / victim.STEPS
        steps.unlink(missing_ok=True)
        self._plan(None)
        assert action()
        if last:
            wait_until(f"the driver passes {last!r}", lambda: last in steps.read_text().splitlines())
        self.disarm()
        return distinct(steps.read_text().splitlines())

    def arm(self, step: str) -> None:
        """The driver shall die at this step, once."""
        (self._folder / victim.FIRED).unlink(missing_ok=True)
        self._plan(step)

    def await_death(self, seconds: float = 15) -> None:
        """Wait until the driver has died at the step. LabError when it never got there."""
        wait_until("the driver dies", (self._folder / victim.FIRED).exists, seconds)

    def disarm(self) -> None:
        """Forget the plan."""
        (self._folder / victim.PLAN).unlink(missing_ok=True)

    def stay_down(self, *, closed: bool) -> None:
        """Kill the driver and keep it dead; `closed`: nobody listens on its socket either."""
        (self._folder / supervisor.DOWN).write_text("closed" if closed else "listening")
        self.host.run(["pkill", "-KILL", "-f", f"victim.py {self._folder}"], check=False)

    def come_back(self) -> None:
        """Let the driver run again, if it does not."""
        (self._folder / supervisor.DOWN).unlink(missing_ok=True)
        wait_until("the driver listens", self.socket.exists)

    def _plan(self, target: str | None) -> None:
        self._generation += 1
        new = self._folder / "plan.new"
        new.write_text(json.dumps({"generation": self._generation, "target": target}))
        new.rename(self._folder / victim.PLAN)

    # -- what a user does

    def docker(self, *argv: str) -> bool:
        """Whether this docker command succeeded."""
        try:
            self.host.docker(*argv)
        except CommandFailed as error:
            print(error)
            return False
        return True

    def create_network(self) -> bool:
        """docker network create blue."""
        return self.docker("network", "create", *self.network, "blue")

    def remove_network(self) -> bool:
        """docker network rm blue."""
        return self.docker("network", "rm", "blue")

    def has_network(self) -> bool:
        """Whether Docker knows the network."""
        return bool(self.host.docker("network", "ls", "--quiet", "--filter", "name=^blue$"))

    def run(self, name: str, *options: str) -> bool:
        """docker run a container that waits."""
        return self.docker("run", "--detach", "--name", name, "--network", "blue", *options, "busybox", "sleep", "3600")

    def remove(self, name: str) -> bool:
        """docker rm --force."""
        return self.docker("rm", "--force", name)

    def has_container(self, name: str) -> bool:
        """Whether Docker knows the container."""
        return bool(self.host.docker("ps", "--all", "--quiet", "--filter", f"name=^{name}$"))

    def address(self, name: str) -> str:
        """A container's address on the network."""
        return self.host.docker("inspect", "--format", "{{.NetworkSettings.Networks.blue.IPAddress}}", name)

    def await_ping(self, source: str, target: str) -> None:
        """Wait until one container reaches another. LabError when it does not."""
        address = self.address(target)
        wait_until(
            f"{source} reaches {target} at {address}",
            lambda: self.docker("exec", source, "ping", "-c1", "-W1", address),
            20,
        )

    def await_opened(self) -> None:
        """Wait until the one container's port is in a group that opens what it exposes. LabError when it does not."""

        def is_opened() -> bool:
            (port,) = self._neutron.find("port", description=self._mark, device_owner="compute:kuryr")
            opened = {group["id"] for group in self._neutron.find("security_group", description=self._mark)}
            return bool(opened & set(port["security_groups"])) and port["device_id"] != "kuryr:reserved"

        wait_until("what is exposed is opened", is_opened)

    def await_ready_ports(self, number: int) -> None:
        """Wait until at least so many ports wait for containers, plugged and wired. LabError when they do not."""

        def waiting() -> int:
            links = self.host.run(["ip", "-o", "link"]).stdout
            claimed = set(re.findall(rf"alias kuryr:{self.driver} (\S+) {READY}$", links, re.MULTILINE))
            wired = {port["id"] for port in self._neutron.find("port", description=self._mark, status="ACTIVE")}
            return len(claimed & wired)

        wait_until(f"{number} ports wait", lambda: waiting() >= number)

    # -- what is there

    def inventory(self) -> frozenset[str]:
        """All that Kuryr has on this host and, for this host, in Neutron."""
        found = {
            f"{kind} {resource['id']}"
            for kind in ("port", "network", "subnet", "security_group")
            for resource in self._neutron.find(kind, description=self._mark)
        }
        interfaces = self.host.vsctl(
            "--bare", "--columns=name", "find", "interface", f"external_ids:kuryr={self.driver}"
        )
        links = re.findall(r"^\d+: ((?:tap|t_c)[^@:]+)", self.host.run(["ip", "-o", "link"]).stdout, re.MULTILINE)
        return frozenset(found | {f"ovs {name}" for name in interfaces.split()} | {f"link {name}" for name in links})

    def await_inventory(self, expected: frozenset[str], seconds: float = 60) -> str:
        """Wait until there is what was expected; otherwise what differs."""
        now: list[frozenset[str]] = []

        def equal() -> bool:
            now[:] = [self.inventory()]
            return now[0] == expected

        try:
            wait_until("nothing is left", equal, seconds)
        except LabError:
            return f"left: {sorted(now[0] - expected)} gone: {sorted(expected - now[0])}"
        return ""


def distinct(steps: Sequence[str]) -> list[str]:
    """Leave out the end of an effect where nothing happens before the next one begins: it is the same moment.

    What the sweep only reads is left out as well: it comes at any time and changes nothing.
    """
    kept = []
    steps = [step for step in steps if not re.match(r"behind \| \w+ neutron GET", step)]
    for step, following in zip(steps, [*steps[1:], ""], strict=True):
        call, what, _ = step.split(" | ")
        if what.startswith("after") and following.startswith(f"{call} | before"):
            continue
        kept.append(step)
    return kept
