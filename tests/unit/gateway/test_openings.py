"""What a group must admit so that certain ports can be reached from certain places."""

from ipaddress import ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuryr.gateway.exposure.openings import Admission, admissions, merged
from kuryr.model import ANYWHERE, Opening, PortRange


def ranges(text: str) -> list[PortRange]:
    """`tcp 80 udp 5000-5010` as ranges."""
    words = text.split()
    made = []
    for protocol, numbers in zip(words[::2], words[1::2], strict=True):
        first, _, last = numbers.partition("-")
        made.append(PortRange(protocol, int(first), int(last or first)))
    return made


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ("", ""),
        ("tcp 80", "tcp 80"),
        ("tcp 80 tcp 81 tcp 443", "tcp 80-81 tcp 443"),
        ("tcp 81 tcp 443 tcp 80", "tcp 80-81 tcp 443"),
        ("tcp 80 udp 81", "tcp 80 udp 81"),
        ("tcp 80 tcp 80", "tcp 80"),
        ("udp 53 tcp 53 sctp 53", "sctp 53 tcp 53 udp 53"),
        ("tcp 10-20 tcp 15-30 tcp 12", "tcp 10-30"),
        ("tcp 10-20 tcp 21-30 tcp 32", "tcp 10-30 tcp 32"),
        ("tcp 1 tcp 65535", "tcp 1 tcp 65535"),
    ],
)
def test_ports_next_to_each_other_are_one_range(ports: str, expected: str) -> None:
    assert list(merged(ranges(ports))) == ranges(expected)


PORTS = st.builds(
    lambda protocol, first, more: PortRange(protocol, first, min(first + more, 65535)),
    st.sampled_from(["tcp", "udp", "sctp"]),
    st.integers(1, 65535),
    st.integers(0, 20),
)


def opened(ports: "list[PortRange] | tuple[PortRange, ...]") -> set[tuple[str, int]]:
    return {(each.protocol, number) for each in ports for number in range(each.first, each.last + 1)}


@given(st.lists(PORTS, max_size=30))
def test_merging_opens_exactly_the_same_ports_by_the_fewest_ranges(ports: list[PortRange]) -> None:
    result = merged(ports)
    assert opened(result) == opened(ports)
    for one, following in pairwise(result):
        assert one.protocol < following.protocol or one.last + 1 < following.first
    assert merged(reversed(ports)) == result


def test_each_range_is_admitted_from_each_source_in_its_own_family() -> None:
    four, six = ip_network("10.1.0.0/24"), ip_network("fd00:1::/64")
    opening = Opening(frozenset(ranges("tcp 80 tcp 81 udp 53")), frozenset({four, six}))
    (web, dns) = ranges("tcp 80-81 udp 53")
    assert admissions(opening) == {Admission(ports, source) for ports in (web, dns) for source in (four, six)}


def test_anybody_means_both_families() -> None:
    (web,) = ranges("tcp 80")
    assert {each.source.version for each in admissions(Opening(frozenset({web}), ANYWHERE))} == {4, 6}
