"""Pool ids say everything about a pool; pools wait for their network, one of a CIDR at a time."""

import threading
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuryr.docker.driver.pools import PendingPools, PoolId
from kuryr.errors import Conflict, InvalidInput
from kuryr.gateway.topology import Existing
from kuryr.model import Named
from unit.host.node import Clock

CIDR = IPv4Network("10.5.0.0/24")


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    address = draw(st.integers(0, 2**32 - 1))
    return IPv4Network((address, draw(st.integers(0, 32))), strict=False)


POOL_IDS = st.builds(
    PoolId,
    networks(),
    st.none() | networks(),
    st.text("0123456789abcdef", min_size=1, max_size=8),
    st.just("") | st.uuids().map(str),
)


@given(POOL_IDS)
def test_a_pool_id_reads_back(pool: PoolId) -> None:
    assert PoolId.parse(str(pool)) == pool


@given(st.text() | st.text("kuryr1,./0123456789abcdef"))
def test_any_other_text_is_refused_or_reads_back(text: str) -> None:
    try:
        pool = PoolId.parse(text)
    except InvalidInput:
        return
    assert PoolId.parse(str(pool)) == pool


@pytest.mark.parametrize(
    "text", ["", "kuryr1", "kuryr2,10.5.0.0/24,,ab,", "kuryr1,10.5.0.1/24,,ab,", "kuryr1,10.5.0.0/24,x,ab,", "x" * 9999]
)
def test_foreign_pool_ids_are_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(InvalidInput, match="not one of Kuryr's") as failure:
        PoolId.parse(text)
    assert len(str(failure.value)) < 600


def test_every_pool_has_an_id_of_its_own() -> None:
    pools = PendingPools(patience=0)
    first = pools.add(CIDR)
    pools.drop(first)
    assert pools.add(CIDR) != first


def test_a_pending_pool_is_found_by_cidr_and_by_id() -> None:
    pools = PendingPools()
    pool = pools.add(CIDR, None, Existing(Named(name="blue")))
    found = pools.of_cidr(CIDR)
    assert found
    assert found is pools.of(pool)
    assert found.existing == Existing(Named(name="blue"))
    assert pools.of(PoolId(CIDR, None, "another")) is None
    assert pools.of_cidr(IPv4Network("10.6.0.0/24")) is None


def test_a_second_pool_of_a_cidr_is_refused_while_the_first_waits() -> None:
    pools = PendingPools(patience=0)
    first = pools.add(CIDR)
    with pytest.raises(Conflict, match=r"being created.*--subnet 10\.5\.0\.0/24"):
        pools.add(CIDR)
    pools.add(IPv4Network("10.6.0.0/24"))
    pools.drop(first)
    assert pools.add(CIDR)


@pytest.mark.parametrize("how", ["drop", "clear"])
def test_it_waits_for_the_first_to_get_its_network(how: str) -> None:
    pools = PendingPools(patience=5)
    first = pools.add(CIDR)
    made: list[PoolId] = []
    waiting = threading.Thread(target=lambda: made.append(pools.add(CIDR)))
    waiting.start()
    if how == "drop":
        pools.drop(first)
    else:
        pools.clear()
    waiting.join(5)
    assert made
    assert made[0] != first


def test_a_pool_that_docker_never_came_back_for_makes_room() -> None:
    clock = Clock()
    pools = PendingPools(ttl=60, patience=0, clock=clock)
    first = pools.add(CIDR)
    clock.now = 60
    with pytest.raises(Conflict):
        pools.add(CIDR)
    clock.now = 60.1
    second = pools.add(CIDR)
    assert pools.of(first) is None
    pools.drop(first)
    assert pools.of(second)


def test_dropping_twice_is_once() -> None:
    pools = PendingPools()
    pool = pools.add(CIDR)
    pools.drop(pool)
    pools.drop(pool)
    assert pools.of(pool) is None


def test_a_pool_that_never_gets_its_network_is_forgotten() -> None:
    """As with Kuryr's IPAM and another network driver, whose containers must not get addresses without ports."""
    now = 0.0
    pools = PendingPools(ttl=60, clock=lambda: now)
    pool = pools.add(CIDR)
    now = 60
    assert pools.of(pool)
    now = 61
    assert pools.of(pool) is None
