"""What a pair of links is like, whose it is, and what stays untouched."""

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import BindingContext
from kuryr.binding.links import Links
from kuryr.binding.netlink import Netlink
from kuryr.binding.pairs import OUTER, Pairs, inner_name, outer_name
from kuryr.errors import Conflict, InvalidInput, PlugError
from kuryr.model import READY, Claim, Vif

from .conftest import MakeVif
from .namespaces import Namespace, exists, index_of, links, setting, show

OWNER = "endpoint-1"


@pytest.fixture
def ours() -> Pairs:
    return Pairs(Links(BindingContext("test"), "pairs"))


def claims(deployment: str = "test", driver: str = "pairs") -> list[Claim]:
    return Links(BindingContext(deployment), driver).found((OUTER,))


def claim(vif: Vif, owner: str = OWNER) -> Claim:
    return Claim(vif.port_id, owner)


def addresses_and_routes() -> list[str]:
    commands = ("-4 addr", "-6 addr", "-4 route show table all", "-6 route show table all", "-4 rule", "-6 rule")
    lines = []
    for command in commands:
        shown = subprocess.run(["ip", "-oneline", *command.split()], check=True, capture_output=True, text=True)
        lines += sorted(shown.stdout.splitlines())
    return lines


def veth(name: str, peer: str, *, alias: str = "") -> None:
    with IPRoute() as ip:
        ip.link("add", ifname=name, kind="veth", peer=peer)
        if alias:
            ip.link("set", index=index_of(name), ifalias=alias)


def test_a_staged_pair_has_neutrons_names_mac_and_mtu(ours: Pairs, vif: Vif) -> None:
    assert ours.stage(vif, claim(vif)) == f"t_c{vif.port_id[:11]}"
    inner, outer = show(inner_name(vif.port_id)), show(f"tap{vif.port_id[:11]}")
    assert (inner["address"], inner["mtu"], outer["mtu"]) == (vif.mac, 1442, 1442)
    assert inner["link"] == outer["ifname"]
    assert len(str(inner["ifname"])) == 14


def test_a_staged_pair_waits_down_and_without_addresses(ours: Pairs, vif: Vif) -> None:
    ours.stage(vif, claim(vif))
    for name in (inner_name(vif.port_id), outer_name(vif.port_id)):
        assert "UP" not in str(show(name)["flags"])
    assert not [line for line in addresses_and_routes() if vif.port_id[:11] in line]


@pytest.mark.parametrize("userspace", [False, True])
def test_addresses_and_routes_of_the_host_never_change(ours: Pairs, vif: Vif, userspace: bool) -> None:
    before = addresses_and_routes()
    ours.stage(vif, claim(vif))
    assert addresses_and_routes() == before
    ours.connect(vif, userspace=userspace)
    with IPRoute() as ip:
        # Even if somebody starts the waiting end: the outer end then has a carrier.
        ip.link("set", index=index_of(inner_name(vif.port_id)), state="up")
    assert addresses_and_routes() == before
    ours.delete(vif.port_id)
    assert addresses_and_routes() == before


def test_staging_and_connecting_twice_is_once(ours: Pairs, vif: Vif) -> None:
    ours.stage(vif, claim(vif))
    ours.connect(vif, userspace=True)
    before = (index_of(inner_name(vif.port_id)), index_of(outer_name(vif.port_id)), links())
    ours.stage(vif, claim(vif))
    ours.connect(vif, userspace=True)
    assert (index_of(inner_name(vif.port_id)), index_of(outer_name(vif.port_id)), links()) == before


def test_a_change_of_mac_and_mtu_reaches_a_waiting_pair(ours: Pairs, vif: Vif, make_vif: MakeVif) -> None:
    ours.stage(vif, claim(vif))
    changed = make_vif(port_id=vif.port_id, mac="fa:16:3e:ff:ff:01", mtu=1400)
    ours.stage(changed, claim(changed))
    inner = show(inner_name(vif.port_id))
    assert (inner["address"], inner["mtu"]) == ("fa:16:3e:ff:ff:01", 1400)
    changed = make_vif(port_id=vif.port_id, mac="fa:16:3e:ff:ff:02", mtu=1300)
    ours.connect(changed, userspace=False)
    inner = show(inner_name(vif.port_id))
    assert (inner["address"], inner["mtu"], show(outer_name(vif.port_id))["mtu"]) == ("fa:16:3e:ff:ff:02", 1300, 1300)


def test_an_inner_end_that_came_back_renamed_is_made_as_new(ours: Pairs, vif: Vif) -> None:
    ours.stage(vif, claim(vif))
    with IPRoute() as ip:
        inner = index_of(inner_name(vif.port_id))
        ip.link("set", index=inner, ifname="eth7", state="up")
    ours.stage(vif, claim(vif))
    assert index_of(inner_name(vif.port_id)) == inner
    assert "UP" not in str(show(inner_name(vif.port_id))["flags"])


def test_a_claim_is_found_with_its_owner(ours: Pairs, vif: Vif) -> None:
    ours.stage(vif, claim(vif, "docker endpoint/1"))
    assert claims() == [claim(vif, "docker endpoint/1")]
    assert claims("other") == []


def test_a_port_without_owner_can_be_claimed_once(ours: Pairs, vif: Vif) -> None:
    ours.stage(vif, claim(vif, ""))
    assert claims() == [claim(vif, "")]
    ours.stage(vif, claim(vif, "first"))
    with pytest.raises(Conflict, match="in use by first"):
        ours.stage(vif, claim(vif, "second"))
    assert claims() == [claim(vif, "first")]


def test_a_port_that_waits_for_a_user_is_claimed_by_the_first(ours: Pairs, vif: Vif) -> None:
    ours.stage(vif, claim(vif, READY))
    assert claims() == [claim(vif, READY)]
    ours.stage(vif, claim(vif, ""))
    ours.stage(vif, claim(vif))
    for another in (READY, "endpoint-2"):
        with pytest.raises(Conflict):
            ours.stage(vif, claim(vif, another))
    assert claims() == [claim(vif)]


def test_of_two_owners_at_once_one_gets_the_port(ours: Pairs, vif: Vif, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.stage(vif, claim(vif, ""))
    change, both_write = Netlink.change, threading.Barrier(2)

    def slow_change(*arguments: Any, **attributes: Any) -> None:
        # Whoever writes first gives the other one time to look at the claim and write, too.
        with suppress(threading.BrokenBarrierError):
            both_write.wait(0.5)
        change(*arguments, **attributes)

    monkeypatch.setattr(Netlink, "change", slow_change)

    def take(owner: str) -> str:
        try:
            ours.stage(vif, claim(vif, owner))
        except Conflict:
            return ""
        return owner

    with ThreadPoolExecutor(2) as pool:
        winners = [owner for owner in pool.map(take, ("one", "two")) if owner]
    assert claims() == [claim(vif, *winners)]


def test_an_owner_too_long_for_the_kernel_is_refused_and_changes_nothing(ours: Pairs, vif: Vif) -> None:
    before = links()
    with pytest.raises(InvalidInput, match="too long a name"):
        ours.stage(vif, claim(vif, "x" * 255))
    assert links() == before


def test_the_longest_owner_is_kept_whole(ours: Pairs, vif: Vif) -> None:
    owner = "x" * (254 - len(f"kuryr:test {vif.port_id} "))
    ours.stage(vif, claim(vif, owner))
    assert claims() == [claim(vif, owner)]


@pytest.mark.parametrize("alias", ["", "somebody's", "kuryr:other 01234567-0123-4567-89ab-0123456789ab x"])
def test_a_foreign_link_of_our_name_is_left_alone(ours: Pairs, vif: Vif, alias: str) -> None:
    veth(outer_name(vif.port_id), inner_name(vif.port_id), alias=alias)
    before = show(outer_name(vif.port_id))
    with pytest.raises(Conflict, match="is not Kuryr's"):
        ours.stage(vif, claim(vif))
    with pytest.raises(PlugError, match="no interface"):
        ours.connect(vif, userspace=True)
    ours.delete(vif.port_id)
    ours.delete(vif.port_id[:11])
    assert claims() == []
    assert show(outer_name(vif.port_id)) == before


def test_a_foreign_link_with_the_inner_name_is_left_alone(ours: Pairs, vif: Vif) -> None:
    veth(inner_name(vif.port_id), "peer")
    with pytest.raises(Conflict, match="exists already and is not Kuryr's"):
        ours.stage(vif, claim(vif))
    ours.delete(vif.port_id)
    assert exists(inner_name(vif.port_id))
    assert not exists(outer_name(vif.port_id))


def test_a_port_whose_id_begins_alike_is_neither_taken_nor_removed(ours: Pairs, vif: Vif, make_vif: MakeVif) -> None:
    twin = make_vif(port_id=vif.port_id[:11] + "00-4000-8000-000000000000")
    ours.stage(vif, claim(vif))
    with pytest.raises(Conflict, match=vif.port_id):
        ours.stage(twin, claim(twin))
    with pytest.raises(PlugError, match=twin.port_id):
        ours.connect(twin, userspace=False)
    ours.delete(twin.port_id)
    ours.delete(vif.port_id[:11])
    assert claims() == [claim(vif)]


def test_deleting_twice_is_once(ours: Pairs, vif: Vif) -> None:
    before = links()
    ours.stage(vif, claim(vif))
    ours.delete(vif.port_id)
    ours.delete(vif.port_id)
    assert links() == before


def test_a_pair_is_deleted_although_a_container_has_the_inner_end(ours: Pairs, vif: Vif) -> None:
    container = Namespace()
    ours.stage(vif, claim(vif))
    container.take(inner_name(vif.port_id))
    assert ours.stage(vif, claim(vif)) == inner_name(vif.port_id)
    ours.connect(vif, userspace=True)
    ours.delete(vif.port_id)
    assert not exists(outer_name(vif.port_id))
    with container.entered():
        assert links() == {"lo"}
    container.close()


def test_a_container_can_use_ipv6_on_the_inner_end(ours: Pairs, vif: Vif) -> None:
    container = Namespace()
    ours.stage(vif, claim(vif))
    assert setting(inner_name(vif.port_id), "ipv6", "disable_ipv6") == "1"
    ours.connect(vif, userspace=False)
    container.take(inner_name(vif.port_id), "fd00::5/64")
    with container.entered():
        shown = subprocess.run(["ip", "-6", "addr"], check=True, capture_output=True, text=True).stdout
        assert setting(inner_name(vif.port_id), "ipv6", "disable_ipv6") == "0"
    assert "fd00::5/64" in shown
    container.close()


def test_without_the_right_to_change_links_one_clear_line_is_given(
    ours: Pairs, vif: Vif, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Netlink, "change", refuse)
    with pytest.raises(PlugError, match=r"kernel refused .*tap.*CAP_NET_ADMIN"):
        ours.stage(vif, claim(vif))
