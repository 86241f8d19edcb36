"""Interfaces that kuryr-libnetwork plugged: taken over where they are, and removed when their port goes."""

from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import Found
from kuryr.binding.pairs import inner_name, outer_name
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict
from kuryr.model import Claim, Vif

from .namespaces import Namespace, exists, links
from .switch import OpenVSwitch

OWNER = "endpoint-1"


def plugged_by_libnetwork(switch: OpenVSwitch, vif: Vif, container: Namespace) -> str:
    """The work of kuryr-lib's veth driver and its script `ovs`, and of Docker."""
    outer, inner = outer_name(vif.port_id), inner_name(vif.port_id)
    with IPRoute() as ip:
        ip.link("add", ifname=outer, kind="veth", peer={"ifname": inner, "address": vif.mac})
        ip.link("set", ifname=outer, state="up")
    container.take(inner)
    external_ids = {
        "attached-mac": f'"{vif.mac}"',
        "iface-id": vif.port_id,
        "vm-uuid": OWNER,
        "iface-status": "active",
        "owner": "kuryr",
    }
    settings = [f"external_ids:{key}={value}" for key, value in external_ids.items()]
    switch.vsctl("--may-exist", "add-port", "br-int", outer, "--", "set", "interface", outer, *settings)
    switch.install(outer)
    return outer


@pytest.fixture
def inherited(switch: OpenVSwitch, vif: Vif) -> Iterator[str]:
    container = Namespace()
    yield plugged_by_libnetwork(switch, vif, container)
    container.close()


def test_it_is_nobodys_until_it_is_taken_over(binding: Binding, inherited: str, switch: OpenVSwitch) -> None:
    assert binding.found() == []


def test_it_is_taken_over_without_being_touched(
    binding: Binding, vif: Vif, inherited: str, switch: OpenVSwitch
) -> None:
    row = switch.vsctl("get", "Interface", inherited, "_uuid")
    binding.stage(vif, Claim(vif.port_id, OWNER))
    binding.plug(vif)
    assert binding.found() == [Found(vif.port_id, OWNER)]
    assert switch.vsctl("get", "Interface", inherited, "_uuid") == row
    assert switch.external_ids(inherited)["ovn-installed"] == "true"
    assert switch.external_ids(inherited)["owner"] == "kuryr"
    assert not exists(inner_name(vif.port_id))


@pytest.mark.parametrize("taken_over", [True, False])
def test_it_is_removed_with_its_port(
    binding: Binding, vif: Vif, inherited: str, switch: OpenVSwitch, taken_over: bool
) -> None:
    if taken_over:
        binding.stage(vif, Claim(vif.port_id, OWNER))
        binding.plug(vif)
    binding.unplug(vif.port_id)
    assert switch.ports() == []
    assert not exists(inherited)
    assert binding.found() == []


def test_a_pair_of_which_the_row_knows_another_port_stays(
    binding: Binding, vif: Vif, inherited: str, switch: OpenVSwitch
) -> None:
    switch.vsctl("set", "Interface", inherited, "external_ids:iface-id=another")
    with pytest.raises(Conflict, match=inherited):
        binding.stage(vif, Claim(vif.port_id, OWNER))
    binding.unplug(vif.port_id)
    assert switch.ports() == [inherited]
    assert inherited in links()


def test_a_row_whose_pair_is_lost_does_not_serve_the_next(
    binding: Binding, vif: Vif, inherited: str, switch: OpenVSwitch
) -> None:
    with IPRoute() as ip:
        ip.link("del", ifname=inherited)
    binding.stage(vif, Claim(vif.port_id, OWNER))
    assert switch.ports() == []
