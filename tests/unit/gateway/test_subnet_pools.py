"""The next free range of a subnet pool."""

import itertools
from ipaddress import IPv4Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuryr.gateway.networks.subnet_pools import free_ranges


def nets(text: str) -> list[IPv4Network]:
    return [IPv4Network(each) for each in text.split()]


@pytest.mark.parametrize(
    ("prefixes", "length", "taken", "first"),
    [
        ("10.0.0.0/16", 24, "", "10.0.0.0/24 10.0.1.0/24"),
        ("10.0.0.0/16", 24, "10.0.0.0/24 10.0.2.0/24", "10.0.1.0/24 10.0.3.0/24"),
        ("10.0.0.0/16", 24, "10.0.1.128/25 10.0.0.0/25", "10.0.2.0/24 10.0.3.0/24"),
        ("10.0.0.0/16", 26, "10.0.0.64/28", "10.0.0.0/26 10.0.0.128/26"),
        ("10.0.0.0/23", 24, "10.0.0.0/16", ""),
        ("10.0.0.0/24", 24, "10.0.0.77/32", ""),
        ("10.9.0.0/24 10.0.0.0/24", 24, "", "10.0.0.0/24 10.9.0.0/24"),
        ("10.9.0.0/24 10.0.0.0/24", 24, "10.0.0.0/24 9.0.0.0/8", "10.9.0.0/24"),
        ("10.0.0.0/25", 24, "", ""),
    ],
)
def test_the_first_free_ranges(prefixes: str, length: int, taken: str, first: str) -> None:
    found = itertools.islice(free_ranges(nets(prefixes), length, nets(taken)), 2)
    assert list(found) == nets(first)


def test_an_ipv6_pool_of_billions_answers_at_once_and_ignores_ipv4() -> None:
    taken = [ip_network("fd00::/33"), ip_network("10.0.0.0/8")]
    assert next(free_ranges([ip_network("fd00::/32")], 64, taken)) == ip_network("fd00:0:8000::/64")


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 30)), max_size=20), st.integers(25, 28))
def test_exactly_the_ranges_that_overlap_nothing_are_free(seed: list[tuple[int, int]], length: int) -> None:
    whole = IPv4Network("10.0.0.0/24")
    taken = [IPv4Network((int(whole[0]) + number, bits), strict=False) for number, bits in seed]
    expected = [each for each in whole.subnets(new_prefix=length) if not any(each.overlaps(one) for one in taken)]
    assert list(free_ranges([whole], length, taken)) == expected
