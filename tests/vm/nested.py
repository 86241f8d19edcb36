"""Kuryr in the virtual machine: it has the rights of a plain member of the machine's project."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Daemon
from kuryr_lab.vm.machine import VirtualMachine

SOCKET = "/run/docker/plugins/{}.sock"


def start(vm: VirtualMachine, name: str = "kuryr", **nested: str) -> Daemon:
    """Start a driver called `name`, which is also its deployment's; `nested` is that section of its kuryr.conf."""
    # Under a new name: the machine would remember what it has read before.
    path = vm.etc / "kuryr" / f"{name}-{secrets.token_hex(4)}.conf"
    neutron = password_options(IDENTITIES["demo"], vm.layout.auth_url)
    general = {"deployment": name}
    docker = {"socket": SOCKET.format(name)}
    write_ini(
        path, {"DEFAULT": general, "neutron": neutron, "docker": docker, "nested": nested, "sweep": {"grace": "20"}}
    )

    def listens() -> bool:
        return vm.run(["test", "-S", SOCKET.format(name)], check=False).returncode == 0

    return vm.daemon(name, ["kuryr", "docker", "serve", "--config-file", str(path)], ready=listens, seconds=120)


def stop(vm: VirtualMachine, driver: Daemon) -> None:
    """End a driver and remove its socket."""
    driver.stop(seconds=60)
    vm.run(["rm", "-f", SOCKET.format(driver.name)])


@contextmanager
def running(vm: VirtualMachine, name: str, **nested: str) -> Iterator[Daemon]:
    """A driver for a while."""
    driver = start(vm, name, **nested)
    try:
        yield driver
    finally:
        stop(vm, driver)
