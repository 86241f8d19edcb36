"""A driver of its own on a lab's host, whose cloud is the Neutron in memory: what is slow there is told, not found.

Everything else is real: the process, its socket, links, Open vSwitch. Only who wires a port is played, because OVN has
never heard of these ports; it is waited for as ever.
"""

import sys
from collections.abc import Mapping

from kuryr_lab.backend import Sections
from kuryr_lab.fake.server import LARGE_CLOUD, PROJECT, Latency
from kuryr_lab.host import Host
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Daemon
from kuryr_lab.temporary import Temporary
from kuryr_lab.waiting import wait_until

_PORT = 9796
_NOTHING: Mapping[str, Mapping[str, object]] = {}


class Stage(Temporary):
    """The driver `driver` behind `socket`, which is reached from outside of the host. `settings` go to its kuryr.conf.

    Nobody tells it which endpoints exist, so it never takes one for a leftover.
    """

    def __init__(
        self, host: Host, name: str = "load", *, latency: Latency = LARGE_CLOUD, settings: Sections = _NOTHING
    ) -> None:
        self.host = host
        self.name = name
        self.socket = host.run_directory / f"{name}.sock"
        configuration = host.directory / f"{name}.conf"
        cloud = {"auth_type": "admin_token", "endpoint": f"http://127.0.0.1:{_PORT}", "token": "any"}
        own: dict[str, Mapping[str, object]] = {
            "DEFAULT": {"deployment": name},
            "docker": {"socket": f"/run/{name}.sock", "engine_socket": "/run/no-docker.sock"},
            "neutron": {**cloud, "project": PROJECT},
        }
        write_ini(configuration, {each: {**own.get(each, {}), **settings.get(each, {})} for each in {*own, *settings}})
        self._daemons: list[Daemon] = []
        try:
            self._start_cloud(latency)
            serve = ["kuryr", "docker", "serve", "--config-file", str(configuration)]
            self.driver = host.daemon(name, serve, ready=self.socket.exists)
            self._daemons.insert(0, self.driver)
        except BaseException:
            self.delete()
            raise

    def _start_cloud(self, latency: Latency) -> None:
        def listens() -> bool:
            return f":{_PORT} " in self.host.run(["ss", "--listening", "--tcp", "--numeric"]).stdout

        seconds = [f"--{each}={getattr(latency, each)}" for each in Latency.__slots__]
        fake = [sys.executable, "-m"]
        serve = [*fake, "kuryr_lab.fake.server", f"--port={_PORT}", *seconds]
        self._daemons.append(self.host.daemon(f"{self.name}-neutron", serve, ready=listens))
        self._daemons.append(self.host.daemon(f"{self.name}-wiring", [*fake, "kuryr_lab.fake.wiring"]))

    def ports(self) -> list[str]:
        """The interfaces of its ports in Open vSwitch."""
        return self.host.vsctl(
            "--bare", "--columns=name", "find", "interface", f"external_ids:kuryr={self.name}"
        ).split()

    def await_empty(self, seconds: float = 120) -> None:
        """Wait until no port is left, as when all networks have been removed. LabError if some are."""
        wait_until(f"the ports of driver {self.name} are gone", lambda: not self.ports(), seconds)

    def delete(self) -> None:
        """End it."""
        for daemon in self._daemons:
            daemon.stop()
        self.socket.unlink(missing_ok=True)
