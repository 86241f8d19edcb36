"""The copy in memory: by id, by address, by owner; and of several that want a port, one gets it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.model import FixedIP, PortRequest, Vif
from unit.host.life import start
from unit.host.node import Node, Site, ports

ADDRESS = IPv4Address("10.1.0.7")


def vif(port_id: str = "p1", *addresses: IPv4Address) -> Vif:
    fixed_ips = tuple(FixedIP("s1", address) for address in addresses or (ADDRESS,))
    return Vif(port_id, "n1", "02:00:00:00:00:01", 1442, fixed_ips, "ovs")


def test_a_port_is_found_by_id_address_and_owner() -> None:
    holdings = Holdings()
    held = holdings.put(Held(vif("p1", ADDRESS, ADDRESS + 1), Use.CLAIMED, "c1"))
    assert holdings.get("p1") is holdings.of("c1") is held
    assert holdings.at("s1", ADDRESS) is holdings.at("s1", ADDRESS + 1) is held
    assert holdings.at("s2", ADDRESS) is None
    holdings.drop(held)
    assert holdings.get("p1") is holdings.of("c1") is holdings.at("s1", ADDRESS) is None
    holdings.drop(held)


def test_nobody_owns_what_nobody_has_claimed() -> None:
    holdings = Holdings()
    holdings.put(Held(vif(), Use.RESERVED))
    assert holdings.of("") is None


def test_a_change_needs_to_have_seen_the_last_one() -> None:
    holdings = Holdings()
    seen = holdings.put(Held(vif(), Use.ORPHANED))
    claimed = holdings.change(seen, Use.CLAIMED, "c1")
    assert claimed
    assert holdings.change(seen, Use.CLAIMED, "c2") is None
    assert holdings.of("c1") is claimed
    assert holdings.of("c2") is None
    freed = holdings.change(claimed, Use.FREED)
    assert holdings.of("c1") is None
    assert freed is holdings.at("s1", ADDRESS)


def test_what_is_gone_cannot_change() -> None:
    holdings = Holdings()
    seen = holdings.put(Held(vif(), Use.ORPHANED))
    holdings.drop(seen)
    assert holdings.change(seen, Use.RESERVED) is None
    assert holdings.get("p1") is None


def test_of_many_one_gets_it() -> None:
    holdings = Holdings()
    seen = holdings.put(Held(vif(), Use.ORPHANED))
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda number: holdings.change(seen, Use.CLAIMED, f"c{number}"), range(50)))
    assert sum(each is not None for each in won) == 1


def test_a_newer_port_at_the_address_is_not_forgotten_with_the_older() -> None:
    holdings = Holdings()
    old = holdings.put(Held(vif("old"), Use.FREED))
    new = holdings.put(Held(vif("new"), Use.RESERVED))
    holdings.drop(old)
    assert holdings.at("s1", ADDRESS) is new


def test_what_has_become_somebody_elses_is_not_forgotten() -> None:
    """A port that is lent is free again before that is known here, and may have a new user by then."""
    holdings = Holdings()
    old = holdings.put(Held(vif(), Use.FREED))
    new = holdings.put(Held(vif(), Use.RESERVED))
    holdings.drop(old)
    assert holdings.get("p1") is new


def test_what_is_found_after_a_start_is_claimed_or_an_orphan() -> None:
    holdings = Holdings()
    holdings.load([vif("p1"), vif("p2", ADDRESS + 1)], {"p1": "c1", "p9": "c9"})
    assert holdings.of("c1") == Held(vif("p1"), Use.CLAIMED, "c1", frozenset({ADDRESS}), found=True)
    assert holdings.get("p2") == Held(vif("p2", ADDRESS + 1), Use.ORPHANED, "", frozenset({ADDRESS + 1}), found=True)
    assert holdings.of("c9") is None


REQUEST = PortRequest("n1", (("s1", None),))


def test_what_is_listed_later_and_nobody_knows_is_an_orphan() -> None:
    holdings = Holdings()
    known = holdings.put(Held(vif("known"), Use.RESERVED))
    with holdings.expecting(replace(REQUEST, network_id="another")):
        holdings.discover(lambda: [vif("known"), vif("lost", ADDRESS + 1)])
    assert holdings.get("known") is known
    assert holdings.get("lost") == Held(
        vif("lost", ADDRESS + 1), Use.ORPHANED, "", frozenset({ADDRESS + 1}), found=True
    )


def test_what_may_be_the_answer_to_a_request_under_way_is_no_orphan() -> None:
    holdings = Holdings()
    with holdings.expecting(REQUEST):
        holdings.discover(lambda: [vif()])
    assert holdings.get("p1") is None


def test_what_is_given_back_while_it_is_listed_is_no_orphan() -> None:
    holdings = Holdings()
    held = holdings.put(Held(vif(), Use.FREED))

    def listed() -> list[Vif]:
        holdings.drop(held)
        return [vif()]

    holdings.discover(listed)
    assert holdings.get("p1") is None


def test_a_discard_that_has_seen_another_use_does_nothing(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, blue: Site
) -> None:
    reserved = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    seen = node.endpoints.held(reserved.port_id)
    node.endpoints.create("c1", blue.network_id, [(blue.subnet_id, blue[7])])
    assert not node.endpoints.discard(reserved.port_id, reserved, seen)
    assert not node.endpoints.discard(reserved.port_id, reserved, None)
    assert kernel.owners() == {"c1"}
    assert len(ports(neutron)) == 1


@pytest.mark.parametrize("released", [False, True])
def test_an_address_that_the_engine_forgets_to_give_back_asks_for_a_sweep(
    node: Node, blue: Site, released: bool
) -> None:
    start(node, blue, "c1", number=7)
    node.behind.pass_time()
    node.endpoints.delete("c1", release=False)
    if released:
        node.endpoints.release(blue.subnet_id, blue[7])
        assert node.behind.drain(10)
    node.behind.pass_time()
    assert node.sweeps_asked == (0 if released else 1)


def test_making_room_for_another_mac_address_keeps_the_reservation_when_it_fails(
    node: Node, neutron: FakeNeutron, blue: Site
) -> None:
    node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[7]))
    neutron.fail_next(method="DELETE")
    create: Callable[[], Vif] = lambda: node.endpoints.create(  # noqa: E731
        "c1", blue.network_id, [(blue.subnet_id, blue[7])], "02:42:00:00:00:07"
    )
    with pytest.raises(Exception, match="cannot delete port"):
        create()
    assert create().mac == "02:42:00:00:00:07"
    assert len(ports(neutron)) == 1
