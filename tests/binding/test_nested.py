"""Interfaces on top of another one, which bear their claims also where they are no longer seen from here.

These are macvlan devices, which every kernel has. VLANs and ipvlan are proved in the lab's virtual machine.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.nested import MacvlanDriver, VlanDriver
from kuryr.binding.pairs import inner_name
from kuryr.errors import Conflict, PlugError
from kuryr.model import Claim, Vif

from .conftest import MakeVif
from .namespaces import Namespace, exists, index_of, links, show

OWNER = "endpoint-1"


@pytest.fixture
def driver() -> Iterator[MacvlanDriver]:
    context = BindingContext("test", link="uplink")
    yield MacvlanDriver(context)
    context.announcer.close()


@pytest.fixture
def nested(make_vif: MakeVif) -> Vif:
    return make_vif(vif_type="nested", vnic_type="macvlan", details={"wired": True})


def claim(vif: Vif, owner: str = OWNER) -> Claim:
    return Claim(vif.port_id, owner)


def test_an_interface_waits_down_with_the_ports_mac_and_mtu(driver: MacvlanDriver, nested: Vif) -> None:
    for _ in range(2):
        name = driver.stage(nested, claim(nested)).name
    shown = show(name)
    assert (shown["address"], shown["mtu"], shown["link"]) == (nested.mac, 1442, "uplink")
    assert (shown["linkinfo"]["info_kind"], shown["operstate"]) == ("macvlan", "DOWN")
    driver.plug(nested)
    assert driver.await_ready(nested, 0)
    driver.announce(nested)
    assert driver.found() == [Found(nested.port_id, OWNER)]


def test_it_is_found_and_removed_in_a_container_by_whoever_comes_after_a_crash(
    driver: MacvlanDriver, nested: Vif, make_vif: MakeVif
) -> None:
    container, other = Namespace(), make_vif(vif_type="nested", vnic_type="macvlan")
    container.take(driver.stage(nested, claim(nested)).name, "10.1.0.7/24")
    container.take(driver.stage(other, claim(other, "endpoint-2")).name)
    with container.entered(), IPRoute() as ip:
        ip.link("set", index=index_of(inner_name(nested.port_id)), state="down")
        ip.link("set", index=index_of(inner_name(nested.port_id)), ifname="eth0")
    fresh = MacvlanDriver(BindingContext("test", link="uplink"))
    assert set(fresh.found()) == {Found(nested.port_id, OWNER), Found(other.port_id, "endpoint-2")}
    for _ in range(2):
        fresh.unplug(nested.port_id)
    with container.entered():
        assert links() == {"lo", inner_name(other.port_id)}
    assert fresh.found() == [Found(other.port_id, "endpoint-2")]
    container.close()


def test_it_goes_with_its_container(driver: MacvlanDriver, nested: Vif) -> None:
    container = Namespace()
    container.take(driver.stage(nested, claim(nested)).name)
    container.close()
    assert not exists(inner_name(nested.port_id))


def test_only_what_is_ours_is_found_and_removed(driver: MacvlanDriver, nested: Vif) -> None:
    stranger = MacvlanDriver(BindingContext("other", link="uplink"))
    stranger.stage(nested, claim(nested))
    driver.unplug(nested.port_id)
    assert driver.found() == []
    assert stranger.found() == [Found(nested.port_id, OWNER)]
    with pytest.raises(Conflict):
        driver.stage(nested, claim(nested))


def test_two_owners_do_not_share_an_interface(driver: MacvlanDriver, nested: Vif) -> None:
    driver.stage(nested, claim(nested))
    with pytest.raises(Conflict, match="in use by endpoint-1"):
        driver.stage(nested, claim(nested, "endpoint-2"))


def test_a_machine_without_that_interface_is_said_so(nested: Vif) -> None:
    lost = MacvlanDriver(BindingContext("test", link="ens99"))
    with pytest.raises(PlugError, match=r"no interface ens99.*\[nested\]"):
        lost.stage(nested, claim(nested))


def test_a_port_that_is_not_on_the_trunk_has_no_vlan(nested: Vif) -> None:
    driver = VlanDriver(BindingContext("test", link="uplink"))
    with pytest.raises(PlugError, match="not on the trunk"):
        driver.stage(replace(nested, vnic_type="vlan", details={"vlan": None}), claim(nested))


def test_what_nothing_on_the_machine_shows_is_left_to_the_cloud(driver: MacvlanDriver, nested: Vif) -> None:
    assert not driver.await_ready(replace(nested, details={"wired": False}), 0)
