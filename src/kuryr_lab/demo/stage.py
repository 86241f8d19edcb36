"""What the story is told with: commands shown as they are run, containers, machines, and traffic among them."""

import json
from concurrent.futures import ThreadPoolExecutor

from kuryr_lab.client import Resource
from kuryr_lab.demo.costs import IDENTIFIED, QUIET, Meter
from kuryr_lab.demo.evidence import COLUMNS, Peer, exchange
from kuryr_lab.demo.screen import Screen
from kuryr_lab.docker import IMAGE
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
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

    def start_drivers(self) -> None:
        """Start Kuryr on each host, until Docker can reach it."""
        argv = ["kuryr", "docker", "serve"]
        for host in self.hosts:
            self.screen.command(host.name, argv)

        def start(host: Host) -> None:
            host.daemon("kuryr", argv, ready=(host.run_directory / SOCKET).exists)

        with ThreadPoolExecutor() as executor:
            list(executor.map(start, self.hosts))

    def create(self, kind: str, **fields: object) -> Resource:
        """Make a resource of Neutron's as the tenant."""
        self.screen.request("tenant", "POST", f"/{kind}s".replace("_", "-"), {kind: fields})
        return self.neutron.create(kind, **fields)

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

    def machine(self, host: Host, name: str, network: str, group: str) -> Peer:
        """A plain port of the tenant that serves its name by HTTP."""
        port = self.lab.plain_port(host.name, network, name=name, security_groups=[group])
        port.serve()
        return Peer(port, host.name, port.address)

    def move(self, machine: Peer, group: str) -> None:
        """Make a machine a member of this security group alone, as the tenant."""
        (port,) = self.neutron.find("port", name=machine.name)
        fields = {"security_groups": [group]}
        self.screen.request("tenant", "PUT", f"/ports/{port['id']}", {"port": fields})
        self.neutron.update("port", port["id"], **fields)

    def talk(self, *pairs: tuple[Peer, Peer]) -> None:
        """Show that each pair reaches one another, both ways."""
        ways = [way for one, other in pairs for way in ((one, other), (other, one))]
        seen = [exchange(source, target) for source, target in ways]
        self.screen.table(COLUMNS, [each.row() for each in seen])
        failed = [" to ".join(each.row()[:2]) + f": {each.outcome}" for each in seen if each.outcome != "through"]
        self.screen.check(f"all {len(seen)} ways work, by ping and by TCP", expected=[], seen=failed)
