"""A lab as a whole: bring it up, take it down, and reach what is in it."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kuryr_lab import cleanup, engines, profiles
from kuryr_lab.backend import Backend
from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.layout import MAX_HOSTS, Layout, free_slot, settings
from kuryr_lab.node import Daemon, Node
from kuryr_lab.outside import Outside
from kuryr_lab.parts import Watcher, start_all
from kuryr_lab.profiles import PROFILES, Profile, vm_parts
from kuryr_lab.progress import Silence
from kuryr_lab.request_log import Cursor, path_of
from kuryr_lab.template import build_parts, template
from kuryr_lab.vm import boot as vm_boot
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort

if TYPE_CHECKING:
    from kuryr_lab.client import Neutron
    from kuryr_lab.traffic import PlainPort

PROGRAMS = ("mariadbd", "runc", "tini", "busybox", "ethtool")


class Lab:
    """The lab `name` of this checkout, whether it is up or not; LabError on a bad name or state directory."""

    def __init__(self, name: str = "default") -> None:
        self._populate(settings(name))

    def _populate(self, layout: Layout) -> None:
        self.layout = layout
        self.control = Node(layout, "control")
        self.outside = Outside(layout)
        self.hosts: dict[str, Host] = {name: Host(layout, name) for name in self._record().get("hosts", [])}
        on = self._record().get("vm", "")
        self.vms = [VirtualMachine(layout, 1, self.hosts[on])] if on else []

    @property
    def name(self) -> str:
        """What tells it from other labs."""
        return self.layout.name

    @property
    def engine(self) -> str:
        """The version of its hosts' Docker; empty if the lab is down."""
        return str(self._record().get("engine", ""))

    @property
    def profile(self) -> Profile:
        """What it is made of, or would be by default."""
        return PROFILES[self._record().get("profile", profiles.CORE)]

    @property
    def backend(self) -> Backend:
        """What wires its ports."""
        return self.profile.backend

    @property
    def nodes(self) -> list[Node]:
        """The control node, the hosts, the machine outside, and virtual machines."""
        return [self.control, *self.hosts.values(), self.outside, *self.vms]

    def node(self, name: str) -> Node:
        """A node by name; LabError if the lab has no such node."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise LabError(f"lab {self.name} has no node {name!r} (it has {known})")

    def is_up(self) -> bool:
        """Whether `up` has completed and every node lives; of virtual machines that is not asked."""
        nodes = [node for node in self.nodes if node not in self.vms]
        return bool(self._record().get("ready")) and all(node.alive() for node in nodes)

    def up(
        self,
        hosts: int = 2,
        *,
        profile: str = profiles.CORE,
        engine: str = engines.DEFAULT,
        watcher: Watcher | None = None,
    ) -> None:
        """Bring the lab up with `hosts` hosts, unless it is. LabError, with the log, if a part fails.

        A lab that is half there, from an `up` that was killed, is removed first; one that fails is removed again.
        `engine` is the Docker of its hosts, by version or the beginning of one.
        """
        watcher = watcher or Silence()
        with self._alone():
            docker = engines.find(engine)
            if self.is_up():
                if (len(self.hosts), profile, docker.version) != (hosts, self.profile.name, self.engine):
                    is_so = f"{len(self.hosts)} hosts and Docker {self.engine}, profile {self.profile.name}"
                    raise LabError(f"lab {self.name} is up with {is_so}: take it down first")
                return
            self._check(hosts, profile)
            cleanup.remove(self.layout)
            if strange := cleanup.leftovers(self.layout):
                raise LabError(f"another lab named {self.name} is in the way: {strange[0]}")
            self._settle(hosts, profile, docker)
            self._build_template(watcher)
            self._link_commands(docker)
            parts = self.profile.parts(self.backend, self.control, list(self.hosts.values()))
            start_all(parts, watcher, self._abandon)
            own = {node.name: node.daemon_names() for node in self.nodes}
            self._write_record({**self._record(), "daemons": own, "ready": True})

    def add_vm(self, host: str = "host1", *, watcher: Watcher | None = None) -> VirtualMachine:
        """Add a virtual machine on `host` to a lab that is up, unless it has one. LabError, with the log, if it fails.

        It goes with `remove_vm`, or with the lab.
        """
        with self._alone():
            if not self.vms:
                vm_boot.check()
                self._write_record({**self._record(), "vm": host})
                self._populate(self.layout)
            (vm,) = self.vms
            if not (vm.alive() and vm.name in self._record()["daemons"]):
                vm.switch_off()
                start_all(vm_parts(vm, self.trunk_port(host, vm.name)), watcher or Silence(), vm.switch_off)
                own = {**self._record()["daemons"], vm.name: vm.daemon_names()}
                self._write_record({**self._record(), "daemons": own})
            return vm

    def remove_vm(self) -> None:
        """Switch the virtual machine off, if there is one, and remove its port."""
        with self._alone():
            for vm in self.vms:
                vm.switch_off()
                self.trunk_port(vm.host.name, vm.name).delete()
                own = {name: daemons for name, daemons in self._record()["daemons"].items() if name != vm.name}
                self._write_record({**self._record(), "vm": "", "daemons": own})
            self._populate(self.layout)

    def down(self) -> None:
        """End and remove everything that `up` started, in whatever state it is; logs stay."""
        with self._alone():
            self._abandon()
            (self.layout.state / "lab.json").unlink(missing_ok=True)
            self.hosts, self.vms = {}, []

    def leftovers(self) -> list[str]:
        """A line for each process, namespace, mount, interface and cgroup of the lab."""
        return cleanup.leftovers(self.layout)

    def daemons(self) -> dict[str, dict[str, bool]]:
        """Of each node the programs of the lab's own, and whether they live; and what else lives in it."""
        own = self._record().get("daemons", {})
        return {
            node.name: {
                name: alive
                for name in node.daemon_names()
                if (alive := node.find_daemon(name).alive()) or name in own.get(node.name, [])
            }
            for node in self.nodes
        }

    def daemon(self, node: str, name: str) -> Daemon:
        """A program that runs in a node, such as `neutron` in `control`."""
        return self.node(node).find_daemon(name)

    def neutron(self, identity: str = "admin") -> "Neutron":
        """Neutron's API as `admin`, `kuryr` or `demo`."""
        from kuryr_lab.client import Neutron  # noqa: PLC0415  (keystoneauth takes 0.2 s that `down` has no use for)

        return Neutron(self.layout, identity)

    def plain_port(self, host: str, network_id: str, *, name: str = "plain", **fields: object) -> "PlainPort":
        """A new port of the network's project in a namespace of its own on `host`, active and ready for traffic."""
        from kuryr_lab.traffic import PlainPort  # noqa: PLC0415

        switch = self.backend.switch
        return PlainPort(self.neutron("admin"), self.hosts[host], switch, network_id, name=name, **fields)

    def trunk_port(self, host: str, name: str) -> TrunkPort:
        """What a virtual machine of project `demo` on `host` is connected by; made unless it is there."""
        return TrunkPort(self.neutron("admin"), self.neutron("demo").project_id, host, name)

    def requests(self, client: str | None = None, *, sweeps: bool = True) -> Cursor:
        """Neutron's request log from here on, of one client (`host1`, `machine`) or of all; see `Cursor`."""
        return Cursor(path_of(self.layout, "neutron"), self.layout, client, sweeps=sweeps)

    def _check(self, hosts: int, profile: str) -> None:
        if os.geteuid() != 0:
            raise LabError("a lab makes namespaces and mounts: run as root")
        if profile not in PROFILES:
            raise LabError(f"profile {profile!r}: one of {', '.join(PROFILES)}")
        if not 1 <= hosts <= MAX_HOSTS:
            raise LabError(f"{hosts} hosts: from 1 to {MAX_HOSTS}")
        backend = PROFILES[profile].backend
        needed = [*PROGRAMS, *backend.switch.programs, *backend.programs]
        environments = [self.layout.cloud, backend.environment(self.layout)]
        missing = [program for program in needed if not shutil.which(program)]
        missing += [str(path) for path in environments if not (path / "bin" / "uwsgi").exists()]
        if missing:
            raise LabError(f"not installed: {', '.join(missing)} (run `{backend.setup}`)")

    def _settle(self, hosts: int, profile: str, docker: engines.Engine) -> None:
        """Choose addresses, with no other lab choosing at the same time."""
        with _locked(self.layout.base):
            layout = dataclasses.replace(self.layout, slot=free_slot(self.layout))
            names = [f"host{number}" for number in range(1, hosts + 1)]
            chosen = {"profile": profile, "engine": docker.version, "hosts": names}
            self._write_record({"slot": layout.slot, **chosen, "ready": False})
        self._populate(layout)

    def _build_template(self, watcher: Watcher) -> None:
        self.layout.cache.mkdir(parents=True, exist_ok=True)
        with _locked(self.layout.cache):
            if not template(self.layout, self.backend).exists():
                start_all(build_parts(self.control, self.backend), watcher, self._abandon)
                self._abandon()

    def _abandon(self) -> None:
        cleanup.remove(self.layout)
        for node in self.nodes:
            node.reap()

    def _link_commands(self, docker: engines.Engine) -> None:
        shutil.rmtree(self.layout.commands, ignore_errors=True)
        self.layout.commands.mkdir()
        own = Path(sys.executable).parent
        for program in (self.layout.cloud / "bin" / "openstack", own / "kuryr", own / "kuryr-lab", *docker.programs()):
            (self.layout.commands / program.name).symlink_to(program)

    def _record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads((self.layout.state / "lab.json").read_text())
        except FileNotFoundError:
            return {}
        return record

    def _write_record(self, record: dict[str, Any]) -> None:
        new = self.layout.state / "lab.json.new"
        new.write_text(json.dumps(record))
        new.rename(self.layout.state / "lab.json")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.layout.state.mkdir(parents=True, exist_ok=True)
        with _locked(self.layout.state, wait=False):
            yield


def all_labs() -> list[Lab]:
    """Every lab of this checkout that was ever brought up."""
    base = settings("default").base
    return [Lab(path.name) for path in sorted(base.glob("[!.]*")) if path.is_dir()]


@contextlib.contextmanager
def _locked(directory: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an advisory lock on a directory: the kernel releases it with the process, and it leaves no file."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError:
        raise LabError(f"lab {directory.name} is being brought up or down by another process") from None
    finally:
        os.close(descriptor)
