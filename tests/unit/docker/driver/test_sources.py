"""Ranges from Neutron's subnet pools: named by the user, or by default when there is no --subnet."""

from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Conflict, Exhausted, InvalidInput, NotFound
from unit.docker.world import Docker
from unit.host.node import site, snapshot


def subnet_pool(neutron: FakeNeutron, name: str = "kuryr", prefix: str = "10.128.0.0/16", **more: object) -> str:
    version = 6 if ":" in prefix else 4
    body = {"name": name, "prefixes": [prefix], "default_prefixlen": "24" if version == 4 else "64", **more}
    return str(neutron.cloud.create("subnetpool", [body], neutron.project_id)[0]["id"])


def calls(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def subnets(neutron: FakeNeutron) -> dict[str, Any]:
    return {subnet["cidr"]: subnet["subnetpool_id"] for subnet in snapshot(neutron)["subnet"].values()}


def test_without_a_subnet_the_next_free_range_of_the_default_pool_is_taken(
    docker: Docker, neutron: FakeNeutron
) -> None:
    pool = subnet_pool(neutron)
    first = docker.create_network()
    assert calls(neutron) == ["GET subnetpools", "GET subnets", "POST networks", "POST subnets", "POST ports"]
    second = docker.create_network()
    assert subnets(neutron) == {"10.128.0.0/24": pool, "10.128.1.0/24": pool}
    docker.remove_network(first)
    docker.create_network()
    assert set(subnets(neutron)) == {second.pool, "10.128.0.0/24"}


def test_docker_that_asks_again_gets_another_range_each_time_and_in_the_end_a_no(
    docker: Docker, neutron: FakeNeutron
) -> None:
    """It does so, holding all it got, until a range overlaps none of the host's routes."""
    subnet_pool(neutron, prefix="10.128.0.0/22")
    asked = [docker.call("IpamDriver.RequestPool", Pool="", Options={}) for _ in range(4)]
    assert len({reply["Pool"] for reply in asked}) == 4
    with pytest.raises(Exhausted, match="subnet pool kuryr has no free /24 left"):
        docker.call("IpamDriver.RequestPool", Pool="", Options={})
    for reply in asked:
        docker.call("IpamDriver.ReleasePool", PoolID=reply["PoolID"])
    assert docker.create_network().pool == "10.128.0.0/24"


def test_other_hosts_and_other_projects_ranges_are_taken(docker: Docker, neutron: FakeNeutron) -> None:
    pool = subnet_pool(neutron, shared=True)
    theirs = neutron.cloud.create("network", [{"name": "theirs"}], "stranger")[0]
    body = {"network_id": theirs["id"], "cidr": "10.128.0.0/23", "ip_version": 4, "subnetpool_id": pool}
    neutron.cloud.create("subnet", [body], "stranger")
    assert docker.create_network().pool == "10.128.2.0/24"


def test_neutrons_own_default_pool_serves_when_the_operator_named_none(docker: Docker, neutron: FakeNeutron) -> None:
    subnet_pool(neutron, "anything", is_default=True)
    assert docker.create_network().pool == "10.128.0.0/24"


def test_without_any_pool_it_is_said_what_to_do(docker: Docker, neutron: FakeNeutron) -> None:
    with pytest.raises(InvalidInput, match=r"no IPv4 --subnet is given.*openstack subnet pool create.* kuryr"):
        docker.create_network()
    assert not any(snapshot(neutron).values())


def test_a_named_pool_serves_both_ways(docker: Docker, neutron: FakeNeutron) -> None:
    """With a range that the user chose, much smaller than the pool, and without."""
    pool = subnet_pool(neutron, "big", "10.200.0.0/14")
    by = {"neutron.pool.name": "big"}
    docker.create_network("10.201.7.0/26", ipam_opt=by)
    docker.create_network("10.202.7.0/26", o=by)
    docker.create_network("10.203.7.0/26", o=by, ipam_opt=by)
    docker.create_network(ipam_opt={"neutron.pool.uuid": pool})
    expected = ["10.201.7.0/26", "10.202.7.0/26", "10.203.7.0/26", "10.200.0.0/24"]
    assert subnets(neutron) == dict.fromkeys(expected, pool)


def test_each_address_family_has_a_pool(docker: Docker, neutron: FakeNeutron) -> None:
    four, six = subnet_pool(neutron), subnet_pool(neutron, "kuryr6", "fd00:128::/48")
    docker.create_network("10.128.9.0/24", "fd00:128:0:9::/64", ipam_opt={"neutron.pool.v6.name": "kuryr6"})
    assert subnets(neutron) == {"10.128.9.0/24": None, "fd00:128:0:9::/64": six}
    reply = docker.call("IpamDriver.RequestPool", Pool="", Options={}, V6=True)
    assert reply["Pool"] == "fd00:128::/64"
    assert four


def test_pools_of_either_family_may_have_one_name(docker: Docker, neutron: FakeNeutron) -> None:
    four, six = subnet_pool(neutron, "both"), subnet_pool(neutron, "both", "fd00:128::/48")
    both = {"neutron.pool.name": "both", "neutron.pool.v6.name": "both"}
    docker.create_network("10.128.9.0/24", "fd00:128:0:9::/64", ipam_opt=both)
    assert subnets(neutron) == {"10.128.9.0/24": four, "fd00:128:0:9::/64": six}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"ipam_opt": {"neutron.pool.name": "nowhere"}}, NotFound, "no Neutron subnet pool named 'nowhere'"),
        ({"ipam_opt": {"neutron.pool.name": "kuryr"}}, InvalidInput, "10.5.0.0/24 is no part of subnet pool kuryr"),
        ({"o": {"neutron.pool.name": "kuryr"}}, InvalidInput, "is no part of subnet pool kuryr"),
        ({"ipam_opt": {"neutron.pool.name": "kuryr6"}}, InvalidInput, "subnet pool kuryr6 is one of IPv6"),
        ({"ipam_opt": {"neutron.pool.name": "twin"}}, Conflict, "2 Neutron subnet pools are named 'twin'"),
    ],
)
def test_a_wrong_pool_is_refused_and_changes_nothing(
    docker: Docker, neutron: FakeNeutron, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    subnet_pool(neutron)
    subnet_pool(neutron, "kuryr6", "fd00:128::/48")
    subnet_pool(neutron, "twin", "10.140.0.0/16")
    subnet_pool(neutron, "twin", "10.141.0.0/16")
    with pytest.raises(error, match=words):
        docker.create_network("10.5.0.0/24", **arguments)
    assert subnets(neutron) == {}
    assert snapshot(neutron)["network"] == {}


def test_two_pools_contradict(docker: Docker, neutron: FakeNeutron) -> None:
    subnet_pool(neutron, "one")
    subnet_pool(neutron, "two", "10.128.0.0/16")
    with pytest.raises(InvalidInput, match="two different subnet pools"):
        docker.create_network("10.128.0.0/24", ipam_opt={"neutron.pool.name": "one"}, o={"neutron.pool.name": "two"})
    assert snapshot(neutron)["network"] == {}


def test_an_existing_subnet_has_its_pool(docker: Docker, neutron: FakeNeutron) -> None:
    subnet_pool(neutron)
    blue = site(neutron)
    named = {"neutron.subnet.uuid": blue.subnet_id, "neutron.pool.name": "kuryr"}
    with pytest.raises(InvalidInput, match=r"is not one of subnet pool kuryr \(leave neutron\.pool out\)"):
        docker.create_network(ipam_opt=named)
    with pytest.raises(InvalidInput, match="is not one of subnet pool kuryr"):
        docker.create_network("10.1.0.0/24", o=named)
    made = docker.create_network()
    (subnet_id,) = (id_ for id_, each in snapshot(neutron)["subnet"].items() if each["cidr"] == made.pool)
    docker.create_network(ipam_opt={**named, "neutron.subnet.uuid": subnet_id})


def test_a_range_that_another_host_took_meanwhile_is_refused_and_leaves_nothing(
    docker: Docker, neutron: FakeNeutron
) -> None:
    pool = subnet_pool(neutron)
    theirs = neutron.cloud.create("network", [{"name": "theirs"}], neutron.project_id)[0]

    def intrude(asked: Any) -> None:
        if (asked.method, asked.path) == ("POST", "/networks"):
            neutron.on_request = None
            body = {"network_id": theirs["id"], "cidr": "10.128.0.0/24", "ip_version": 4, "subnetpool_id": pool}
            neutron.cloud.create("subnet", [body], neutron.project_id)

    neutron.on_request = intrude
    with pytest.raises(Conflict, match=r"10\.128\.0\.0/24"):
        docker.create_network()
    assert list(snapshot(neutron)["network"]) == [theirs["id"]]


def test_a_range_of_addresses_needs_a_subnet(docker: Docker) -> None:
    with pytest.raises(InvalidInput, match="--ip-range needs a --subnet"):
        docker.create_network(ip_range="10.5.0.0/28")


def test_a_subnet_of_the_other_family_is_refused(docker: Docker) -> None:
    with pytest.raises(InvalidInput, match="is not one of IPv6"):
        docker.call("IpamDriver.RequestPool", Pool="10.5.0.0/24", V6=True)
