"""Ports on bridges of the kernel: the Linux bridge agent's, and those between a port and Open vSwitch."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.pairs import inner_name, outer_name
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, PlugError
from kuryr.model import Claim, FixedIP, Vif
from kuryr_lab.waiting import wait_until

from .conftest import MakeVif
from .kinds import KINDS, NETWORK
from .namespaces import exists, index_of, links, setting, show
from .switch import OpenVSwitch

ETH_P_ARP = 0x0806
BRIDGE = f"brq{NETWORK[:11]}"


@pytest.fixture
def binding() -> Iterator[Binding]:
    """On a host without Open vSwitch."""
    context = BindingContext("test", host="host1", ovsdb="unix:/absent/db.sock")
    yield Binding(context)
    context.announcer.close()


@pytest.fixture
def vif(make_vif: MakeVif) -> Vif:
    return make_vif(**KINDS["bridge"])


def plugged(binding: Binding, vif: Vif) -> None:
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    binding.plug(vif)


def bridge(name: str, port: str = "") -> None:
    """What an agent does that comes first."""
    with IPRoute() as ip:
        ip.link("add", ifname=name, kind="bridge")
        if port:
            ip.link("set", index=index_of(port), master=index_of(name))


def test_the_bridge_is_named_as_the_agent_names_it_and_made_if_it_is_missing(binding: Binding, vif: Vif) -> None:
    plugged(binding, vif)
    made, outer, inner = show(BRIDGE), show(outer_name(vif.port_id)), show(inner_name(vif.port_id))
    assert outer["master"] == BRIDGE
    assert (outer["mtu"], inner["mtu"], made["mtu"]) == (1442, 1442, 1442)
    assert "UP" in made["flags"]
    assert (made["linkinfo"]["info_data"]["stp_state"], made["linkinfo"]["info_data"]["forward_delay"]) == (0, 0)
    assert setting(BRIDGE, "ipv6", "disable_ipv6") == "1"


def test_the_agents_word_is_asked_for_of_neutron(binding: Binding, vif: Vif) -> None:
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    with pytest.raises(PlugError, match=f"is not plugged into {BRIDGE}"):
        binding.await_ready(vif, 0)
    binding.plug(vif)
    assert not binding.await_ready(vif, 0)


def test_a_port_is_announced_when_the_bridge_forwards_and_not_before(binding: Binding, make_vif: MakeVif) -> None:
    """It takes nothing before the kernel's link watch has been there, which removals of links keep busy."""
    neighbour = make_vif(**KINDS["bridge"])
    plugged(binding, neighbour)
    with IPRoute() as ip:
        ip.link("set", index=index_of(inner_name(neighbour.port_id)), state="up")
    wait_until("the neighbour is connected", lambda: show(outer_name(neighbour.port_id))["operstate"] == "UP")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as raw:
        raw.bind((inner_name(neighbour.port_id), ETH_P_ARP))
        raw.settimeout(5)
        for number in range(100):
            address = IPv4Address(f"10.1.0.{number}")
            vif = make_vif(**KINDS["bridge"], fixed_ips=(FixedIP("subnet", address),))
            plugged(binding, vif)
            binding.announce(vif)
            assert raw.recv(100)[28:32] == address.packed
            binding.unplug(vif.port_id, vif)


def test_the_bridge_goes_with_its_last_port(binding: Binding, vif: Vif, make_vif: MakeVif) -> None:
    before, other = links(), make_vif(**KINDS["bridge"])
    plugged(binding, vif)
    plugged(binding, other)
    binding.unplug(vif.port_id)
    binding.unplug(vif.port_id)
    assert exists(BRIDGE)
    binding.unplug(other.port_id)
    assert links() == before
    assert binding.found() == []


def test_a_bridge_that_the_agent_made_stays(binding: Binding, vif: Vif) -> None:
    bridge(BRIDGE)
    before = index_of(BRIDGE)
    plugged(binding, vif)
    binding.unplug(vif.port_id)
    assert index_of(BRIDGE) == before


def test_a_bridge_to_which_the_agent_added_the_networks_link_stays(binding: Binding, vif: Vif) -> None:
    plugged(binding, vif)
    with IPRoute() as ip:
        ip.link("set", index=index_of("uplink"), master=index_of(BRIDGE))
    binding.unplug(vif.port_id)
    assert exists(BRIDGE)
    assert binding.found() == []


def test_an_empty_bridge_that_a_crash_left_is_found_and_removed(binding: Binding, vif: Vif) -> None:
    before = links()
    plugged(binding, vif)
    with IPRoute() as ip:
        ip.link("del", index=index_of(outer_name(vif.port_id)))
    assert binding.found() == [Found(BRIDGE, "")]
    binding.unplug(BRIDGE)
    assert links() == before
    assert binding.found() == []


def test_a_bridge_that_neutron_names_is_used(binding: Binding, make_vif: MakeVif) -> None:
    bridge("br-mapped")
    vif = make_vif(vif_type="bridge", details={"bridge_name": "br-mapped"})
    plugged(binding, vif)
    assert show(outer_name(vif.port_id))["master"] == "br-mapped"


def test_what_is_no_bridge_is_left_alone(binding: Binding, vif: Vif) -> None:
    with IPRoute() as ip:
        ip.link("set", index=index_of("uplink-peer"), state="down")
        ip.link("set", index=index_of("uplink-peer"), ifname=BRIDGE)
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    with pytest.raises(Conflict, match=f"interface {BRIDGE} exists already and is no bridge"):
        binding.plug(vif)


def test_ports_that_come_and_go_at_once_never_lose_their_bridge(binding: Binding, make_vif: MakeVif) -> None:
    vifs = [make_vif(**KINDS["bridge"]) for _ in range(12)]
    before, begun = links(), threading.Barrier(len(vifs))

    def live(vif: Vif) -> None:
        begun.wait(60)
        for _ in range(3):
            plugged(binding, vif)
            binding.await_ready(vif, 0)
            binding.unplug(vif.port_id)

    with ThreadPoolExecutor(len(vifs)) as pool:
        for each in [pool.submit(live, vif) for vif in vifs]:
            each.result(120)
    assert links() == before


def test_a_hybrid_port_has_neutrons_names_on_both_sides_of_its_bridge(
    context: BindingContext, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    details = {**KINDS["hybrid"]["details"], "bound_drivers": {"0": "openvswitch"}}
    vif, binding = make_vif(details=details), Binding(context)
    plugged(binding, vif)
    names = {prefix: f"{prefix}{vif.port_id[:11]}" for prefix in ("tap", "t_c", "qbr", "qvb", "qvo")}
    assert {prefix: show(name)["mtu"] for prefix, name in names.items()} == dict.fromkeys(names, 1442)
    assert {show(names[prefix])["master"] for prefix in ("tap", "qvb")} == {names["qbr"]}
    assert all("UP" in show(names[prefix])["flags"] for prefix in ("tap", "qbr", "qvb", "qvo"))
    assert show(names["qvb"])["link"] == names["qvo"]
    assert switch.ports() == [names["qvo"]]
    assert switch.external_ids(names["qvo"])["iface-id"] == vif.port_id
    assert switch.vsctl("get", "Port", names["qvo"], "tag").strip() == "4095"
    switch.vsctl("set", "Port", names["qvo"], "tag=1")
    assert binding.await_ready(vif, 10)
    assert binding.found() == [Found(vif.port_id, "endpoint")]
    binding.close()


def test_a_hybrid_port_whose_links_are_in_part_lost_is_made_whole(
    context: BindingContext, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    vif, binding, before = make_vif(**KINDS["hybrid"]), Binding(context), links()
    plugged(binding, vif)
    whole = links()
    for prefix in ("tap", "qbr", "qvb"):
        with IPRoute() as ip:
            ip.link("del", index=index_of(f"{prefix}{vif.port_id[:11]}"))
        plugged(binding, vif)
        assert (links(), switch.ports()) == (whole, [f"qvo{vif.port_id[:11]}"])
    binding.unplug(vif.port_id)
    assert (links(), switch.ports(), binding.found()) == (before, [], [])
    binding.close()


def test_the_links_of_a_port_whose_id_begins_alike_stay(
    context: BindingContext, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    vif, binding = make_vif(**KINDS["hybrid"]), Binding(context)
    twin = make_vif(port_id=vif.port_id[:11] + "00-4000-8000-000000000000", **KINDS["hybrid"])
    plugged(binding, vif)
    whole = links()
    with pytest.raises(Conflict, match=vif.port_id):
        plugged(binding, twin)
    binding.unplug(twin.port_id)
    assert (links(), len(switch.ports())) == (whole, 1)
    binding.unplug(vif.port_id)
    binding.close()
