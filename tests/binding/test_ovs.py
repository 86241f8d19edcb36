"""Plugging into a real Open vSwitch: what is written, what is awaited, and what happens when it goes away."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyroute2 import IPRoute
from pyroute2.ethtool.ioctl import IoctlEthtool

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.pairs import inner_name, outer_name
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, PlugError
from kuryr.model import Claim, Vif

from .conftest import MakeVif
from .namespaces import exists, index_of, links
from .switch import OpenVSwitch

OWNER = "endpoint-1"


def staged(binding: Binding, vif: Vif, owner: str = OWNER) -> str:
    interface = binding.stage(vif, Claim(vif.port_id, owner))
    assert interface == Interface(inner_name(vif.port_id))
    return outer_name(vif.port_id)


def plugged(binding: Binding, vif: Vif, owner: str = OWNER) -> str:
    outer = staged(binding, vif, owner)
    binding.plug(vif)
    return outer


def checksums_are_left_to_hardware(name: str) -> bool:
    tool = IoctlEthtool(name)
    try:
        return bool(tool.get_offload_flags()["tx-checksumming"])
    finally:
        tool.close()


def test_a_staged_port_is_not_connected(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    staged(binding, vif)
    assert switch.ports() == []


def test_a_plugged_port_carries_what_neutrons_agents_read(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    outer = plugged(binding, vif)
    assert switch.ports() == [outer]
    assert switch.external_ids(outer) == {
        "iface-id": vif.port_id,
        "iface-status": "active",
        "attached-mac": vif.mac,
        "vm-uuid": OWNER,
        "kuryr": "test",
    }


def test_plugging_twice_is_once(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    outer = plugged(binding, vif)
    before = switch.vsctl("get", "Interface", outer, "_uuid")
    plugged(binding, vif)
    assert switch.vsctl("get", "Interface", outer, "_uuid") == before
    assert switch.ports() == [outer]


def test_the_owner_of_a_claimed_ready_port_reaches_open_vswitch(
    binding: Binding, vif: Vif, switch: OpenVSwitch
) -> None:
    outer = plugged(binding, vif, owner="")
    assert "vm-uuid" not in switch.external_ids(outer)
    switch.install(outer)
    plugged(binding, vif, owner=OWNER)
    assert switch.external_ids(outer)["vm-uuid"] == OWNER
    assert switch.external_ids(outer)["ovn-installed"] == "true"


def test_a_port_that_was_not_staged_is_not_plugged(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    with pytest.raises(PlugError, match=vif.port_id):
        binding.plug(vif)
    assert switch.ports() == []


def test_a_bridge_named_by_neutron_is_used(binding: Binding, make_vif: MakeVif, switch: OpenVSwitch) -> None:
    switch.vsctl("add-br", "br-other", "--", "set", "bridge", "br-other", "datapath_type=netdev")
    vif = make_vif()
    outer = plugged(binding, vif)
    moved = make_vif(port_id=vif.port_id, details={"bridge_name": "br-other"})
    binding.plug(moved)
    row = switch.vsctl("get", "Port", outer, "_uuid").strip()
    assert row not in switch.vsctl("get", "Bridge", "br-int", "ports")
    assert row in switch.vsctl("get", "Bridge", "br-other", "ports")
    binding.unplug(vif.port_id)
    assert switch.vsctl("list-ports", "br-other").split() == []


def test_a_bridge_that_does_not_exist_is_named(binding: Binding, make_vif: MakeVif, switch: OpenVSwitch) -> None:
    vif = make_vif(details={"bridge_name": "br-absent"})
    staged(binding, vif)
    with pytest.raises(PlugError, match=r"no bridge br-absent.*ovn-controller"):
        binding.plug(vif)


def test_only_a_userspace_bridge_gets_its_checksums_from_the_container(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    # This Open vSwitch cannot serve a kernel bridge, but its database can hold one.
    switch.vsctl("--no-wait", "add-br", "br-kernel", "--", "set", "bridge", "br-kernel", "datapath_type=system")
    for bridge, left_to_hardware in (("br-int", False), ("br-kernel", True)):
        vif = make_vif(details={"bridge_name": bridge})
        staged(binding, vif)
        assert checksums_are_left_to_hardware(inner_name(vif.port_id))
        binding.plug(vif)
        assert checksums_are_left_to_hardware(inner_name(vif.port_id)) is left_to_hardware


def test_unplugging_twice_is_once(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    before = links()
    plugged(binding, vif)
    binding.unplug(vif.port_id)
    binding.unplug(vif.port_id)
    assert links() == before
    assert switch.ports() == []
    assert binding.found() == []


def test_a_port_without_its_row_is_unplugged(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    switch.vsctl("del-port", plugged(binding, vif))
    binding.unplug(vif.port_id)
    assert binding.found() == []
    assert not exists(outer_name(vif.port_id))


def test_a_port_without_its_link_is_found_without_owner_and_unplugged(
    binding: Binding, vif: Vif, switch: OpenVSwitch
) -> None:
    outer = plugged(binding, vif)
    with IPRoute() as ip:
        ip.link("del", index=index_of(outer))
    assert binding.found() == [Found(vif.port_id, "")]
    binding.unplug(vif.port_id)
    assert binding.found() == []
    assert switch.ports() == []


def test_a_port_whose_link_was_lost_is_made_again(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    outer = plugged(binding, vif)
    with IPRoute() as ip:
        ip.link("del", index=index_of(outer))
    old = switch.vsctl("get", "Interface", outer, "_uuid")
    plugged(binding, vif)
    assert switch.vsctl("get", "Interface", outer, "_uuid") != old
    assert binding.found() == [Found(vif.port_id, OWNER)]


def test_a_sign_does_not_make_a_port_ready_that_open_vswitch_could_not_add(
    binding: Binding, vif: Vif, switch: OpenVSwitch
) -> None:
    outer = plugged(binding, vif)
    switch.vsctl("set", "Interface", outer, "type=patch")
    switch.install(outer)
    with pytest.raises(PlugError, match="could not add"):
        binding.await_ready(vif, timeout=0.5)


@pytest.mark.parametrize("mark", ["", "external_ids:kuryr=other"])
def test_a_foreign_port_of_our_name_is_left_alone(binding: Binding, vif: Vif, switch: OpenVSwitch, mark: str) -> None:
    outer = staged(binding, vif)
    row = ("--", "set", "Interface", outer, f"external_ids:iface-id={vif.port_id}", *([mark] if mark else []))
    switch.vsctl("add-port", "br-int", outer, *row)
    before = switch.external_ids(outer)
    with pytest.raises(Conflict, match="not Kuryr's"):
        binding.plug(vif)
    binding.unplug(vif.port_id)
    assert binding.found() == []
    assert switch.ports() == [outer]
    assert switch.external_ids(outer) == before


def test_a_claim_is_found_by_another_process(binding: Binding, context: BindingContext, make_vif: MakeVif) -> None:
    waiting, connected = make_vif(), make_vif()
    staged(binding, waiting, owner="")
    plugged(binding, connected)
    binding.close()
    later = Binding(context)
    assert set(later.found()) == {Found(waiting.port_id, ""), Found(connected.port_id, OWNER)}
    later.close()


def test_a_port_is_ready_when_ovn_says_so(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    outer = plugged(binding, vif)
    with pytest.raises(PlugError):
        binding.await_ready(vif, timeout=0)
    switch.install(outer)
    binding.await_ready(vif, timeout=10)
    binding.await_ready(vif, timeout=0)


def test_readiness_is_an_event_for_each_of_several_waiters(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    outer = plugged(binding, vif)
    woken: list[float] = []
    started = threading.Barrier(4)

    def wait() -> None:
        started.wait()
        binding.await_ready(vif, timeout=60)
        woken.append(time.monotonic())

    waiters = [threading.Thread(target=wait) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    started.wait()
    switch.install(outer)
    installed = time.monotonic()
    for waiter in waiters:
        waiter.join(10)
    assert len(woken) == 3
    assert max(woken) - installed < 1


def unplugged(binding: Binding, switch: OpenVSwitch, vif: Vif) -> None:
    staged(binding, vif)


def unseen(binding: Binding, switch: OpenVSwitch, vif: Vif) -> None:
    switch.stop_switch()
    plugged(binding, vif)


def refused(binding: Binding, switch: OpenVSwitch, vif: Vif) -> None:
    outer = plugged(binding, vif)
    switch.vsctl("set", "Interface", outer, "type=patch")


def unwired(binding: Binding, switch: OpenVSwitch, vif: Vif) -> None:
    plugged(binding, vif)
    switch.vsctl("show")


@pytest.mark.parametrize(
    ("prepare", "line"),
    [
        (unplugged, "port {id} is not plugged into br-int"),
        (unseen, "Open vSwitch did not add port {id} to br-int (is ovs-vswitchd running?)"),
        (refused, "Open vSwitch could not add port {id} to br-int: "),
        (
            unwired,
            "port {id} was plugged into br-int as {name}, but external_ids:ovn-installed did not appear"
            " (is ovn-controller running on this host and connected?)",
        ),
    ],
)
def test_a_port_that_does_not_become_ready_says_how_far_it_came(
    binding: Binding,
    switch: OpenVSwitch,
    vif: Vif,
    prepare: Callable[[Binding, OpenVSwitch, Vif], None],
    line: str,
) -> None:
    prepare(binding, switch, vif)
    with pytest.raises(PlugError) as failure:
        binding.await_ready(vif, timeout=0.5)
    assert str(failure.value).startswith(line.format(id=vif.port_id, name=outer_name(vif.port_id)))


def test_a_port_of_an_unknown_agent_is_refused_before_anything_is_made(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    before = links()
    with pytest.raises(PlugError, match="driver somebody, whose sign of readiness is not known"):
        staged(binding, make_vif(details={"bound_drivers": {"0": "somebody"}}))
    assert (links(), switch.ports()) == (before, [])


def test_a_port_of_neutrons_agent_is_on_no_network_until_the_agent_tags_it(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    vif = make_vif(details={"bound_drivers": {"0": "openvswitch"}})
    outer = plugged(binding, vif)
    assert switch.vsctl("get", "Port", outer, "tag").strip() == "4095"
    with pytest.raises(PlugError, match=r"VLAN tag other than 4095 did not appear .is neutron-openvswitch-agent"):
        binding.await_ready(vif, timeout=0.5)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(binding.await_ready, vif, 60)
        switch.vsctl("set", "Port", outer, "tag=1")
        assert waiting.result(60)
    plugged(binding, vif)
    assert switch.vsctl("get", "Port", outer, "tag").strip() == "1"


def test_on_a_host_without_open_vswitch_there_is_nothing_to_find(vif: Vif, tmp_path: Path) -> None:
    binding = Binding(BindingContext("test", ovsdb=f"unix:{tmp_path}/absent/db.sock", timeout=1))
    assert binding.found() == []
    binding.unplug(vif.port_id)
    with pytest.raises(PlugError, match="Open vSwitch does not answer"):
        staged(binding, vif)
    binding.close()


def test_ten_ports_plugged_at_once_do_not_wait_for_one_another(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    vifs = [make_vif() for _ in range(10)]
    all_connected = threading.Barrier(11)

    def plug(vif: Vif) -> None:
        plugged(binding, vif)
        all_connected.wait(60)
        binding.await_ready(vif, timeout=60)

    with ThreadPoolExecutor(10) as pool:
        plugs = [pool.submit(plug, vif) for vif in vifs]
        all_connected.wait(60)
        for vif in vifs:
            switch.install(outer_name(vif.port_id))
        for one in plugs:
            one.result(60)
        assert len(switch.ports()) == 10
        for gone in [pool.submit(binding.unplug, vif.port_id) for vif in vifs]:
            gone.result(60)
    assert binding.found() == []
    assert switch.ports() == []


def test_a_port_is_unplugged_although_the_switch_is_dead(
    vif: Vif, switch: OpenVSwitch, caplog: pytest.LogCaptureFixture
) -> None:
    binding = Binding(BindingContext("test", ovsdb=switch.remote, timeout=0.5))
    plugged(binding, vif)
    switch.stop_switch()
    binding.unplug(vif.port_id)
    assert binding.found() == []
    assert "is it running?" in caplog.text
    binding.close()


def test_the_connection_outlives_a_restart_of_the_database(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch
) -> None:
    vif, other = make_vif(), make_vif()
    plugged(binding, vif)
    switch.stop_database()
    switch.start_database()
    outer = plugged(binding, other)
    assert set(switch.ports()) == {outer_name(vif.port_id), outer}
    switch.install(outer)
    binding.await_ready(other, timeout=10)


def test_a_port_becomes_ready_across_a_restart_of_the_database(binding: Binding, vif: Vif, switch: OpenVSwitch) -> None:
    outer = plugged(binding, vif)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(binding.await_ready, vif, 60)
        switch.stop_database()
        switch.start_database()
        switch.install(outer)
        waiting.result(60)


def test_without_a_database_one_clear_line_is_given_in_time(vif: Vif, switch: OpenVSwitch) -> None:
    context = BindingContext("test", ovsdb=switch.remote, timeout=1)
    binding = Binding(context)
    switch.stop_database()
    began = time.monotonic()
    for attempt in (lambda: staged(binding, vif), lambda: binding.unplug(vif.port_id), binding.found):
        with pytest.raises(PlugError, match=f"Open vSwitch does not answer at {switch.remote}"):
            attempt()
    assert time.monotonic() - began < 3 * 3
    switch.start_database()
    plugged(binding, vif)
    assert switch.ports() == [outer_name(vif.port_id)]
    binding.close()


@pytest.mark.parametrize("connected", [False, True])
def test_a_database_that_hangs_is_left_in_time(vif: Vif, switch: OpenVSwitch, connected: bool) -> None:
    context = BindingContext("test", ovsdb=switch.remote, timeout=1)
    binding = Binding(context)
    staged(binding, vif)
    if not connected:
        binding.close()
    switch.freeze("ovsdb-server")
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(PlugError, match="Open vSwitch does not answer"):
            binding.plug(vif)
    assert time.monotonic() - began < 2 * 3
    switch.thaw("ovsdb-server")
    # What was on its way may be done late, but done twice it is done once.
    deadline = time.monotonic() + 10
    while True:
        try:
            binding.plug(vif)
            break
        except PlugError:
            assert time.monotonic() < deadline
    assert switch.ports() == [outer_name(vif.port_id)]
    binding.close()
