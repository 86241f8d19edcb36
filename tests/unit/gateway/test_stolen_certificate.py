"""What whoever has stolen the certificate of `vm1` cannot do: whatever he sends, as he likes, is a call of `vm1`.

`vm1` has a network of its own choice, `blue`; `green` is for `vm2` alone, and `red` is another project's.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from fakes.transport import MemoryChannel, service
from kuryr.behind import Behind
from kuryr.errors import CloudError, CloudRefused, Conflict, InvalidInput, KuryrError, NotFound, OverQuota
from kuryr.gateway.exposure.floating import FloatingChoice
from kuryr.gateway.identity import Anchorage
from kuryr.gateway.networks.specs import NetworkSpec, SubnetSpec, WayOut
from kuryr.gateway.protocol import Gateway
from kuryr.gateway.remote.assembly import RemoteGateway
from kuryr.gateway.service.calls import Calls, find
from kuryr.gateway.topology import Existing
from kuryr.gateway.wire.calls import METHODS
from kuryr.model import (
    AddressPair,
    Choice,
    Named,
    Opening,
    PortRange,
    PortRequest,
    PortTraits,
    Vif,
    sticky_mac,
)
from kuryr.suspects import Suspects
from unit.docker.outside import Outside, route
from unit.host.node import Clock, Site, site

UNKNOWN = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron, name="blue")


@pytest.fixture
def green(neutron: FakeNeutron) -> Site:
    return site(neutron, "10.2.0.0/24", name="green")


@pytest.fixture
def red(neutron: FakeNeutron) -> Site:
    return site(neutron, "10.3.0.0/24", name="red", project_id="stranger")


@pytest.fixture
def grants(tmp_path: Path, blue: Site, green: Site) -> Path:
    file = tmp_path / "grants.toml"
    file.write_text(
        f"[nodes.vm1]\nnetworks = ['{blue.network_id}']\n"
        f"[nodes.vm2]\nnetworks = ['{blue.network_id}', '{green.network_id}']\nmay = ['make-networks']\n"
    )
    return file


@pytest.fixture
def calls(neutron: FakeNeutron, grants: Path) -> Calls:
    return service(neutron, grants, Clock())


@pytest.fixture
def behind() -> Iterator[Behind]:
    behind = Behind(threads=1)
    yield behind
    behind.close()


@pytest.fixture
def thief(calls: Calls) -> MemoryChannel:
    return MemoryChannel(calls, "vm1")


@pytest.fixture
def vm1(thief: MemoryChannel, behind: Behind) -> Gateway:
    return RemoteGateway(thief, behind, lambda: None)


@pytest.fixture
def vm2(calls: Calls, behind: Behind) -> Gateway:
    return RemoteGateway(MemoryChannel(calls, "vm2"), behind, lambda: None)


def request(place: Site, **more: Any) -> PortRequest:
    return PortRequest(place.network_id, ((place.subnet_id, None),), **more)


def reserve(gateway: Gateway, place: Site) -> Vif:
    (vif,) = gateway.ports.reserve(request(place))
    return vif


def changing(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path}" for call in neutron.calls if call.method != "GET"]


def send(thief: MemoryChannel, method: str, arguments: Mapping[str, Any]) -> Any:
    family, _, name = method.partition(".")
    return thief.send(find(family, name), json.dumps(arguments).encode())


def test_what_it_may_do_works(vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
    vif = reserve(vm1, blue)
    (port,) = neutron.cloud.where("port", id=vif.port_id)
    assert (port["description"], port["binding:host_id"], port["device_owner"]) == (
        "kuryr:test@vm1",
        "vm1",
        "compute:kuryr",
    )
    assert vm1.ports.identify(vif, "c1", "c1", openings=[Opening(frozenset({PortRange("tcp", 80, 80)}))])
    assert [held.owner for held in vm1.ports.held()] == ["c1"]
    vm1.ports.release(vif)
    vm1.ports.release(vif)
    assert list(vm1.ports.held()) == []


class TestPortsOfOthers:
    @pytest.fixture
    def theirs(self, vm2: Gateway, blue: Site) -> Vif:
        return reserve(vm2, blue)

    def test_they_are_not_listed(self, vm1: Gateway, theirs: Vif) -> None:
        assert [*vm1.ports.held(), *vm1.ports.half_lent()] == []

    def test_they_are_left_alone(self, vm1: Gateway, theirs: Vif, neutron: FakeNeutron) -> None:
        neutron.calls.clear()
        vm1.ports.release(theirs)
        assert vm1.ports.identify(theirs, "c1", "c1") is None
        with pytest.raises(NotFound, match=f"vm1 has no port {theirs.port_id}"):
            vm1.ports.readdress(theirs, [(theirs.fixed_ips[0].subnet_id, None)])
        assert changing(neutron) == []
        assert neutron.cloud.where("port", id=theirs.port_id)

    def test_a_virtual_machines_port_is_left_alone(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        body = {"network_id": blue.network_id, "device_owner": "compute:nova", "device_id": "vm", "description": ""}
        machine = neutron.cloud.create("port", [body], neutron.project_id)[0]
        mine = reserve(vm1, blue)
        neutron.calls.clear()
        vm1.ports.release(Vif(machine["id"], mine.network_id, mine.mac, 1442, (), "ovs"))
        assert changing(neutron) == []

    def test_what_it_says_of_its_own_port_does_not_count(
        self, calls: Calls, behind: Behind, neutron: FakeNeutron, blue: Site, grants: Path
    ) -> None:
        """A tenant's port that it has borrowed is given back, and not deleted, whatever it says the port is."""
        grants.write_text(grants.read_text().replace("[nodes.vm2]", "may = ['borrow-ports']\n[nodes.vm2]"))
        vm1 = RemoteGateway(MemoryChannel(calls, "vm1"), behind, lambda: None)
        body = {"network_id": blue.network_id, "name": "mine", "fixed_ips": [{"subnet_id": blue.subnet_id}]}
        port = neutron.cloud.create("port", [body], neutron.project_id)[0]
        (lent,) = vm1.ports.reserve(request(blue, choice=Choice(Named(name="mine"))))
        assert lent.is_foreign
        vm1.ports.release(Vif(lent.port_id, lent.network_id, lent.mac, 1442, (), "ovs", lent=None))
        (kept,) = neutron.cloud.where("port", id=port["id"])
        assert (kept["device_owner"], kept["device_id"]) == ("", "")
        neutron.calls.clear()
        assert vm1.ports.identify(lent, "c1", "c1") is None
        assert changing(neutron) == []

    def test_what_it_has_borrowed_stays_what_it_was(
        self, calls: Calls, behind: Behind, neutron: FakeNeutron, blue: Site, grants: Path
    ) -> None:
        """A port its addresses, and a floating IP that is the tenant's own, whatever it says of them."""
        grants.write_text(grants.read_text().replace("[nodes.vm2]", "may = ['borrow-ports', 'publish']\n[nodes.vm2]"))
        vm1 = RemoteGateway(MemoryChannel(calls, "vm1"), behind, lambda: None)
        outside = Outside(neutron)
        route(outside, blue)
        floating = outside.floating_ip()
        body = {"network_id": blue.network_id, "name": "mine", "fixed_ips": [{"subnet_id": blue.subnet_id}]}
        neutron.cloud.create("port", [body], neutron.project_id)
        (lent,) = vm1.ports.reserve(request(blue, choice=Choice(Named(name="mine"))))
        network = vm1.topology.network(blue.network_id)
        with pytest.raises(Conflict, match="is only lent"):
            vm1.ports.readdress(replace(lent, lent=None), [(blue.subnet_id, None)])
        vm1.floating.give(FloatingChoice(floating["id"]), replace(lent, lent=None), network)
        neutron.calls.clear()
        vm1.floating.remove(floating["id"])
        assert changing(neutron) == []
        vm1.ports.release(lent)
        (kept,) = neutron.cloud.where("floatingip", id=floating["id"])
        assert kept["port_id"] is None

    def test_existing_ports_are_not_borrowed_unless_granted(
        self, vm1: Gateway, neutron: FakeNeutron, blue: Site
    ) -> None:
        body = {"network_id": blue.network_id, "name": "mine"}
        fixed = [{"subnet_id": blue.subnet_id, "ip_address": str(blue[9])}]
        neutron.cloud.create("port", [{**body, "fixed_ips": fixed}], neutron.project_id)
        for choice in (Choice(Named(name="mine")), Choice(sticky="key")):
            with pytest.raises(CloudRefused, match="the right borrow-ports"):
                vm1.ports.reserve(request(blue, choice=choice))
        neutron.calls.clear()
        with pytest.raises(Conflict):
            vm1.ports.reserve(PortRequest(blue.network_id, ((blue.subnet_id, blue[9]),)))
        assert changing(neutron) == ["POST /ports"]
        assert sticky_mac("key")

    def test_a_restarted_service_knows_whose_a_port_is(
        self, neutron: FakeNeutron, grants: Path, behind: Behind, vm1: Gateway, theirs: Vif, blue: Site
    ) -> None:
        mine = reserve(vm1, blue)
        again = RemoteGateway(MemoryChannel(service(neutron, grants, Clock()), "vm1"), behind, lambda: None)
        assert again.ports.identify(theirs, "c1", "c1") is None
        assert again.ports.identify(mine, "c1", "c1")


class TestNetworksThatAreNotGranted:
    def test_no_port_is_made_there(
        self, vm1: Gateway, neutron: FakeNeutron, green: Site, red: Site, blue: Site
    ) -> None:
        for place in (green, red):
            with pytest.raises(NotFound, match=f"vm1 has no network {place.network_id}"):
                vm1.ports.reserve(request(place))
            with pytest.raises(NotFound, match=f"vm1 has no subnet {place.subnet_id}"):
                vm1.ports.reserve(PortRequest(blue.network_id, ((place.subnet_id, None),)))
            with pytest.raises(NotFound):
                vm1.networks.adopt(
                    Anchorage("net1"),
                    vm1.topology.find(Existing(Named(blue.network_id))).__class__(place.network_id, "", "", 1442),
                )
        assert changing(neutron) == []

    def test_nothing_is_learnt_of_them(self, vm1: Gateway, green: Site, red: Site) -> None:
        """Not even whether there is such a thing: the answer is the same for what does not exist."""
        for find_it in (
            lambda id_, _: vm1.topology.find(Existing(Named(id_))),
            lambda id_, _: vm1.topology.find(Existing(Named(id_, "wrong"))),
            lambda id_, _: vm1.topology.network(id_),
            lambda _, name: vm1.topology.find(Existing(Named(name=name))),
            lambda id_, _: vm1.idle.remove(id_),
        ):
            told = {
                said(lambda: find_it(id_, name)).replace(id_, "ID").replace(name, "NAME")  # noqa: B023
                for id_, name in ((green.network_id, "green"), (red.network_id, "red"), (UNKNOWN, "nothing"))
            }
            assert len(told) == 1
        for subnet in (green.subnet_id, red.subnet_id, UNKNOWN):
            assert said(lambda: vm1.topology.network_of_subnet(subnet)) == said(  # noqa: B023
                lambda: vm1.topology.network_of_subnet(UNKNOWN)
            ).replace(UNKNOWN, subnet)
            assert "is visible to this project" in said(
                lambda: vm1.topology.find(Existing(subnet=Named(subnet)))  # noqa: B023
            )

    def test_a_name_that_means_two_means_the_granted_one(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        site(neutron, "10.9.0.0/24", name="blue")
        assert vm1.topology.find(Existing(Named(name="blue"))).id == blue.network_id

    def test_a_grant_that_is_taken_back_counts_at_once(self, vm1: Gateway, grants: Path, blue: Site) -> None:
        vif = reserve(vm1, blue)
        grants.write_text("[nodes.vm1]")
        with pytest.raises(NotFound):
            vm1.ports.reserve(request(blue))
        vm1.ports.release(vif)
        grants.write_text("")
        with pytest.raises(CloudRefused, match="grants nothing to vm1"):
            vm1.ports.held()

    def test_anothers_own_network_is_his(self, vm1: Gateway, vm2: Gateway, neutron: FakeNeutron) -> None:
        made = vm2.networks.create("net2", [SubnetSpec(ip_network("10.7.0.0/24"), IPv4Address("10.7.0.1"))])
        neutron.calls.clear()
        with pytest.raises(NotFound):
            vm1.topology.find(Existing(Named(made.network.id)))
        with pytest.raises(NotFound):
            vm1.networks.of_owner("net2")
        vm1.networks.remove("net2")
        vm1.networks.tag("net2", ["mine"])
        assert vm1.leftovers(lambda: Suspects(60)).networks([]) == 0
        assert changing(neutron) == []
        vm2.networks.remove("net2")
        assert not neutron.cloud.where("network", id=made.network.id)


class TestRights:
    @pytest.mark.parametrize(
        ("method", "arguments", "right"),
        [
            ("networks.create", {"owner": "net1", "subnets": []}, "make-networks"),
            ("subnet_pools.default", {"version": 4}, "make-networks"),
            ("subnet_pools.find", {"named": {"name": "x"}, "version": 4}, "make-networks"),
            ("routers.find", {"named": {"name": "x"}}, "publish"),
            ("routers.find_external", {"named": {"name": "x"}}, "publish"),
            ("guards.resolve", {"traits": {"port_security": False}}, "loosen-ports"),
            (
                "guards.resolve",
                {"traits": {"allowed_address_pairs": [{"address": "10.1.0.0/24"}]}},
                "loosen-ports",
            ),
        ],
    )
    def test_what_is_not_granted_is_refused(
        self, thief: MemoryChannel, neutron: FakeNeutron, method: str, arguments: Mapping[str, Any], right: str
    ) -> None:
        with pytest.raises(CloudRefused, match=f"does not grant vm1 the right {right}"):
            send(thief, method, arguments)
        assert neutron.calls == []

    def test_its_ports_stay_guarded(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        vif = reserve(vm1, blue)
        neutron.calls.clear()
        for traits in (
            PortTraits(port_security=False),
            PortTraits(allowed_address_pairs=(AddressPair(ip_network("0.0.0.0/0")),)),
        ):
            for act in (
                lambda: vm1.ports.reserve(request(blue, traits=traits)),  # noqa: B023
                lambda: vm1.ports.identify(vif, "c1", "c1", traits),  # noqa: B023
                lambda: vm1.networks.adopt(Anchorage("n"), vm1.topology.network(blue.network_id), traits),  # noqa: B023
            ):
                with pytest.raises(CloudRefused, match="loosen-ports"):
                    act()
        assert changing(neutron) == []

    def test_groups_of_other_projects_are_not_used(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        group = neutron.cloud.create("security_group", [{"name": "theirs"}], "stranger")[0]
        neutron.calls.clear()
        for name in (group["id"], "theirs", UNKNOWN):
            with pytest.raises(NotFound):
                vm1.ports.reserve(request(blue, traits=PortTraits(security_groups=(name,))))
            with pytest.raises(NotFound):
                vm1.guards.resolve(PortTraits(security_groups=(name,)))
        with pytest.raises(NotFound, match="vm1 has no project stranger"):
            vm1.guards.resolve(PortTraits(security_groups=("theirs",)), "stranger")
        assert changing(neutron) == []

    def test_no_more_ports_than_a_host_needs_at_once(self, vm1: Gateway, blue: Site) -> None:
        for count in (0, -1, 51):
            with pytest.raises(InvalidInput, match="from 1 to 50"):
                vm1.ports.reserve(request(blue), count)

    def test_no_call_is_kept_waiting_for_ever(self, vm1: Gateway, blue: Site) -> None:
        vif = reserve(vm1, blue)
        for seconds in (-1.0, 61.0, 1e9):
            with pytest.raises(InvalidInput, match="waits at most 60 s"):
                vm1.ports.await_active(vif, seconds)


class TestIdentities:
    @pytest.mark.parametrize("setting", ["keeper=swarm.x", "freed", "libnetwork"])
    def test_nobody_becomes_a_keeper_or_an_heir(
        self, vm1: Gateway, vm2: Gateway, neutron: FakeNeutron, blue: Site, setting: str
    ) -> None:
        network = vm1.topology.network(blue.network_id)
        neutron.calls.clear()
        with pytest.raises(InvalidInput, match="nobody is a swarm's manager"):
            vm1.networks.adopt(Anchorage("net1", settings=(setting,)), network)
        with pytest.raises(InvalidInput, match="nobody is a swarm's manager"):
            vm2.networks.create("net1", [], settings=(setting,))
        with pytest.raises(InvalidInput, match="nobody is a swarm's manager"):
            vm1.networks.adopt(Anchorage("swarm.net1"), network)
        with pytest.raises(InvalidInput, match="nobody is a swarm's manager"):
            vm1.networks.remove("net1", everywhere=True)
        assert changing(neutron) == []

    def test_no_text_breaks_out_of_what_is_written(self, thief: MemoryChannel, blue: Site) -> None:
        wanted = {"network_id": blue.network_id, "fixed_ips": []}
        for owner in ("a:b", "a,b", "a b", "kuryr:reserved", "x" * 129, "\u0000"):
            with pytest.raises(InvalidInput, match="owner must be like"):
                send(thief, "ports.reserve", {"request": {**wanted, "owner": owner}})
            with pytest.raises(InvalidInput, match="owner must be like"):
                send(thief, "networks.adopt", {"anchorage": {"owner": owner}, "network": blue.network_id})
        with pytest.raises(InvalidInput, match="must be like"):
            send(thief, "networks.adopt", {"anchorage": {"owner": "a", "settings": ["a,keeper=b"]}, "network": "x"})

    def test_no_network_is_made_for_all(self, vm2: Gateway, neutron: FakeNeutron) -> None:
        with pytest.raises(InvalidInput, match="all projects may use"):
            vm2.networks.create("net1", [], spec=NetworkSpec(shared=True))
        with pytest.raises(NotFound, match="has no router"):
            vm2.networks.create("net1", [], way_out=WayOut(router_id=UNKNOWN))
        with pytest.raises(InvalidInput, match="no tag begins with kuryr"):
            vm2.networks.tag("net1", ["kuryr.net.uuid.lh:x"])
        assert changing(neutron) == []


class TestTrunks:
    """`vm1` and `vm2` are virtual machines, whose containers have subports of their trunks."""

    @pytest.fixture
    def trunks(self, neutron: FakeNeutron, blue: Site, grants: Path) -> dict[str, str]:
        made = {}
        text = grants.read_text()
        for name in ("vm1", "vm2"):
            (port,) = neutron.cloud.create("port", [{"network_id": blue.network_id}], neutron.project_id)
            made[name] = neutron.client().trunks.create(port_id=port["id"], name="", description="").id
            text = text.replace(f"[nodes.{name}]", f"[nodes.{name}]\nparent = '{port['id']}'")
        grants.write_text(text)
        return made

    def on(self, neutron: FakeNeutron, trunk: str) -> set[str]:
        return set(neutron.client().trunks.get(trunk).vlans)

    def test_each_is_on_its_own_whatever_it_asks_for(
        self, trunks: dict[str, str], vm1: Gateway, vm2: Gateway, neutron: FakeNeutron, blue: Site
    ) -> None:
        mine, theirs = reserve(vm1, blue), reserve(vm2, blue)
        assert mine.vif_type == "nested"
        assert self.on(neutron, trunks["vm1"]) == {mine.port_id}
        vm1.ports.release(theirs)
        assert vm1.ports.identify(theirs, "c1", "c1") is None
        assert self.on(neutron, trunks["vm2"]) == {theirs.port_id}
        vm1.ports.release(mine)
        assert self.on(neutron, trunks["vm1"]) == set()


@pytest.mark.parametrize("nesting", ["macvlan", "ipvlan"])
def test_on_its_own_port_a_machine_has_the_place_that_it_was_granted(
    vm1: Gateway, neutron: FakeNeutron, blue: Site, grants: Path, nesting: str
) -> None:
    (parent,) = neutron.cloud.create("port", [{"network_id": blue.network_id}], neutron.project_id)
    there = f"[nodes.vm1]\nparent = '{parent['id']}'\nnesting = '{nesting}'"
    grants.write_text(grants.read_text().replace("[nodes.vm1]", there))
    vif = reserve(vm1, blue)
    assert (vif.vif_type, vif.vnic_type) == ("nested", nesting)

    def pairs() -> list[str]:
        return [str(pair.address) for pair in neutron.client().ports.get(parent["id"]).allowed_address_pairs]

    assert pairs() == [str(vif.fixed_ips[0].address)]
    vm1.ports.release(vif)
    assert pairs() == []


class TestAllowance:
    """`vm1` is granted four ports."""

    @pytest.fixture(autouse=True)
    def four(self, grants: Path) -> None:
        more = "ports = 4\nmay = ['make-networks', 'borrow-ports']"
        grants.write_text(grants.read_text().replace("[nodes.vm1]", f"[nodes.vm1]\n{more}"))

    def own(self, neutron: FakeNeutron) -> int:
        return len(neutron.cloud.where("port", description="kuryr:test@vm1"))

    def test_it_has_no_more_by_whatever_call(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        network = vm1.topology.network(blue.network_id)
        made = 0
        for number in range(4):
            for act in (
                lambda: vm1.ports.reserve(request(blue)),
                lambda: vm1.ports.reserve(request(blue), 2),
                lambda: vm1.networks.adopt(Anchorage(f"adopted{number}"), network),  # noqa: B023
                lambda: vm1.networks.create(f"made{number}", [SubnetSpec(ip_network(f"10.7.{number}.0/24"), None)]),  # noqa: B023
                lambda: vm1.reservations.keep(network, (blue.subnet_id, None), "pool"),
            ):
                with suppress(OverQuota):
                    act()
                    made += 1
                assert self.own(neutron) <= 4
        assert (made, self.own(neutron)) == (3, 4)
        assert len(neutron.cloud.where("network", description="kuryr:test@vm1")) == 0

    def test_what_it_gives_back_it_may_have_again(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        """However often it is said to be given back. Only now and then that costs a request."""
        vifs = vm1.ports.reserve(request(blue), 4)
        for _ in range(9):
            vm1.ports.release(vifs[0])
            vm1.ports.release(vifs[0])
            vifs = [*vifs[1:], reserve(vm1, blue)]
        with pytest.raises(OverQuota, match="grants vm1 4 ports at one time, and it has 4"):
            reserve(vm1, blue)
        for vif in vifs:
            vm1.ports.release(vif)
        neutron.calls.clear()
        vifs = [reserve(vm1, blue) for _ in range(4)]
        assert neutron.counted("GET", "/ports") == 1
        assert self.own(neutron) == 4

    def test_after_a_restart_of_the_service_the_ports_are_counted(
        self, vm1: Gateway, neutron: FakeNeutron, blue: Site, grants: Path, behind: Behind
    ) -> None:
        vm1.ports.reserve(request(blue), 4)
        again = RemoteGateway(MemoryChannel(service(neutron, grants, Clock()), "vm1"), behind, lambda: None)
        with pytest.raises(OverQuota, match="at one time"):
            reserve(again, blue)

    def test_what_failed_does_not_count(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        for _ in range(5):
            neutron.fail_next(method="POST", path="/ports")
            with pytest.raises(CloudError):
                reserve(vm1, blue)
        assert len(vm1.ports.reserve(request(blue), 4)) == 4

    def test_calls_at_once_count_one_another(self, vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
        def attempt(_: int) -> bool:
            with suppress(OverQuota):
                return bool(reserve(vm1, blue))
            return False

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(attempt, range(16))) == self.own(neutron) <= 4

    def test_others_are_not_counted(self, vm1: Gateway, vm2: Gateway, blue: Site) -> None:
        vm2.ports.reserve(request(blue), 5)
        assert len(vm1.ports.reserve(request(blue), 4)) == 4


class TestTheDoor:
    @pytest.mark.parametrize(
        "body",
        [b"", b"x", b"{", b"[]", b"null", b'{"a":1}', b"\xff", b"[" * 100_000, b'{"count":' + b"9" * 5000 + b"}"],
    )
    def test_a_body_that_is_none_is_refused(self, thief: MemoryChannel, neutron: FakeNeutron, body: bytes) -> None:
        with pytest.raises(InvalidInput):
            thief.send(METHODS["ports"]["reserve"], body)
        assert neutron.calls == []

    @pytest.mark.parametrize(
        ("family", "method"),
        [
            ("ports", "_made"),
            ("ports", "__class__"),
            ("ports", "vif_of"),
            ("networks", "sweep"),
            ("networks", "anchors"),
            ("keeping", "keep"),
            ("inheritance", "ports"),
            ("..", "etc"),
            ("", ""),
        ],
    )
    def test_there_is_no_other_method(self, family: str, method: str) -> None:
        with pytest.raises(NotFound, match="has no method"):
            find(family, method)

    def test_a_table_that_cannot_be_read_lets_nobody_in(self, vm1: Gateway, grants: Path) -> None:
        grants.write_text("[nodes")
        with pytest.raises(CloudError, match="grants cannot be read") as caught:
            vm1.ports.held()
        assert str(grants) not in str(caught.value)

    def test_whatever_is_sent_for_what_is_not_its_own_changes_nothing(
        self, thief: MemoryChannel, vm2: Gateway, neutron: FakeNeutron, green: Site, red: Site
    ) -> None:
        """Every method, with every mixture of names of others."""
        theirs = reserve(vm2, green)
        made = vm2.networks.create("net2", [SubnetSpec(ip_network("10.7.0.0/24"), None)])
        before = {kind: dict(kept) for kind, kept in neutron.cloud.resources.items()}
        names = [theirs.port_id, green.network_id, green.subnet_id, red.network_id, made.network.id, UNKNOWN]
        for family in METHODS.values():
            for method in family.values():
                plain = [name for name, hint in method.hints.items() if name != "return" and hint]
                for mixture in itertools.islice(itertools.product(names, repeat=len(plain)), 40):
                    arguments = {name: guess(name, value) for name, value in zip(plain, mixture, strict=True)}
                    with suppress(KuryrError):
                        thief.send(method, json.dumps(arguments).encode())
        assert {kind: dict(kept) for kind, kept in neutron.cloud.resources.items()} == before


def guess(parameter: str, name: str) -> object:
    """An argument of the right form, as far as its name tells."""
    wanted = [[name, None]]
    guesses: dict[str, object] = {
        "request": {"network_id": name, "fixed_ips": wanted},
        "fixed_ips": wanted,
        "wanted": wanted[0],
        "address": "10.2.0.9",
        "anchorage": {"owner": "net2"},
        "owner": "net2",
        "named": {"id": name},
        "existing": {"network": {"id": name}},
        "subnet_ids": [name],
        "subnets": [],
        "alive": [],
        "kept": [],
        "tags": ["x"],
        "choice": {"id": name},
        "version": 4,
        "traits": {"security_groups": [name]},
        "template": {},
        "openings": [],
        "settings": [],
        "spec": {},
        "way_out": {},
        "taken": [],
        "pool": {"id": name},
        "count": 1,
        "everywhere": False,
        "anew": True,
        "project_id": "",
    }
    return guesses.get(parameter, name)


def said(act: Any) -> str:
    with pytest.raises(KuryrError) as caught:
        act()
    return f"{caught.value} {caught.value.__cause__}"
