"""Every profile is a cloud: ports that are plugged as Nova would plug them talk, and groups keep others out."""

import pytest

from kuryr_lab.lab import Lab
from kuryr_lab.tenant import TenantNetwork

pytestmark = [pytest.mark.backends, pytest.mark.exhaustive]


@pytest.fixture
def dual_stack(lab: Lab, tenant_network: TenantNetwork) -> TenantNetwork:
    """The tenant's network, with a subnet of each family."""
    lab.neutron("demo").create("subnet", network_id=tenant_network.id, cidr="fd20::/64", ip_version=6)
    return tenant_network


def test_ports_of_two_hosts_talk_in_both_families(lab: Lab, dual_stack: TenantNetwork) -> None:
    with lab.plain_port("host1", dual_stack.id, name="one") as one, lab.plain_port("host2", dual_stack.id) as other:
        for station in (one, other):
            station.serve()
        for source, target in ((one, other), (other, one)):
            for fixed_ip in target.port["fixed_ips"]:
                source.reaches(fixed_ip["ip_address"])
                assert source.fetch(fixed_ip["ip_address"]) == target.name


@pytest.mark.parametrize("host", ["host1", "host2"])
def test_a_stranger_is_kept_out_and_let_in_as_soon_as_the_group_admits_him(
    lab: Lab, dual_stack: TenantNetwork, host: str
) -> None:
    demo = lab.neutron("demo")
    group = demo.create("security_group", name="strangers")["id"]
    with (
        lab.plain_port("host1", dual_stack.id, name="one") as one,
        lab.plain_port(host, dual_stack.id, name="friend") as friend,
        lab.plain_port(host, dual_stack.id, name="stranger", security_groups=[group]) as stranger,
    ):
        one.serve()
        addresses = [fixed_ip["ip_address"] for fixed_ip in one.port["fixed_ips"]]
        for address in addresses:
            friend.reaches(address)
            assert friend.fetch(address) == one.name
            assert not stranger.ping(address, count=2)
            assert stranger.fetch(address) is None
        demo.update("port", stranger.port["id"], security_groups=one.port["security_groups"])
        for address in addresses:
            stranger.reaches(address)
            assert stranger.fetch(address) == one.name
    demo.delete("security_group", group)


@pytest.mark.parametrize("host", ["host1", "host2"])
def test_neutron_leases_a_port_its_address_by_dhcp(lab: Lab, tenant_network: TenantNetwork, host: str) -> None:
    with lab.plain_port(host, tenant_network.id) as port:
        ask = ["busybox", "udhcpc", "-f", "-q", "-n", "-t", "10", "-i", "eth0", "-s", "/bin/true"]
        assert f"lease of {port.address} obtained" in port.run(ask).stderr
