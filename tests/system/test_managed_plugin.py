"""Kuryr as a managed plugin, built from this environment: Docker runs it itself, without a daemon on the host."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from system import plugin
from system.conftest import Bench, address_of
from system.plugin import BUILD, NAME
from system.test_containers import ports_of

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def host(lab: Lab, no_leaks: None, built_plugin: Path) -> Iterator[Host]:
    """A host whose Docker runs the plugin, as a deployment of its own."""
    host = lab.hosts["host1"]
    try:
        plugin.install(host, built_plugin, {"OS_DEFAULT__DEPLOYMENT": "managed"})
        yield host
    finally:
        plugin.remove(host)


@pytest.mark.engines
def test_its_containers_are_ports_that_talk(host: Host, neutron: Neutron, bench: Bench) -> None:
    """By ping and by TCP; and the deployment that was set is the one that marks the ports."""
    name = bench.network(host, "--subnet", "10.77.0.0/24", driver=NAME)
    one, other = bench.run(host, name), bench.run(host, name)
    other.serve()
    one.reaches(address_of(other, name))
    assert one.fetch(address_of(other, name)) == other.name
    held = [port for port in ports_of(neutron, host) if port["description"] == "kuryr:managed@host1"]
    addresses = {fixed["ip_address"] for port in held for fixed in port["fixed_ips"]}
    assert addresses == {address_of(one, name), address_of(other, name)}
    bench.clear()


def test_a_restarted_container_keeps_its_place(host: Host, bench: Bench) -> None:
    """The plugin itself has been restarted in between: it remembers nothing."""
    name = bench.network(host, "--subnet", "10.77.0.0/24", driver=NAME)
    one, other = bench.run(host, name, "--ip", "10.77.0.9"), bench.run(host, name)
    host.docker("plugin", "disable", "--force", NAME)
    other.reaches("10.77.0.9")
    host.docker("plugin", "enable", NAME)
    host.docker("restart", "-t", "0", one.name)
    other.reaches("10.77.0.9")
    bench.clear()


def test_it_is_built_the_same_twice(built_plugin: Path, tmp_path: Path) -> None:
    again = plugin.build(tmp_path / "again")
    subprocess.run(["diff", "--recursive", "--no-dereference", built_plugin, again], check=True)

    def modes_and_times(root: Path) -> dict[str, tuple[int, float]]:
        found = {path.relative_to(root): path.lstat() for path in (root / "rootfs").rglob("*")}
        return {str(path): (stat.st_mode, stat.st_mtime) for path, stat in found.items()}

    assert modes_and_times(built_plugin) == modes_and_times(again)


def test_a_build_that_cannot_be_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    def refused(*argv: object) -> str:
        done = subprocess.run([BUILD, *map(str, argv)], check=False, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    assert "is there already" in refused(tmp_path)
    assert "has no Kuryr" in refused(tmp_path / "new", "/bin/false")
    assert "usage: " in refused()
    assert list(tmp_path.iterdir()) == []
