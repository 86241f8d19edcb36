"""The texts of options: what they mean, and what is refused."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from kuryr.docker.options import readers
from kuryr.model import ANYWHERE, AddressPair

MAC = "fa:16:3e:00:00:01"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (readers.truth, "true", True),
        (readers.truth, "False", False),
        (readers.mtu, "1400", 1400),
        (readers.dns_name, "web-1", "web-1"),
        (readers.dns_name, "example.org.", "example.org."),
        (readers.dns_domain, "example.org", "example.org."),
        (readers.groups, "web", ("web",)),
        (readers.groups, "web, ssh,web", ("web", "ssh")),
        (readers.groups, "none", ()),
        (readers.sources, "any", ANYWHERE),
        (readers.sources, "10.0.0.0/8,fd00::/8", frozenset({ip_network("10.0.0.0/8"), ip_network("fd00::/8")})),
        (readers.sources, "192.0.2.1", frozenset({ip_network("192.0.2.1/32")})),
        (readers.address_pairs, "10.1.0.9", (AddressPair(ip_address("10.1.0.9")),)),
        (
            readers.address_pairs,
            f"10.1.0.0/28={MAC.upper()}, fd00::9",
            (AddressPair(ip_network("10.1.0.0/28"), MAC), AddressPair(ip_address("fd00::9"))),
        ),
    ],
)
def test_a_text_means_a_value(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts", "expected"),
    [
        (readers.truth, ["", "yes", "1"], "true or false"),
        (readers.mtu, ["", "67", "65536", "1e3", "-1500", "\u0661\u0665\u0660\u0660"], "68 to 65535"),
        (readers.dns_name, ["", "-a", "a..b", "a b", "x" * 64, "a/b", "ä"], "DNS name"),
        (readers.groups, ["", ",", "web,", "web,none"], "or none"),
        (readers.sources, ["", "10.0.0.1/8", "any,10.0.0.0/8", "10", "everybody"], "any, or CIDRs"),
        (readers.address_pairs, ["", "10.1.0.9=", "10.1.0.9=aa", "10.1.0.1/24", f"={MAC}", "10.1.0.9/"], "mac"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    read: Callable[[str], object], texts: list[str], expected: str
) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=expected):
            read(text)
