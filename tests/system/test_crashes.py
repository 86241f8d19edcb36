"""The driver, or what wires ports on the host, is killed: what runs goes on, what is new waits or says why."""

import pytest

from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
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
    lab: Lab, host1: Host, tenant_network: TenantNetwork, bench: Bench
) -> None:
    network = bench.network(host1, "--ipam-opt", f"neutron.net.name={tenant_network.name}")
    one, other = (bench.run(host1, network) for _ in range(2))
    other.serve()
    host1.find_daemon(lab.backend.agent).kill()
    try:
        one.reaches(address_of(other, network))
        assert one.fetch(address_of(other, network)) == other.name
        with pytest.raises(CommandFailed, match=AGENTS[lab.backend.agent]):
            bench.run(host1, network)
    finally:
        lab.backend.start_agent(host1)
    with lab.plain_port("host1", tenant_network.id) as plain:
        # It works again.
        plain.reaches(address_of(other, network))
    third = bench.run(host1, network)
    third.reaches(address_of(other, network))
    assert third.fetch(address_of(other, network)) == other.name
