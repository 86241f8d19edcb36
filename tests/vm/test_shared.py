"""Containers of a virtual machine as address pairs of its port: reached at addresses of their own, guarded as it is."""

from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.docker_host import DockerHost
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon
from kuryr_lab.ovn import Ovn
from kuryr_lab.request_log import Cursor, Request
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from system.conftest import Bench, address_of
from system.driver import Driver
from vm import nested
from vm.ports import requests_of_a_start_and_a_stop

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def driver(lab: Lab, vm: VirtualMachine) -> Iterator[Daemon]:
    """ML2/OVN takes no MAC address but the machine's own: `macvlan` is for Neutron's agents.

    Not under the mode's own name: Docker has network drivers `ipvlan` and `macvlan` itself.
    """
    mode = "ipvlan" if isinstance(lab.backend, Ovn) else "macvlan"
    with nested.running(vm, "shared", mode=mode) as driver:
        yield driver


def pairs(neutron: Neutron, nic: TrunkPort) -> list[str]:
    """The addresses that the machine's port may use besides its own."""
    return [pair["ip_address"] for pair in neutron.show("port", nic.port["id"])["allowed_address_pairs"]]


def asked(requests: list[Request]) -> list[str]:
    """Without what is read and said again because Neutron itself has changed the machine's port (412)."""
    return [call.method for call in requests if call.status != 412 and call.method != "GET"]


def test_a_container_talks_through_the_machines_port_with_those_on_every_host(
    lab: Lab,
    vm: VirtualMachine,
    nic: TrunkPort,
    driver: Daemon,
    host_drivers: dict[str, Driver],
    bench: Bench,
    neutron: Neutron,
) -> None:
    """By ping and TCP."""
    # Without --subnet Docker takes no range into which its host has a route.
    on = ("--subnet", nic.cidr, "--ipam-opt", f"neutron.net.name={nic.name}")
    hosts: tuple[tuple[DockerHost, str], ...] = (
        (vm, driver.name), (lab.hosts["host1"], "kuryr"), (lab.hosts["host2"], "kuryr")
    )  # fmt: skip
    inside, *others = (bench.run(host, bench.network(host, *on, driver=name)) for host, name in hosts)
    stations = (inside, *others)
    addresses = {each.name: address_of(each, bench.network_of(each)) for each in stations}
    assert pairs(neutron, nic) == [addresses[inside.name]]
    for station in stations:
        station.serve()
    for other in others:
        for source, target in ((other, inside), (inside, other)):
            source.reaches(addresses[target.name], seconds=30)
            assert source.fetch(addresses[target.name], seconds=10) == target.name


def test_a_start_takes_two_requests_and_so_does_a_stop(
    vm: VirtualMachine, nic: TrunkPort, driver: Daemon, bench: Bench, neutron: Neutron, vm_requests: Cursor
) -> None:
    on = ("--subnet", nic.cidr, "--ipam-opt", f"neutron.net.name={nic.name}")
    network = bench.network(vm, *on, driver=driver.name)
    container = bench.run(vm, network)
    start, stop = requests_of_a_start_and_a_stop(container, network, nic.port["network_id"], neutron, vm_requests)
    assert asked(start) == ["POST", "PUT", "PUT"]
    assert asked(stop) == ["PUT", "DELETE"]
    assert pairs(neutron, nic) == []
