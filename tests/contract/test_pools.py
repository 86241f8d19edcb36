"""Subnet pools, and subnets cut from them."""

import uuid
from ipaddress import ip_network

import pytest

from contract.site import Site
from kuryr.errors import Exhausted, InvalidInput, NotFound
from kuryr.model import IPNetwork
from kuryr.neutron.resources import SubnetResource


def _cut(site: Site, pool_id: str, cidr: str, network_id: str = "") -> SubnetResource:
    wanted: IPNetwork = ip_network(cidr)
    return site.neutron.subnets.create(
        network_id=network_id or site.network().id,
        name="s",
        description=site.mark,
        cidr=wanted,
        subnetpool_id=pool_id,
    )


def test_a_pool_tells_what_it_holds(site: Site) -> None:
    made = site.pool(["10.200.0.0/20"], 26)

    read = site.neutron.subnet_pools.get(made.id)

    assert (read.name, read.ip_version, read.prefixes) == ("pool", 4, (ip_network("10.200.0.0/20"),))
    assert (read.default_prefixlen, read.min_prefixlen, read.max_prefixlen) == (26, 8, 32)
    assert (read.shared, read.is_default, read.project_id) == (False, False, site.neutron.project_id)
    listed = site.neutron.subnet_pools.list(description=site.mark, ip_version=4, is_default=False, shared=False)
    assert [pool.id for pool in listed] == [made.id]


def test_a_wanted_range_is_cut_from_a_pool(site: Site) -> None:
    pool = site.pool(["10.200.0.0/20", "fd77::/48"][:1], 26)

    made = _cut(site, pool.id, "10.200.1.0/24")

    assert (made.cidr, made.subnetpool_id) == (ip_network("10.200.1.0/24"), pool.id)
    assert [found.id for found in site.neutron.subnets.list(subnetpool_id=pool.id)] == [made.id]


def test_a_pool_serves_the_other_family_too(site: Site) -> None:
    pool = site.pool(["fd77::/48"], 64)

    assert _cut(site, pool.id, "fd77:0:0:1::/64").subnetpool_id == pool.id
    with pytest.raises(InvalidInput, match="Cannot allocate IPv4 subnet from IPv6"):
        _cut(site, pool.id, "10.200.0.0/24")


@pytest.mark.parametrize("cidr", ["10.200.1.0/24", "10.200.1.128/25", "10.200.0.0/22", "10.201.0.0/24"])
def test_what_a_pool_has_not_or_has_no_more_is_exhausted(site: Site, cidr: str) -> None:
    pool = site.pool(["10.200.0.0/20"], 26)
    _cut(site, pool.id, "10.200.1.0/24")

    with pytest.raises(Exhausted, match="Cannot allocate requested subnet"):
        _cut(site, pool.id, cidr)


def test_neutron_chooses_the_next_free_range(site: Site) -> None:
    pool = site.pool(["10.200.0.0/26"], 27)

    def any_range() -> str:
        body = {"network_id": site.network().id, "ip_version": 4, "subnetpool_id": pool.id}
        return str(site.neutron.api.request("POST", "/subnets", json={"subnet": body})["subnet"]["cidr"])

    assert [any_range(), any_range()] == ["10.200.0.0/27", "10.200.0.32/27"]
    with pytest.raises(Exhausted, match="Insufficient prefix space"):
        any_range()


def test_all_subnets_of_a_network_are_from_one_pool_or_none(site: Site) -> None:
    pool = site.pool(["10.200.0.0/20"], 26)
    network, _ = site.pair()

    with pytest.raises(InvalidInput, match="same subnet pool"):
        _cut(site, pool.id, "10.200.1.0/24", network.id)


def test_a_pool_that_does_not_exist_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        _cut(site, str(uuid.uuid4()), "10.200.1.0/24")


def test_a_pool_in_use_cannot_be_deleted(site: Site) -> None:
    pool = site.pool(["10.200.0.0/20"], 26)
    subnet = _cut(site, pool.id, "10.200.1.0/24")

    with pytest.raises(InvalidInput, match="existing allocations"):
        site.neutron.subnet_pools.delete(pool.id)
    site.neutron.subnets.delete(subnet.id)
    assert site.neutron.subnet_pools.delete(pool.id)
