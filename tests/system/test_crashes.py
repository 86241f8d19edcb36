"""The driver, or what wires or switches on the host, is killed: what runs goes on, what is new waits or says why."""

from collections.abc import Iterator

import pytest

from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.openvswitch import OpenVSwitch
from kuryr_lab.tenant import TenantNetwork
from system.conftest import Bench, address_of
from system.driver import Driver

pytestmark = [pytest.mark.backends, pytest.mark.exhaustive]

AGENTS = {
    "ovn-controller": "is ovn-controller running on this host and connected",
    "neutron-openvswitch-agent": "is neutron-openvswitch-agent running on this host and connected",
    "neutron-linuxbridge-agent": "is the agent of Neutron's driver linuxbridge alive there",
}
"""Programs, and what the line says that a person reads when one of them is dead."""


@pytest.fixture
def impatient(host1: Host) -> Iterator[Driver]:
    """A driver that soon takes a port for one that nobody wires; a working agent may be slower."""
    driver = Driver.changed(host1, {"binding": {"ready_timeout": "3", "ovsdb_timeout": "3"}, "sweep": {"grace": "3"}})
    yield driver
    driver.stop()


def test_containers_outlive_their_driver(host1: Host, bench: Bench) -> None:
    first = Driver.changed(host1, {})
    network = bench.network(host1, "--subnet", "10.77.0.0/24", driver=first.name)
    one, other = (bench.run(host1, network) for _ in range(2))
    first.daemon.kill()
    other.serve()
    one.reaches(address_of(other, network))
    assert one.fetch(address_of(other, network)) == other.name
    first.socket.unlink()
    second = Driver(host1, first.name, {})
    third = bench.run(host1, network)
    third.reaches(address_of(other, network))
    assert third.fetch(address_of(other, network)) == other.name
    bench.clear()
    second.stop()


def test_without_an_agent_containers_run_on_and_new_ones_are_refused_until_it_is_back(
    lab: Lab, host1: Host, impatient: Driver, tenant_network: TenantNetwork, bench: Bench
) -> None:
    blue = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
    network, refusing = bench.network(host1, *blue), bench.network(host1, *blue, driver=impatient.name)
    one, other = (bench.run(host1, network) for _ in range(2))
    other.serve()
    host1.find_daemon(lab.backend.agent).kill()
    try:
        one.reaches(address_of(other, network))
        assert one.fetch(address_of(other, network)) == other.name
        with pytest.raises(CommandFailed, match=AGENTS[lab.backend.agent]):
            bench.run(host1, refusing)
    finally:
        lab.backend.start_agent(host1)
    with lab.plain_port("host1", tenant_network.id) as plain:
        # It works again.
        plain.reaches(address_of(other, network))
    third = bench.run(host1, network)
    third.reaches(address_of(other, network))
    assert third.fetch(address_of(other, network)) == other.name


@pytest.mark.backends(without="linuxbridge")
def test_without_the_switch_new_containers_are_refused_and_all_talk_when_it_is_back(
    lab: Lab, host1: Host, host2: Host, impatient: Driver, tenant_network: TenantNetwork, bench: Bench
) -> None:
    switch = lab.backend.switch
    assert isinstance(switch, OpenVSwitch)
    blue = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
    network, refusing = bench.network(host1, *blue), bench.network(host1, *blue, driver=impatient.name)
    one, other, removed = (bench.run(host1, network) for _ in range(3))
    far = bench.run(host2, bench.network(host2, *blue))
    other.serve()
    switch.kill(host1)
    try:
        with pytest.raises(CommandFailed, match="is ovs-vswitchd running"):
            bench.run(host1, refusing)
        host1.docker("rm", "--force", removed.name)
        assert not one.ping(address_of(other, network))
    finally:
        switch.restart(host1)
    third = bench.run(host1, network)
    for station in (one, third, far):
        station.reaches(address_of(other, network), seconds=60)
        assert station.fetch(address_of(other, network)) == other.name
