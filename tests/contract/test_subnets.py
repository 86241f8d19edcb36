"""Subnets: what Neutron computes, and what it refuses."""

import uuid
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from contract.site import Site, address
from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.model import AddressRange, Route


def test_a_subnet_is_answered_as_it_was_asked_for(site: Site) -> None:
    network = site.network()
    pool = AddressRange(address("10.77.0.64"), address("10.77.0.95"))

    made = site.neutron.subnets.create(
        network_id=network.id,
        name="s",
        description=site.mark,
        cidr=ip_network("10.77.0.0/24"),
        gateway=address("10.77.0.254"),
        pools=[pool],
        enable_dhcp=False,
    )

    assert (made.name, made.description, made.network_id) == ("s", site.mark, network.id)
    assert (made.cidr, made.gateway, made.pools) == (ip_network("10.77.0.0/24"), address("10.77.0.254"), (pool,))
    assert (made.ip_version, made.enable_dhcp, made.project_id) == (4, False, network.project_id)
    assert site.neutron.subnets.get(made.id) == made


def test_the_gateway_is_the_first_address_unless_given(site: Site) -> None:
    _, subnet = site.pair("10.77.0.0/28")

    assert subnet.gateway == address("10.77.0.1")
    assert subnet.pools == (AddressRange(address("10.77.0.2"), address("10.77.0.14")),)


def test_a_subnet_may_have_no_gateway_and_then_hands_out_every_address(site: Site) -> None:
    network = site.network()

    made = site.neutron.subnets.create(
        network_id=network.id, name="s", description=site.mark, cidr=ip_network("10.77.0.0/28"), gateway=None
    )

    assert made.gateway is None
    assert made.pools == (AddressRange(address("10.77.0.1"), address("10.77.0.14")),)


def test_a_gateway_in_the_middle_splits_the_pool(site: Site) -> None:
    network = site.network()

    made = site.neutron.subnets.create(
        network_id=network.id,
        name="s",
        description=site.mark,
        cidr=ip_network("10.77.0.0/28"),
        gateway=address("10.77.0.8"),
    )

    assert set(made.pools) == {
        AddressRange(address("10.77.0.1"), address("10.77.0.7")),
        AddressRange(address("10.77.0.9"), address("10.77.0.14")),
    }


def test_the_gateway_of_an_ipv6_subnet_is_the_router_anycast_address_unless_given(site: Site) -> None:
    _, subnet = site.pair("fd77::/64")

    assert (subnet.ip_version, subnet.gateway) == (6, IPv6Address("fd77::"))
    assert subnet.pools == (AddressRange(IPv6Address("fd77::1"), IPv6Address("fd77::ffff:ffff:ffff:ffff")),)


@pytest.mark.parametrize("cidr", ["10.77.0.0/24", "10.77.0.0/16", "10.77.0.128/25"])
def test_subnets_of_one_network_do_not_overlap(site: Site, cidr: str) -> None:
    network, _ = site.pair()

    with pytest.raises(InvalidInput, match="overlaps with another subnet"):
        site.subnet(network, cidr)


def test_subnets_of_two_networks_may_overlap(site: Site) -> None:
    _, one = site.pair()
    _, other = site.pair()

    assert one.cidr == other.cidr


def test_host_bits_of_a_cidr_are_dropped(site: Site) -> None:
    body = {"network_id": site.network().id, "cidr": "10.77.0.5/24", "ip_version": 4}

    made = site.neutron.api.request("POST", "/subnets", json={"subnet": body})

    assert made["subnet"]["cidr"] == "10.77.0.0/24"


@pytest.mark.parametrize("nonsense", ["junk", "10.77.0.0/33", "10.77.0/24/1"])
def test_a_cidr_that_is_none_is_refused(site: Site, nonsense: str) -> None:
    body = {"network_id": site.network().id, "cidr": nonsense, "ip_version": 4}

    with pytest.raises(InvalidInput, match="not in a CIDR format"):
        site.neutron.api.request("POST", "/subnets", json={"subnet": body})


def test_a_pool_outside_of_the_cidr_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="spans beyond the subnet cidr"):
        site.neutron.subnets.create(
            network_id=site.network().id,
            name="s",
            description=site.mark,
            cidr=ip_network("10.77.0.0/24"),
            pools=[AddressRange(address("10.77.1.1"), address("10.77.1.9"))],
        )


def test_a_gateway_in_a_pool_is_a_conflict(site: Site) -> None:
    with pytest.raises(Conflict, match="conflicts with allocation pool"):
        site.neutron.subnets.create(
            network_id=site.network().id,
            name="s",
            description=site.mark,
            cidr=ip_network("10.77.0.0/24"),
            gateway=address("10.77.0.5"),
            pools=[AddressRange(address("10.77.0.2"), address("10.77.0.9"))],
        )


@pytest.mark.parametrize("gateway", ["10.77.0.0", "10.77.0.255"])
def test_a_gateway_that_is_no_hosts_address_is_refused(site: Site, gateway: str) -> None:
    with pytest.raises(InvalidInput, match="Gateway is not valid on subnet"):
        site.neutron.subnets.create(
            network_id=site.network().id,
            name="s",
            description=site.mark,
            cidr=ip_network("10.77.0.0/24"),
            gateway=IPv4Address(gateway),
        )


def test_dhcp_needs_room(site: Site) -> None:
    network = site.network()

    with pytest.raises(InvalidInput, match="incompatible with DHCP"):
        site.subnet(network, "10.77.0.0/31")


def test_a_tiny_subnet_without_dhcp(site: Site) -> None:
    made = site.neutron.subnets.create(
        network_id=site.network().id,
        name="s",
        description=site.mark,
        cidr=ip_network("10.77.0.0/31"),
        gateway=None,
        enable_dhcp=False,
    )

    assert made.pools == (AddressRange(address("10.77.0.0"), address("10.77.0.1")),)


def test_a_subnet_of_no_network_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        site.neutron.subnets.create(
            network_id=str(uuid.uuid4()), name="s", description=site.mark, cidr=ip_network("10.77.0.0/24")
        )


def test_a_subnet_whose_addresses_are_used_is_in_use(site: Site) -> None:
    network, subnet = site.pair()
    site.port(network, [(subnet.id, None)])

    with pytest.raises(Conflict, match=subnet.id):
        site.neutron.subnets.delete(subnet.id)


def test_a_subnet_that_is_gone_needs_no_delete(site: Site) -> None:
    _, subnet = site.pair()

    assert site.neutron.subnets.delete(subnet.id)
    assert not site.neutron.subnets.delete(subnet.id)


def test_a_subnet_may_route_elsewhere(site: Site) -> None:
    route = Route(ip_network("10.99.0.0/16"), address("10.77.0.9"))

    made = site.neutron.subnets.create(
        network_id=site.network().id,
        name="s",
        description=site.mark,
        cidr=ip_network("10.77.0.0/24"),
        routes=[route],
    )

    assert made.routes == (route,)


def test_an_ipv6_subnet_tells_how_addresses_are_found(site: Site) -> None:
    body = {"network_id": site.network().id, "cidr": "fd78::/64", "ip_version": 6}
    modes = {"ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}

    made = site.neutron.api.request("POST", "/subnets", json={"subnet": {**body, **modes}})

    read = site.neutron.subnets.get(made["subnet"]["id"])
    assert (read.ipv6_address_mode, read.ipv6_ra_mode, read.subnetpool_id) == ("slaac", "slaac", "")
    _, usual = site.pair("fd79::/64")
    assert (usual.ipv6_address_mode, usual.ipv6_ra_mode) == ("", "")
