"""The world outside of the lab's cloud, and the ways there and back: SNAT, floating IPs, port forwardings."""

from collections.abc import Iterator

import pytest

from kuryr_lab.external import ExternalNetwork, FloatingIP, Router
from kuryr_lab.lab import Lab
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.waiting import wait_until

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def external(lab: Lab, no_leaks: None) -> Iterator[ExternalNetwork]:
    with ExternalNetwork(lab) as network:
        yield network


@pytest.fixture
def router(lab: Lab, external: ExternalNetwork, tenant_network: TenantNetwork) -> Iterator[Router]:
    with Router(lab, external, [tenant_network.subnet_id]) as router:
        yield router


@pytest.fixture
def open_group(lab: Lab) -> Iterator[str]:
    """A security group that lets everything in."""
    demo = lab.neutron("demo")
    group = str(demo.create("security_group", name="open")["id"])
    demo.create("security_group_rule", security_group_id=group, direction="ingress", ethertype="IPv4")
    yield group
    demo.delete("security_group", group)


HOSTS = pytest.mark.parametrize("host", ["host1", "host2"])


@HOSTS
def test_a_port_goes_out_by_its_routers_address(
    lab: Lab, tenant_network: TenantNetwork, router: Router, host: str
) -> None:
    with lab.plain_port(host, tenant_network.id) as port:
        port.reaches(lab.outside.address)
        assert port.fetch(lab.outside.address) == router.address


def test_without_a_router_there_is_no_way_out(lab: Lab, tenant_network: TenantNetwork) -> None:
    with lab.plain_port("host1", tenant_network.id) as port:
        assert not port.ping(lab.outside.address, count=2)
        assert port.fetch(lab.outside.address) is None


@HOSTS
def test_a_floating_ip_leads_in_and_is_the_address_that_the_outside_sees(
    lab: Lab, tenant_network: TenantNetwork, external: ExternalNetwork, router: Router, open_group: str, host: str
) -> None:
    with (
        lab.plain_port(host, tenant_network.id, security_groups=[open_group]) as port,
        FloatingIP(lab, external, port.port["id"]) as floating,
    ):
        port.serve()
        lab.outside.reaches(floating.address)
        assert lab.outside.fetch(floating.address) == port.name
        assert port.fetch(lab.outside.address) == floating.address


def test_a_floating_ip_opens_nothing(
    lab: Lab, tenant_network: TenantNetwork, external: ExternalNetwork, router: Router
) -> None:
    with (
        lab.plain_port("host1", tenant_network.id) as port,
        FloatingIP(lab, external, port.port["id"]) as floating,
    ):
        port.serve()
        port.reaches(lab.outside.address)
        assert not lab.outside.ping(floating.address, count=2)
        assert lab.outside.fetch(floating.address) is None


@HOSTS
def test_a_forwarded_port_leads_in_and_no_other_does(
    lab: Lab, tenant_network: TenantNetwork, external: ExternalNetwork, router: Router, open_group: str, host: str
) -> None:
    with (
        lab.plain_port(host, tenant_network.id, security_groups=[open_group]) as port,
        FloatingIP(lab, external) as floating,
    ):
        floating.forward(port.port, inside=80, outside=8080)
        port.serve()
        wait_until("the forwarding works", lambda: lab.outside.fetch(floating.address, 8080) == port.name)
        assert lab.outside.fetch(floating.address, 80) is None
