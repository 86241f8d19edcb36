"""The steps of the demo, in the order in which a person meets Kuryr.

A tenant has a network with a machine on it; Docker joins it on two hosts; containers and machine talk, and a stranger
is kept out by a security group. Then Docker makes a network of its own. In the end all of it goes, and nothing stays.
"""

import json
import subprocess
from functools import cached_property

from kuryr_lab.client import Neutron, Resource
from kuryr_lab.demo.costs import IDENTIFIED, Meter, describe
from kuryr_lab.demo.evidence import (
    COLUMNS,
    Exchange,
    Peer,
    addresses_and_routes,
    attempt,
    await_silence,
    exchange,
)
from kuryr_lab.demo.screen import Screen
from kuryr_lab.docker import IMAGE
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.shell import exports
from kuryr_lab.traffic import Container

DRIVER = ("--driver", "kuryr", "--ipam-driver", "kuryr")
SOCKET = "docker/plugins/kuryr.sock"


class Story:
    """The demo in a lab with two hosts that has just come up. Raises LabError as soon as something is not so."""

    def __init__(self, lab: Lab, screen: Screen) -> None:
        self._lab = lab
        self._screen = screen
        self._first, self._second = lab.hosts.values()
        self._meter = Meter(lab)

    def tell(self) -> None:
        """Everything up to where containers run and a person may look around."""
        self.drivers()
        self.tenant()
        self._before = inventory(self._lab)
        self._kernel = {host.name: addresses_and_routes(host) for host in (self._first, self._second)}
        self.join()
        self.containers()
        self.traffic()
        self.isolation()
        self.own_network()
        self.ports()
        self.unchanged()

    def drivers(self) -> None:
        """Start Kuryr beside each Docker."""
        self._screen.step(
            "Kuryr starts on both Docker hosts",
            "It is Docker's network and IPAM driver. It holds a tenant's credentials, no administrator's.",
        )
        for host in (self._first, self._second):
            socket = host.run_directory / SOCKET
            argv = ["kuryr", "docker", "serve"]
            host.daemon("kuryr", argv, ready=socket.exists)
            self._screen.command(host.name, argv)

    def tenant(self) -> None:
        """A network as a tenant would have it before there are containers."""
        self._screen.step(
            "A tenant has a network with a virtual machine on it",
            "No container yet. `vm` is in the tenant's default security group, which admits its own members alone; "
            "`stranger` is in a group of its own. (Both are plain Neutron ports in namespaces, plugged as Nova would.)",
        )
        self._openstack("network", "create", "green")
        self._openstack("subnet", "create", "--network", "green", "--subnet-range", "10.88.0.0/24", "green-v4")
        self._openstack("security", "group", "create", "outsiders")
        (self._green,) = self._neutron.find("network", name="green")
        self._default, self._outsiders = (
            self._neutron.find("security_group", name=name, project_id=self._neutron.project_id)[0]["id"]
            for name in ("default", "outsiders")
        )
        self._vm = self._machine("vm", self._second, self._default)
        self._stranger = self._machine("stranger", self._first, self._outsiders)
        self._screen.table(
            ("machine", "host", "address", "security group"),
            [
                (self._vm.name, self._vm.host, self._vm.address, "default"),
                (self._stranger.name, self._stranger.host, self._stranger.address, "outsiders"),
            ],
        )

    def join(self) -> None:
        """Adopt the tenant's network on both hosts."""
        self._screen.step(
            "Docker joins that network, on both hosts",
            "Kuryr finds it by name. The subnet, its gateway and its free addresses stay Neutron's business.",
        )
        for host in (self._first, self._second):
            argv = ("network", "create", *DRIVER, "--ipam-opt", "neutron.net.name=green", "green")
            self._docker(host, *argv, title="network create (adopts green)")
        (now,) = self._neutron.find("network", name="green")
        self._screen.check("the tenant's network itself is untouched", expected=self._green, seen=now)

    def containers(self) -> None:
        """One container on each host."""
        self._screen.step(
            "Two containers, one on each host",
            "Each gets a Neutron port of its own, and serves its name by HTTP.",
        )
        self._web = [self._run(host, name, "green") for host, name in ((self._first, "web1"), (self._second, "web2"))]
        self._screen.table(
            ("container", "host", "address (says Docker)"), [(each.name, each.host, each.address) for each in self._web]
        )

    def traffic(self) -> None:
        """Containers with each other and with the machine, in both directions."""
        self._screen.step(
            "Containers and the virtual machine talk, from host to host",
            "A ping, and a page over TCP, in both directions; the page is the name of whoever answered.",
        )
        web1, web2 = self._web
        pairs = [(web1, web2), (web1, self._vm), (web2, self._vm)]
        self._talk([pair for one, other in pairs for pair in ((one, other), (other, one))])

    def isolation(self) -> None:
        """What a security group forbids does not get through, and does once it is allowed."""
        self._screen.step(
            "What the security group forbids does not get through",
            "`stranger` has an address of the same subnet, but is no member of the containers' group. To see that it "
            "is the group and nothing else: it becomes a member for a moment.",
        )
        target, machine = self._web[1], self._stranger
        seen = [attempt(machine, target)]
        self._groups(machine, self._default)
        seen.append(exchange(machine, target))
        self._groups(machine, self._outsiders)
        seen.append(await_silence(machine, target))
        rows = zip(("in group outsiders", "in group default", "in group outsiders again"), seen, strict=True)
        self._screen.table(("stranger is", *COLUMNS), [(when, *each.row()) for when, each in rows])
        shut, open_, shut_again = seen
        self._screen.check("a stranger is kept out", expected=True, seen=shut.blocked)
        self._screen.check("the same machine gets through as a member", expected=True, seen=open_.works)
        self._screen.check("and is kept out again afterwards", expected=True, seen=shut_again.blocked)

    def own_network(self) -> None:
        """A network that Docker makes on one host and joins on the other."""
        self._screen.step(
            "Docker makes a network of its own",
            "One command makes network and subnet in Neutron; the other host joins by the name that Neutron shows.",
        )
        argv = ("network", "create", *DRIVER, "--subnet", "10.77.0.0/24", "blue")
        self._docker(self._first, *argv, title="network create (makes blue)")
        listed = self._neutron.find("network", project_id=self._neutron.project_id)
        made = [network for network in listed if network["id"] != self._green["id"]]
        subnets = [
            subnet["cidr"] for network in made for subnet in self._neutron.find("subnet", network_id=network["id"])
        ]
        names = [network["name"] for network in made]
        self._screen.check(f"Neutron now has the network {', '.join(names)}", expected=["10.77.0.0/24"], seen=subnets)
        argv = ("network", "create", *DRIVER, "--ipam-opt", f"neutron.net.name={names[0]}", "blue")
        self._docker(self._second, *argv, title="network create (adopts blue)")
        self._app = [self._run(host, name, "blue") for host, name in ((self._first, "app1"), (self._second, "app2"))]
        app1, app2 = self._app
        self._talk([(app1, app2), (app2, app1)])

    def ports(self) -> None:
        """The ports as an operator sees them in Neutron."""
        self._screen.step(
            "As Neutron sees it: every container is a port like a machine's",
            "Bound to its host, active, in the tenant's project: filtered, measured and billed like any other.",
        )
        project = self._neutron.project_id
        listed = {_address(port): port for port in self._lab.neutron("admin").find("port", project_id=project)}
        peers = [*self._web, *self._app, self._vm, self._stranger]
        self._screen.table(
            ("who", "address", "host", "status", "device owner", "port"),
            [
                (peer.name, peer.address, port["binding:host_id"], port["status"], port["device_owner"], port["id"])
                for peer in peers
                if (port := listed.get(peer.address))
            ],
        )
        seen = {
            peer.name: (port["status"], port["binding:host_id"]) for peer in peers if (port := listed.get(peer.address))
        }
        self._screen.check(
            "each of them is ACTIVE on its host",
            expected={peer.name: ("ACTIVE", peer.host) for peer in peers},
            seen=seen,
        )

    def unchanged(self) -> None:
        """The hosts themselves take no part in the tenant's networks."""
        self._screen.step(
            "The hosts' own addresses and routes are as before",
            "Containers are attached to Open vSwitch. No bridge address, no route and no NAT comes to the host.",
        )
        for host in (self._first, self._second):
            before, now = self._kernel[host.name], addresses_and_routes(host)
            claim = f"{host.name}: the same {len(before)} addresses and routes, with containers running"
            self._screen.check(claim, expected=sorted(before), seen=sorted(now))

    def removal(self) -> None:
        """Take everything back by Docker's own commands."""
        self._screen.step(
            "Docker removes it all",
            "Containers first, then networks; the host that made `blue` last, because others still use it until then.",
        )
        for host, names in ((self._second, ("web2", "app2")), (self._first, ("web1", "app1"))):
            self._docker(host, "rm", "--force", *names, title=f"rm {' '.join(names)}")
        for host in (self._second, self._first):
            self._docker(host, "network", "rm", "green", "blue", title="network rm green blue")
        self._screen.check(
            f"nothing is left of it: the same {len(self._before)} objects as before in Neutron (networks, subnets, "
            "ports, groups), in Open vSwitch, among links and namespaces, and in Docker",
            expected=[],
            seen=leaked(self._lab, self._before),
        )

    def costs(self) -> None:
        """Time and requests of each docker command."""
        self._screen.step(
            "What each docker command cost",
            "Counted in Neutron's own request log: what was asked before the command returned, and what behind it.",
        )
        self._screen.table(
            ("host", "docker", "ms", "asked of Neutron before it returned", "behind"),
            [
                (
                    cost.command.host,
                    cost.command.title,
                    str(cost.milliseconds),
                    f"{len(cost.before)}  {describe(cost.before)}" if cost.before else "0",
                    f"{len(cost.behind)}  {describe(cost.behind)}" if cost.behind else "0",
                )
                for cost in self._meter.costs()
            ],
        )

    def invitation(self, program: str) -> None:
        """What a person may type now; `program` is how `kuryr-lab` is called from here."""
        option = f" --name {self._lab.name}"
        web1, web2 = self._web
        self._screen.step(
            "The cloud is yours", "Copy and paste; the first line makes you the tenant, on host1's Docker."
        )
        for line in (
            f'eval "$({program} env{option})"',
            "openstack port list",
            "docker ps",
            f"docker run --rm --network green {IMAGE} ping -c 3 {self._vm.address}",
            f"docker exec {web1.name} wget -q -O - http://{web2.address}/",
            f'eval "$({program} env{option} --host 2)"      # from here on host2\'s Docker',
            f"docker run --rm -it --network blue {IMAGE} sh",
            f"{program} exec{option} host2 ip address",
            f"{program} down{option}",
        ):
            self._screen.console.print(f"    {line}", markup=False, soft_wrap=True)

    @cached_property
    def _neutron(self) -> Neutron:
        return self._lab.neutron("demo")

    def _openstack(self, *argv: str) -> None:
        """Run the stock client as the tenant."""
        command = ["openstack", *argv]
        self._screen.command("tenant", command)
        done = subprocess.run(
            command,
            env=self._first.environment(exports(self._lab, 1, "demo")),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise CommandFailed(command, done.returncode, done.stdout, done.stderr)

    def _docker(self, host: Host, *argv: str, title: str, quiet: float = 1.0) -> str:
        self._screen.command(host.name, ["docker", *argv])
        return self._meter.docker(host, *argv, title=title, quiet=quiet)

    def _run(self, host: Host, name: str, network: str) -> Peer:
        serve = f"echo {name} >/tmp/index.html; exec httpd -f -h /tmp"
        argv = ("run", "--detach", "--name", name, "--network", network, IMAGE, "sh", "-c", serve)
        self._docker(host, *argv, title=f"run {name}", quiet=IDENTIFIED)
        networks = json.loads(host.docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", name))
        return Peer(Container(host, name), host.name, networks[network]["IPAddress"])

    def _machine(self, name: str, host: Host, group: str) -> Peer:
        port = self._lab.plain_port(host.name, self._green["id"], name=name, security_groups=[group])
        port.serve()
        return Peer(port, host.name, port.address)

    def _groups(self, machine: Peer, group: str) -> None:
        (port,) = self._neutron.find("port", name=machine.name)
        self._neutron.update("port", port["id"], security_groups=[group])

    def _talk(self, pairs: list[tuple[Peer, Peer]]) -> None:
        seen: list[Exchange] = [exchange(source, target) for source, target in pairs]
        self._screen.table(COLUMNS, [each.row() for each in seen])
        self._screen.check(
            f"all {len(seen)} ways work, by ping and by TCP",
            expected=len(seen),
            seen=sum(each.works for each in seen),
        )


def _address(port: Resource) -> str:
    return next((str(each["ip_address"]) for each in port["fixed_ips"]), "")
