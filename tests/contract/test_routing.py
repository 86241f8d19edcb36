"""Routers, floating IPs and port forwardings."""

import uuid
from dataclasses import dataclass
from ipaddress import ip_network

import pytest

from contract.site import Site, address
from kuryr.errors import Conflict, InvalidInput, NotFound, Overtaken
from kuryr.model import IPAddress
from kuryr.neutron.resources import FloatingIPResource, PortResource, RouterResource, SubnetResource
from kuryr.neutron.routers import INTERFACES


@dataclass(frozen=True)
class Outside:
    """A port that can be reached from an external network."""

    site: Site
    external_id: str
    router: RouterResource
    subnet: SubnetResource
    port: PortResource

    @property
    def address(self) -> IPAddress:
        return self.port.fixed_ips[0].address

    def floating(self, port_id: str | None = None) -> FloatingIPResource:
        return self.site.neutron.floating_ips.create(
            network_id=self.external_id, description=self.site.mark, port_id=port_id
        )


@pytest.fixture
def outside(routed_site: Site) -> Outside:
    external = routed_site.external()
    router = routed_site.router(external.id)
    network, subnet = routed_site.pair()
    routed_site.neutron.routers.add_interface(router.id, subnet.id)
    return Outside(routed_site, external.id, router, subnet, routed_site.port(network, [(subnet.id, None)]))


def test_a_router_serves_both_families_of_a_network(routed_site: Site) -> None:
    routers, ports = routed_site.neutron.routers, routed_site.neutron.ports
    router = routed_site.router()
    network, four = routed_site.pair()
    six = routed_site.subnet(network, "fd77::/64")

    made = {routers.add_interface(router.id, four.id), routers.add_interface(router.id, six.id)}

    interfaces = ports.list(network_id=network.id, device_owner=INTERFACES)
    assert {port.id for port in interfaces} == made
    assert {port.device_id for port in interfaces} == {router.id}
    assert {port.fixed_ips[0].address for port in interfaces} == {four.gateway, six.gateway}
    with pytest.raises(Conflict, match="cannot be deleted directly"):
        ports.delete(next(iter(made)))
    with pytest.raises(Conflict, match="ports still attached"):
        routers.delete(router.id)
    assert routers.remove_interface(router.id, four.id)
    assert not routers.remove_interface(router.id, four.id)
    assert routers.remove_interface(router.id, six.id)
    assert routers.delete(router.id)
    assert not routers.remove_interface(router.id, six.id)


def test_a_subnet_is_attached_once(routed_site: Site) -> None:
    routers = routed_site.neutron.routers
    one, other = routed_site.router(), routed_site.router()
    _, subnet = routed_site.pair()
    routers.add_interface(one.id, subnet.id)

    with pytest.raises(InvalidInput, match="overlaps with cidr"):
        routers.add_interface(one.id, subnet.id)
    with pytest.raises(Conflict, match=str(subnet.gateway)):
        routers.add_interface(other.id, subnet.id)


def test_what_is_attached_must_exist_and_have_a_gateway(routed_site: Site) -> None:
    routers, nobody = routed_site.neutron.routers, str(uuid.uuid4())
    router = routed_site.router()
    _, subnet = routed_site.pair()
    bare = routed_site.neutron.subnets.create(
        network_id=routed_site.network().id,
        name="s",
        description=routed_site.mark,
        cidr=ip_network("10.78.0.0/24"),
        gateway=None,
    )

    with pytest.raises(NotFound, match=nobody):
        routers.add_interface(router.id, nobody)
    with pytest.raises(NotFound, match=nobody):
        routers.add_interface(nobody, subnet.id)
    with pytest.raises(InvalidInput, match="must have a gateway IP"):
        routers.add_interface(router.id, bare.id)


def test_a_router_tells_where_its_gateway_is(outside: Outside) -> None:
    neutron = outside.site.neutron

    (found,) = neutron.routers.list(name="router", description=outside.site.mark)

    assert (found.id, found.external_network_id) == (outside.router.id, outside.external_id)
    assert outside.external_id in {network.id for network in neutron.networks.list(**{"router:external": True})}
    assert neutron.networks.get(outside.external_id).external


def test_a_floating_ip_leads_to_a_port_until_that_is_deleted(outside: Outside) -> None:
    floating_ips = outside.site.neutron.floating_ips

    made = outside.floating(outside.port.id)

    assert made.address in ip_network("192.0.2.0/28")
    assert (made.network_id, made.port_id, made.fixed_address) == (
        outside.external_id,
        outside.port.id,
        outside.address,
    )
    assert (made.router_id, made.description) == (outside.router.id, outside.site.mark)
    assert [one.id for one in floating_ips.list(port_id=outside.port.id)] == [made.id]
    assert [one.id for one in floating_ips.list(description=outside.site.mark)] == [made.id]
    assert [one.id for one in floating_ips.list(floating_ip_address=made.address)] == [made.id]
    outside.site.neutron.ports.delete(outside.port.id)
    left = floating_ips.get(made.id)
    assert (left.port_id, left.fixed_address, left.router_id) == ("", None, "")
    assert floating_ips.delete(made.id)
    assert not floating_ips.delete(made.id)


def test_a_floating_ip_may_lead_elsewhere_later(outside: Outside) -> None:
    floating_ips = outside.site.neutron.floating_ips
    made = outside.floating()

    led = floating_ips.lead(made.id, outside.port.id, outside.address, revision=floating_ips.get(made.id).revision)
    assert led is not None
    assert led.port_id == outside.port.id
    with pytest.raises(Overtaken):
        floating_ips.lead(made.id, None, revision=made.revision)
    free = floating_ips.lead(made.id, None)
    assert free is not None
    assert (free.port_id, free.fixed_address) == ("", None)
    assert floating_ips.lead(str(uuid.uuid4()), None) is None


def test_a_floating_ip_that_cannot_lead_there_is_refused(outside: Outside) -> None:
    site, floating_ips = outside.site, outside.site.neutron.floating_ips
    made = outside.floating()
    outside.floating(outside.port.id)
    network, subnet = site.pair()
    unrouted = site.port(network, [(subnet.id, None)])

    with pytest.raises(Conflict, match="already has a floating IP"):
        floating_ips.lead(made.id, outside.port.id)
    with pytest.raises(InvalidInput, match="does not have fixed ip"):
        floating_ips.lead(made.id, outside.port.id, address("10.77.0.250"))
    with pytest.raises(NotFound, match="not reachable from subnet"):
        floating_ips.lead(made.id, unrouted.id)
    with pytest.raises(InvalidInput, match="not a valid external network"):
        floating_ips.create(network_id=network.id, description=site.mark)
    with pytest.raises(Conflict, match="required by one or more floating IPs"):
        site.neutron.routers.remove_interface(outside.router.id, outside.subnet.id)


def test_ports_of_a_floating_ip_are_forwarded_one_by_one(outside: Outside) -> None:
    floating = outside.floating()
    forwardings = outside.site.neutron.floating_ips.port_forwardings(floating.id)

    def forward(protocol: str, external: int, internal: int) -> str:
        made = forwardings.create(
            protocol=protocol,
            external_port=external,
            internal_port=internal,
            internal_port_id=outside.port.id,
            internal_address=outside.address,
            description="web",
        )
        return made.id

    tcp, udp, sctp = forward("tcp", 80, 8080), forward("udp", 80, 8080), forward("sctp", 80, 8080)

    found = {one.id: one for one in forwardings.list()}
    assert found.keys() == {tcp, udp, sctp}
    assert (found[tcp].external_port, found[tcp].internal_port, found[tcp].protocol) == (80, 8080, "tcp")
    assert (found[tcp].internal_port_id, found[tcp].internal_address) == (outside.port.id, outside.address)
    assert found[tcp].description == "web"
    used = outside.site.neutron.floating_ips.get(floating.id)
    assert (used.port_id, used.router_id) == ("", outside.router.id)
    assert [one.id for one in forwardings.list(protocol="udp", internal_port_id=outside.port.id)] == [udp]
    for external, internal in ((80, 9090), (81, 8080)):
        with pytest.raises(InvalidInput, match="port collision"):
            forward("tcp", external, internal)
    assert forwardings.delete(udp)
    assert not forwardings.delete(udp)
    outside.site.neutron.ports.delete(outside.port.id)
    assert forwardings.list() == []
    assert outside.site.neutron.floating_ips.get(floating.id).router_id == ""
    outside.site.neutron.floating_ips.delete(floating.id)
    assert not forwardings.delete(tcp)
    with pytest.raises(NotFound, match=floating.id):
        forwardings.list()


def test_a_floating_ip_is_for_one_port_or_for_many_but_not_both(outside: Outside) -> None:
    floating_ips = outside.site.neutron.floating_ips
    whole, parts = outside.floating(outside.port.id), outside.floating()

    with pytest.raises((Conflict, InvalidInput)):
        floating_ips.port_forwardings(whole.id).create(
            protocol="tcp",
            external_port=80,
            internal_port=80,
            internal_port_id=outside.port.id,
            internal_address=outside.address,
        )
    floating_ips.lead(whole.id, None)
    floating_ips.port_forwardings(parts.id).create(
        protocol="tcp",
        external_port=80,
        internal_port=80,
        internal_port_id=outside.port.id,
        internal_address=outside.address,
    )
    with pytest.raises(Conflict, match="in use by Port Forwarding"):
        floating_ips.delete(parts.id)
    with pytest.raises(InvalidInput, match="already has a Port Forwarding"):
        floating_ips.lead(parts.id, outside.port.id)


def test_what_is_forwarded_to_must_exist(outside: Outside) -> None:
    forwardings = outside.site.neutron.floating_ips.port_forwardings(outside.floating().id)
    nobody = str(uuid.uuid4())

    for port_id, wanted, kind in (
        (nobody, outside.address, NotFound),
        (outside.port.id, address("10.77.0.250"), InvalidInput),
    ):
        with pytest.raises(kind):
            forwardings.create(
                protocol="tcp", external_port=80, internal_port=80, internal_port_id=port_id, internal_address=wanted
            )
