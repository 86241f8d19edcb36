"""Addresses as people write them, and the ranges that are left when some are taken out."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuryr.docker.options.addresses import host_address, host_range, parse_address, parse_cidr, without
from kuryr.errors import InvalidInput
from kuryr.model import AddressRange


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.1.0.0", "no prefix length"),
        ("10.1.0.5/24", "did you mean 10.1.0.0/24"),
        ("10.1.0.0/33", "is not a network"),
        ("fd00::5/64", "did you mean fd00::/64"),
        ("fd00::/129", "is not a network"),
        ("", "is not a network"),
        ("ten", "is not a network"),
    ],
)
def test_a_network_is_read_strictly(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_cidr(text, "--subnet")


def test_a_prefix_length_behind_an_address_is_ignored() -> None:
    assert parse_address("10.1.0.5/24", "x") == parse_address("10.1.0.5", "x") == IPv4Address("10.1.0.5")


@pytest.mark.parametrize(
    ("cidr", "first", "last"),
    [
        ("10.1.0.0/24", "10.1.0.1", "10.1.0.254"),
        ("10.1.0.0/30", "10.1.0.1", "10.1.0.2"),
        ("10.1.0.0/31", "10.1.0.0", "10.1.0.1"),
        ("10.1.0.0/32", "10.1.0.0", "10.1.0.0"),
        ("fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff"),
        ("fd00::/126", "fd00::1", "fd00::3"),
        ("fd00::/127", "fd00::", "fd00::1"),
        ("fd00::/128", "fd00::", "fd00::"),
    ],
)
def test_hosts_have_all_but_network_and_broadcast_address(cidr: str, first: str, last: str) -> None:
    assert host_range(ip_network(cidr)) == AddressRange(ip_address(first), ip_address(last))
    assert host_address(first, "x", ip_network(cidr)) == ip_address(first)


def test_a_part_keeps_its_own_edges_inside_of_the_whole() -> None:
    whole = IPv4Network("10.1.0.0/24")
    assert host_range(whole, IPv4Network("10.1.0.64/26")) == AddressRange(
        IPv4Address("10.1.0.64"), IPv4Address("10.1.0.127")
    )
    assert host_range(whole, IPv4Network("10.1.0.0/26")).first == IPv4Address("10.1.0.1")


@given(st.integers(20, 32), st.sets(st.integers(0, 600), max_size=12))
def test_what_is_left_is_exactly_what_was_not_taken(length: int, taken: set[int]) -> None:
    whole = host_range(IPv4Network(f"10.1.0.0/{length}"))
    excluded = {IPv4Address("10.1.0.0") + number for number in taken}
    left = [number for part in without(whole, excluded) for number in range(int(part.first), int(part.last) + 1)]
    expected = set(range(int(whole.first), int(whole.last) + 1)) - {int(one) for one in excluded}
    assert len(left) == len(set(left))
    assert set(left) == expected
