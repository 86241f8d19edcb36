"""A swarm of the lab's hosts, with Kuryr as their managed plugin."""

import json
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kuryr_lab.docker import answers, boot_docker
from kuryr_lab.errors import CommandFailed, LabError, tail
from kuryr_lab.host import Host
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system import plugin

SETTINGS = {"OS_DOCKER__SCOPE": "global", "OS_DEFAULT__DEPLOYMENT": "swarm", "configuration.source": "/etc/kuryr-swarm"}


_CONTROL = "{{.Swarm.ControlAvailable}}"


class Swarm:
    """Its first host is its manager, until it hands over."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = hosts
        self.manager = hosts[0]

    def network(self, *options: str) -> str:
        """docker network create, under a fresh name."""
        name = f"n{secrets.token_hex(4)}"
        own = ("--driver", plugin.NAME, "--ipam-driver", plugin.NAME)
        self.manager.docker("network", "create", *own, *options, name)
        return name

    def service(self, network: str, replicas: int, *options: str) -> str:
        """docker service create: tasks that wait, evenly on all hosts, and end at once when told."""
        name = f"s{secrets.token_hex(4)}"
        # Without IPVS in the kernel there are no virtual addresses; and no registry can be asked for the image.
        own = ("--endpoint-mode", "dnsrr", "--no-resolve-image", "--stop-signal", "KILL", "--replicas", str(replicas))
        self.manager.docker(
            "service",
            "create",
            "--detach",
            "--name",
            name,
            "--network",
            network,
            *own,
            *options,
            "busybox",
            "sleep",
            "9999",
        )
        self.settled(name, replicas)
        return name

    def scale(self, service: str, replicas: int) -> None:
        """docker service scale, until it is so."""
        self.manager.docker("service", "scale", "--detach", f"{service}={replicas}")
        self.settled(service, replicas)

    def settled(self, service: str, replicas: int) -> None:
        """Wait until exactly so many tasks run."""
        wait_until(f"{replicas} tasks of {service} run", lambda: len(self.tasks(service)) == replicas, 120)

    def tasks(self, service: str) -> list[Container]:
        """The service's running containers, host by host."""
        form = ("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={service}")
        return [Container(host, task) for host in self.hosts for task in host.docker(*form).split()]

    def hand_over(self, host: Host) -> None:
        """Another host becomes the only manager."""
        before, self.manager = self.manager, host
        before.docker("node", "promote", host.name)
        wait_until(f"{host.name} is a manager", lambda: host.docker("info", "--format", _CONTROL) == "true", 60)
        host.docker("node", "demote", before.name)
        form = ("node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}")

        def leads() -> bool:
            with suppress(CommandFailed):
                return f"{host.name} Leader" in host.docker(*form)
            return False

        wait_until(f"{host.name} leads the swarm", leads, 60)

    def remove_network(self, name: str) -> None:
        """docker network rm, as soon as the swarm lets it: tasks of a removed service may still be ending."""

        def removed() -> bool:
            with suppress(CommandFailed):
                self.manager.docker("network", "rm", name)
                return True
            return False

        wait_until(f"network {name} is removed", removed, 60)


@contextmanager
def swarm_of(hosts: list[Host], built: Path) -> Iterator[Swarm]:
    """A swarm for a while. Its drivers sweep after a second."""
    manager, *others = hosts
    try:
        for host in hosts:
            _forget_drivers(host)
            folder = host.etc / "kuryr-swarm"
            folder.mkdir(exist_ok=True)
            conf = (host.etc / "kuryr" / "kuryr.conf").read_text()
            (folder / "kuryr.conf").write_text(f"{conf}\n[sweep]\ngrace = 1\n")
            plugin.install(host, built, SETTINGS)
        manager.docker("swarm", "init", "--advertise-addr", manager.management_address)
        token = manager.docker("swarm", "join-token", "--quiet", "worker")
        for host in others:
            address = host.management_address
            host.docker(
                "swarm", "join", "--token", token, "--advertise-addr", address, f"{manager.management_address}:2377"
            )
        for host in hosts:
            _await_ingress(host)
        yield Swarm(hosts)
    finally:
        for host in reversed(hosts):
            with suppress(CommandFailed):
                host.docker("swarm", "leave", "--force")
            plugin.remove(host)


def _forget_drivers(host: Host) -> None:
    """Restart Docker.

    It tells every driver that it ever found of the nodes of a swarm, before it makes its ingress: those that tests
    before have left without a process cost it fifteen seconds each.
    """
    host.find_daemon("dockerd").stop(signal.SIGTERM, 60)
    boot_docker(host, ready=lambda: answers(host))


def _await_ingress(host: Host) -> None:
    """Docker makes its ingress in its own time: no test shall take a part of it for a leak."""
    look = ["nsenter", "--net=/run/docker/netns/ingress_sbox", "ip", "-json", "link"]

    def complete() -> bool:
        done = host.run(look, check=False)
        return done.returncode == 0 and {"eth0", "eth1"} <= {link["ifname"] for link in json.loads(done.stdout)}

    try:
        wait_until(f"{host.name} has its ingress", complete, 120)
    except LabError as error:
        log = host.find_daemon("dockerd").log
        raise LabError(f"{error}; Docker says:\n{tail(log)}", log=log) from None


def address(task: Container) -> str:
    """A task's address on its only network."""
    return task.run(["hostname", "-i"]).stdout.strip()
