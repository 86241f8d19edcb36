"""Whoever sends and receives packets in a test: a container, or a plain port that stands for a virtual machine.

Both answer the same questions, by ping and by HTTP over TCP, so that a claim about reachability is proved by traffic,
and so is a claim about isolation: `ping` and `fetch` try once, `reaches` and `serve` wait.
"""

import ipaddress
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kuryr_lab.backend import Switch, Tap
from kuryr_lab.docker_host import DockerHost
from kuryr_lab.host import Host
from kuryr_lab.temporary import Temporary
from kuryr_lab.waiting import wait_until

if TYPE_CHECKING:
    from kuryr_lab.client import Neutron, Resource


class Visitor(ABC):
    """A place to send from; busybox must be there."""

    name: str

    @abstractmethod
    def run(self, argv: Sequence[str], *, check: bool = True, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command there; CommandFailed if `check` and its status is not 0."""

    def ping(self, address: str, count: int = 1) -> bool:
        """Whether any of `count` pings, a second apart, is answered."""
        argv = ["busybox", "ping", "-c", str(count), "-W", "1", address]
        return self.run(argv, check=False).returncode == 0

    def reaches(self, address: str, seconds: float = 10) -> float:
        """The seconds until a ping was answered; LabError if none was within `seconds`."""
        return wait_until(f"{self.name} pings {address}", lambda: self.ping(address), seconds)

    def fetch(self, address: str, port: int = 80, seconds: int = 2) -> str | None:
        """What the web server at `address` says (`serve`: its station's name); None if no connection is made."""
        host = f"[{address}]" if ":" in address else address
        # Not wget's own time-out: with it Debian's static busybox crashes.
        argv = ["busybox", "timeout", str(seconds), "busybox", "wget", "-q", "-O", "-", f"http://{host}:{port}/"]
        done = self.run(argv, check=False)
        return done.stdout if done.returncode == 0 else None


class Station(Visitor):
    """A place to send from and to listen at."""

    @abstractmethod
    def spawn(self, argv: Sequence[str]) -> None:
        """Run a command there behind, until the station is gone."""

    def serve(self, port: int = 80) -> None:
        """Answer HTTP requests with the station's name, from when this returns."""
        home = f"/run/www-{self.name}"
        write = 'mkdir -p "$0" && printf %s "$1" >"$0/index.html"'
        self.run(["busybox", "sh", "-c", write, home, self.name])
        self.spawn(["busybox", "httpd", "-f", "-p", str(port), "-h", home])
        wait_until(f"{self.name} listens on port {port}", lambda: self.fetch("127.0.0.1", port) == self.name, 90)


class Container(Station):
    """A running container, by name or id."""

    def __init__(self, host: DockerHost, name: str) -> None:
        self.host = host
        self.name = name

    def run(self, argv: Sequence[str], *, check: bool = True, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command with `docker exec`."""
        return self.host.run_docker(["exec", self.name, *argv], check=check, seconds=seconds)

    def spawn(self, argv: Sequence[str]) -> None:
        """Run a command with `docker exec --detach`."""
        self.host.docker("exec", "--detach", self.name, *argv)


class PlainPort(Station, Temporary):
    """A tenant's Neutron port in a network namespace of its own on a host, as a virtual machine's would be.

    `neutron` is an administrator's. `fields` go into the port's creation: `fixed_ips`, `security_groups`,
    `allowed_address_pairs` and so on.
    """

    def __init__(
        self,
        neutron: "Neutron",
        host: Host,
        switch: Switch,
        network_id: str,
        *,
        name: str = "plain",
        **fields: object,
    ) -> None:
        self.host = host
        self.name = name
        self._neutron = neutron
        self._switch = switch
        self._children: list[subprocess.Popen[str]] = []
        network = self._neutron.show("network", network_id)
        self.port = self._neutron.create(
            "port",
            network_id=network_id,
            project_id=network["project_id"],
            name=name,
            device_owner="compute:plain",
            **{"binding:host_id": host.name},
            **fields,
        )
        self.tap = Tap(f"tap{self.port['id'][:11]}", f"plain-{self.port['id'][:8]}", self.port)
        try:
            self._plug(network)
            self._await_active()
        except BaseException:
            self.delete()
            raise

    @property
    def address(self) -> str:
        """Its first fixed IP."""
        return str(self.port["fixed_ips"][0]["ip_address"])

    @property
    def mac(self) -> str:
        """Its MAC."""
        return str(self.port["mac_address"])

    def run(self, argv: Sequence[str], *, check: bool = True, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in the port's network namespace."""
        return self.host.run(self._inside(argv), check=check, seconds=seconds)

    def spawn(self, argv: Sequence[str]) -> None:
        """Run a command in the port's network namespace behind."""
        self._children.append(self.host.popen(self._inside(argv)))

    def delete(self) -> None:
        """Remove the interface, the namespace and the port; what is gone already is fine."""
        for child in self._children:
            child.kill()
            child.communicate()
        self._switch.unplug(self.host, self.tap)
        self.host.run(["ip", "link", "delete", self.tap.name], check=False)
        self.host.run(["ip", "netns", "delete", self.tap.namespace], check=False)
        self._neutron.delete("port", self.port["id"])

    def _inside(self, argv: Sequence[str]) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.tap.namespace}", "--", *argv]

    def _plug(self, network: "Resource") -> None:
        host, tap, space = self.host, self.tap.name, self.tap.namespace
        host.run(["ip", "netns", "add", space])
        host.run(["ip", "link", "add", tap, "type", "veth", "peer", "name", "eth0", "netns", space])
        host.run(["ip", "-n", space, "link", "set", "eth0", "address", self.mac, "mtu", str(network["mtu"])])
        host.run(["ip", "-n", space, "link", "set", "lo", "up"])
        host.run(["ip", "-n", space, "link", "set", "eth0", "up"])
        host.run(["ip", "link", "set", tap, "mtu", str(network["mtu"]), "up"])
        for fixed_ip in self.port["fixed_ips"]:
            self._add_address(fixed_ip["ip_address"], self._neutron.show("subnet", fixed_ip["subnet_id"]))
        self._switch.plug(host, self.tap)

    def _add_address(self, address: str, subnet: "Resource") -> None:
        prefix = ipaddress.ip_network(subnet["cidr"]).prefixlen
        nodad = ["nodad"] if subnet["ip_version"] == 6 else []
        self.host.run(["ip", "-n", self.tap.namespace, "addr", "add", f"{address}/{prefix}", "dev", "eth0", *nodad])
        if gateway := subnet["gateway_ip"]:
            self.host.run(["ip", "-n", self.tap.namespace, "route", "add", "default", "via", gateway])

    def _await_active(self) -> None:
        def active() -> bool:
            self.port = self._neutron.show("port", self.port["id"])
            return bool(self.port["status"] == "ACTIVE")

        wait_until(f"port {self.name} on {self.host.name} is ACTIVE", active, seconds=60)
