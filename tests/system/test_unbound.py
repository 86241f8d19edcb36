"""A port that nobody can wire is no container's: a real Neutron says so, Kuryr says why, and nothing stays behind."""

import pytest

from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES
from kuryr_lab.tenant import TenantNetwork
from system.conftest import Bench
from system.driver import Driver, Sections

pytestmark = pytest.mark.exhaustive


def refused(host: Host, bench: Bench, network: str, words: str) -> None:
    with pytest.raises(CommandFailed, match=words) as refusal:
        bench.run(host, network)
    assert len([line for line in refusal.value.stderr.splitlines() if "daemon: " in line]) == 1


@pytest.mark.backends
def test_a_host_that_neutron_does_not_know_is_named(host1: Host, tenant_network: TenantNetwork, bench: Bench) -> None:
    driver = Driver.changed(host1, {"DEFAULT": {"host": "nowhere"}})
    network = bench.network(host1, "--ipam-opt", f"neutron.net.name={tenant_network.name}", driver=driver.name)
    ask = r"is an agent of Neutron.s alive there\? openstack network agent list --host nowhere"
    refused(host1, bench, network, rf"could not bind port \S+ to nowhere \({ask}\)")
    bench.clear()
    driver.stop()


def test_whoever_may_not_bind_ports_is_told_the_right_that_it_takes(
    host1: Host, tenant_network: TenantNetwork, bench: Bench
) -> None:
    member: Sections = {"neutron": {"username": IDENTITIES["demo"].user}}
    driver = Driver.changed(host1, member)
    network = bench.network(host1, "--ipam-opt", f"neutron.net.name={tenant_network.name}", driver=driver.name)
    refused(host1, bench, network, r"binding:host_id.* disallowed by policy \(.*service")
    bench.clear()
    driver.stop()
