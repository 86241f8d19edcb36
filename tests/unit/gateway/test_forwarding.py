"""Which outer port leads to which inner one: the plan, as a table."""

from collections.abc import Sequence

import pytest

from kuryr.errors import Exhausted, InvalidInput
from kuryr.gateway.exposure.forwarding import EPHEMERAL, Forward, PortTaken, Taken, plan
from kuryr.neutron.resources import PortForwardingResource

ME, OTHER = "port of mine", "port of another"


def wanted(text: str) -> frozenset[Forward]:
    """`80:8080` is wanted at 8080, `80:8080-8081` at one of two, `80` anywhere; all by TCP unless `/udp` follows."""

    def read(word: str) -> Forward:
        ports, _, protocol = word.partition("/")
        inner, _, outer = ports.partition(":")
        first, _, last = outer.partition("-")
        return Forward(protocol or "tcp", int(inner), (int(first), int(last or first)) if outer else None)

    return frozenset(map(read, text.split()))


def taken(text: str) -> Taken:
    """`8080=mine:80` leads to port 80 of my container, `8080=other:80` to another's."""
    found: dict[tuple[str, int], PortForwardingResource] = {}
    for word in text.split():
        outer, _, place = word.partition("=")
        whose, _, inner = place.partition(":")
        port_id = ME if whose == "mine" else OTHER
        found["tcp", int(outer)] = PortForwardingResource(
            outer, protocol="tcp", external_port=int(outer), internal_port=int(inner), internal_port_id=port_id
        )
    return found


@pytest.mark.parametrize(
    ("asked", "there", "expected"),
    [
        ("", "", []),
        ("80:8080", "", ["80:8080"]),
        ("80:8080 443:8443", "", ["80:8080", "443:8443"]),
        ("53:53 53:53/udp", "53=other:53", None),
        ("53:53/udp", "53=other:53", ["53:53/udp"]),
        ("80:8080", "8080=mine:80", []),
        ("80:8080 81:8081", "8080=mine:80", ["81:8081"]),
        ("80:8080-8082", "8080=other:80 8081=other:80", ["80:8082"]),
        ("80:8080-8082", "8081=mine:80", []),
        ("80:8080 81:8080-8081", "", ["80:8080", "81:8081"]),
        ("80", "", [f"80:{EPHEMERAL[0]}"]),
        ("80", f"{EPHEMERAL[0]}=other:1", [f"80:{EPHEMERAL[1]}"]),
        ("8080", "", ["8080:8080"]),
        ("8080", "8080=other:1", [f"8080:{EPHEMERAL[0]}"]),
        ("80", "8080=mine:80", []),
        ("80:8081", "8080=mine:80", None),
    ],
)
def test_what_is_missing(asked: str, there: str, expected: Sequence[str] | None) -> None:
    if expected is None:
        with pytest.raises((PortTaken, InvalidInput)):
            plan(wanted(asked), taken(there), ME)
        return
    made = plan(wanted(asked), taken(there), ME)
    texts = [f"{each.inner}:{each.outer}{'/udp' if each.protocol == 'udp' else ''}" for each in made]
    assert sorted(texts) == sorted(expected)


def test_who_has_a_port_is_named() -> None:
    with pytest.raises(PortTaken, match="port 8080/tcp is published by another container") as caught:
        plan(wanted("80:8080"), taken("8080=other:80"), ME)
    assert caught.value.port_id == OTHER


def test_a_range_may_be_full() -> None:
    with pytest.raises(Exhausted, match="no port from 8080 to 8081 is free for 80/tcp"):
        plan(wanted("80:8080-8081"), taken("8080=other:80 8081=other:80"), ME)


def test_a_port_leads_in_once() -> None:
    with pytest.raises(InvalidInput, match="port 80/tcp is published twice"):
        plan(wanted("80:8080 80:8081"), {}, ME)
