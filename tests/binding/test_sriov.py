"""Virtual functions: chosen, told what to let through, and freed; on a card that is a fake (see `card`)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, Exhausted, PlugError
from kuryr.model import Claim, Vif

from .card import CARD, FREE, Card
from .conftest import MakeVif
from .namespaces import Namespace, index_of, links, show


@pytest.fixture
def binding(card: Card) -> Binding:
    """On a host without Open vSwitch."""
    context = BindingContext(
        "test", host="host1", ovsdb="unix:/absent/db.sock", sysfs=card.sysfs, sriov_cards=[f"physnet1:{CARD}"]
    )
    return Binding(context)


def direct(make_vif: MakeVif, **profile: str) -> Vif:
    return make_vif(vif_type="hw_veb", vnic_type="direct", details={"vlan": "104"}, profile=profile)


def plugged(binding: Binding, vif: Vif) -> str:
    name = binding.stage(vif, Claim(vif.port_id, "endpoint")).name
    binding.plug(vif)
    return name


def test_the_function_that_the_port_names_is_told_mac_and_vlan(binding: Binding, make_vif: MakeVif, card: Card) -> None:
    vif = direct(make_vif, pci_slot=card.slot(1))
    assert plugged(binding, vif) == "vf1"
    assert card.functions == {0: FREE, 1: (vif.mac, 104), 2: FREE}
    assert (show("vf1")["address"], show("vf1")["mtu"]) == (vif.mac, 1442)
    assert not binding.await_ready(vif, 0)


def test_twice_is_once(binding: Binding, make_vif: MakeVif, card: Card) -> None:
    vif = direct(make_vif)
    first = plugged(binding, vif)
    before = links()
    assert plugged(binding, vif) == first
    assert links() == before
    assert [each for each in card.functions.values() if each != FREE] == [(vif.mac, 104)]


def test_any_free_function_of_kuryrs_cards_serves_a_port_that_names_none(
    binding: Binding, make_vif: MakeVif, card: Card
) -> None:
    card.disappear(0)
    with IPRoute() as ip:
        ip.link("set", index=index_of("vf1"), state="up")
    vif = direct(make_vif, physical_network="physnet1")
    assert plugged(binding, vif) == "vf2"
    with pytest.raises(Exhausted, match=r"no virtual function .* is free for port .*sriov_cards"):
        plugged(binding, direct(make_vif))


def test_a_card_on_another_network_does_not_serve(binding: Binding, make_vif: MakeVif) -> None:
    with pytest.raises(Exhausted):
        plugged(binding, direct(make_vif, physical_network="physnet2"))


def test_a_function_that_another_port_has_is_refused(binding: Binding, make_vif: MakeVif, card: Card) -> None:
    plugged(binding, direct(make_vif, pci_slot=card.slot(0)))
    with pytest.raises(Conflict, match=f"another port on this host has the virtual function {card.slot(0)}"):
        plugged(binding, direct(make_vif, pci_slot=card.slot(0)))


def test_ports_that_come_at_once_get_one_function_each(binding: Binding, make_vif: MakeVif, card: Card) -> None:
    vifs = [direct(make_vif) for _ in range(6)]

    def attempt(vif: Vif) -> str:
        try:
            return plugged(binding, vif)
        except Exhausted:
            return ""

    with ThreadPoolExecutor(len(vifs)) as pool:
        assert sorted(pool.map(attempt, vifs)) == ["", "", "", "vf0", "vf1", "vf2"]


def test_a_port_is_unplugged_although_a_container_has_its_function(
    binding: Binding, make_vif: MakeVif, card: Card
) -> None:
    before, container, vif = links(), Namespace(), direct(make_vif)
    name = plugged(binding, vif)
    container.take(name)
    card.disappear(0)
    assert binding.found() == [Found(vif.port_id, "endpoint")]
    with pytest.raises(PlugError, match=r"has no interface on this host .is another container"):
        binding.stage(vif, Claim(vif.port_id, "endpoint"))
    binding.unplug(vif.port_id)
    binding.unplug(vif.port_id)
    assert (card.functions[0], binding.found(), links()) == (FREE, [], before - {"vf0"})
    container.close()


def test_what_the_card_refuses_is_an_error(binding: Binding, make_vif: MakeVif, card: Card) -> None:
    vif = direct(make_vif)
    card.refuses = True
    with pytest.raises(PlugError, match="the kernel refused a change of pf0"):
        plugged(binding, vif)
    card.refuses = False
    plugged(binding, vif)
    card.refuses = True
    with pytest.raises(PlugError, match="the kernel refused a change of pf0"):
        binding.unplug(vif.port_id)
    assert binding.found() == [Found(vif.port_id, "endpoint")]


def test_a_card_that_forgot_is_an_error(binding: Binding, make_vif: MakeVif, card: Card) -> None:
    vif = direct(make_vif)
    plugged(binding, vif)
    card.functions[0] = (vif.mac, 0)
    with pytest.raises(PlugError, match=f"pf0 has MAC address and VLAN .* for its virtual function 0, not .*{vif.mac}"):
        binding.await_ready(vif, 0)


@pytest.mark.parametrize("slot", ["0000:03:10.7", "0000:03:00.0", "../../../etc", "0000:03:10.*"])
def test_what_is_no_virtual_function_is_refused(binding: Binding, make_vif: MakeVif, slot: str) -> None:
    with pytest.raises(PlugError, match="no virtual function of a network card at PCI address"):
        plugged(binding, direct(make_vif, pci_slot=slot))


def test_without_cards_a_port_must_name_its_function(card: Card, make_vif: MakeVif) -> None:
    binding = Binding(BindingContext("test", ovsdb="unix:/absent/db.sock", sysfs=card.sysfs))
    with pytest.raises(Exhausted, match="may name a pci_slot"):
        plugged(binding, direct(make_vif))
    assert plugged(binding, direct(make_vif, pci_slot=card.slot(2))) == "vf2"


def test_a_card_that_is_not_there_is_named(card: Card, make_vif: MakeVif) -> None:
    binding = Binding(BindingContext("test", ovsdb="unix:/absent/db.sock", sysfs=card.sysfs, sriov_cards=["eth9"]))
    with pytest.raises(PlugError, match="no network card eth9 on this host"):
        plugged(binding, direct(make_vif))
