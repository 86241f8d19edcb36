"""What the story is told with: commands shown as they are run, containers, machines, and traffic among them."""

import json
import subprocess
from collections.abc import Sequence

from kuryr_lab.client import Resource
from kuryr_lab.demo.costs import IDENTIFIED, QUIET, Meter
from kuryr_lab.demo.evidence import COLUMNS, Peer, exchange
from kuryr_lab.demo.screen import Screen
from kuryr_lab.docker import IMAGE
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.shell import exports
from kuryr_lab.traffic import Container

SOCKET = "docker/plugins/kuryr.sock"


class Stage:
    """A lab with two hosts that has just come up, before a person's eyes. Raises LabError when a command fails."""

    def __init__(self, lab: Lab, screen: Screen) -> None:
        self.lab = lab
        self.screen = screen
        self.host1, self.host2 = self.hosts = tuple(lab.hosts.values())
        self.meter = Meter(lab)
        self.neutron = lab.neutron("demo")
        """As the tenant."""

    def start_driver(self, host: Host) -> None:
        """Start Kuryr on a host, until Docker can reach it."""
        argv = ["kuryr", "docker", "serve"]
        self.screen.command(host.name, argv)
        host.daemon("kuryr", argv, ready=(host.run_directory / SOCKET).exists)

    def openstack(self, *argv: str) -> None:
        """Run the stock client as the tenant."""
        command = ["openstack", *argv]
        self.screen.command("tenant", command)
        environment = self.host1.environment(exports(self.lab, 1, "demo"))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise CommandFailed(command, done.returncode, done.stdout, done.stderr)

    def docker(self, host: Host, *argv: str, title: str, quiet: float = QUIET) -> None:
        """Run a docker command, and note under `title` what it costs."""
        self.screen.command(host.name, ["docker", *argv])
        self.meter.docker(host, *argv, title=title, quiet=quiet)

    def container(self, host: Host, name: str, network: str) -> Peer:
        """Start a container that serves its name by HTTP; its address is what Docker says."""
        serve = f"echo {name} >/tmp/index.html; exec httpd -f -h /tmp"
        argv = ("run", "--detach", "--name", name, "--network", network, IMAGE, "sh", "-c", serve)
        self.docker(host, *argv, title=f"run {name}", quiet=IDENTIFIED)
        networks = json.loads(host.docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", name))
        return Peer(Container(host, name), host.name, networks[network]["IPAddress"])

    def machine(self, host: Host, name: str, network: Resource, group: str) -> Peer:
        """A plain port of the tenant that serves its name by HTTP."""
        port = self.lab.plain_port(host.name, network["id"], name=name, security_groups=[group])
        port.serve()
        return Peer(port, host.name, port.address)

    def move(self, machine: Peer, group: str) -> None:
        """Make a machine a member of this security group alone, as the tenant."""
        (port,) = self.neutron.find("port", name=machine.name)
        self.neutron.update("port", port["id"], security_groups=[group])

    def talk(self, *pairs: tuple[Peer, Peer]) -> None:
        """Show that each pair reaches one another, both ways."""
        ways = [way for one, other in pairs for way in ((one, other), (other, one))]
        seen = [exchange(source, target) for source, target in ways]
        self.screen.table(COLUMNS, [each.row() for each in seen])
        working = sum(each.works for each in seen)
        self.screen.check(f"all {len(seen)} ways work, by ping and by TCP", expected=len(seen), seen=working)

    def cast(self, kind: str, peers: Sequence[Peer]) -> None:
        """Who is where, at which address."""
        self.screen.table((kind, "host", "address"), [(each.name, each.host, each.address) for each in peers])
