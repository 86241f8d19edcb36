"""Kuryr in the virtual machine."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Daemon
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.vm.machine import VirtualMachine
from system.driver import Sections

SOCKET = "/run/docker/plugins/{}.sock"


def start(vm: VirtualMachine, name: str = "kuryr", *, mode: str = "vlan", settings: Sections | None = None) -> Daemon:
    """Start a driver called `name`, which is also its deployment's.

    It has the rights of a plain member of the machine's project, unless `settings` say how else it reaches the cloud.
    """
    # Under a new name: the machine would remember what it has read before.
    path = vm.etc / "kuryr" / f"{name}-{secrets.token_hex(4)}.conf"
    neutron = password_options(IDENTITIES["demo"], vm.layout.auth_url)
    own = {
        "DEFAULT": {"deployment": name},
        "docker": {"socket": SOCKET.format(name)},
        "nested": {"mode": mode},
        "sweep": {"grace": "20"},
    }
    write_ini(path, {**(settings or {"neutron": neutron}), **own})

    def listens() -> bool:
        return vm.run(["test", "-S", SOCKET.format(name)], check=False).returncode == 0

    return vm.daemon(name, ["kuryr", "docker", "serve", "--config-file", str(path)], ready=listens, seconds=300)


def stop(vm: VirtualMachine, driver: Daemon) -> None:
    """End a driver and remove its socket."""
    driver.stop(seconds=60)
    vm.run(["rm", "-f", SOCKET.format(driver.name)])


@contextmanager
def running(vm: VirtualMachine, name: str, *, mode: str = "vlan", settings: Sections | None = None) -> Iterator[Daemon]:
    """A driver for a while."""
    driver = start(vm, name, mode=mode, settings=settings)
    try:
        yield driver
    finally:
        stop(vm, driver)


def on(network: TenantNetwork) -> tuple[str, str]:
    """Options of a Docker network that stands on an existing one."""
    return ("--ipam-opt", f"neutron.net.name={network.name}")
