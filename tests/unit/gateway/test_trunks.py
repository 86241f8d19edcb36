"""Containers of a virtual machine on its trunk: VLANs that nobody else has, and nothing left behind."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.neutron import FakeNeutron
from kuryr.behind import Behind
from kuryr.errors import Conflict, Exhausted, InvalidInput, KuryrError, NotFound
from kuryr.gateway.assembly import LocalGateway
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.model import Choice, Mark, Named, Nesting, Parent, PortRequest, Vif
from kuryr.neutron.resources import PortResource
from unit.host.node import Site, site

Start = Callable[..., LocalGateway]

MAC = "fa:16:3e:00:00:01"


@pytest.fixture
def neutron() -> Iterator[FakeNeutron]:
    """A cloud in which Kuryr is a plain member."""
    neutron = FakeNeutron(service=False)
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron, "10.1.0.0/16")


@pytest.fixture
def machine(neutron: FakeNeutron, blue: Site) -> PortResource:
    """The virtual machine's own port."""
    port = neutron.client().ports.create(
        network_id=blue.network_id, description="", device_id="vm", device_owner="compute:nova", fixed_ips=(), mac=MAC
    )
    neutron.cloud.resources["port"][port.id]["status"] = "ACTIVE"
    return port


@pytest.fixture
def process(neutron: FakeNeutron, machine: PortResource) -> Iterator[Start]:
    """A driver in that machine; each call is another process."""
    behinds: list[Behind] = []

    def start(deployment: str = "test", port_id: str = "", mac: str = MAC) -> LocalGateway:
        behind = Behind(threads=1)
        behinds.append(behind)
        parent = Parent(Nesting.VLAN, "eth0", mac, port_id)
        return LocalGateway(neutron.client(), Mark(deployment, "vm"), behind, lambda: None, Defaults(), parent=parent)

    yield start
    for behind in behinds:
        behind.close(1)


def one(blue: Site) -> PortRequest:
    return PortRequest(blue.network_id, ((blue.subnet_id, None),))


def reserved(gateway: LocalGateway, blue: Site) -> Vif:
    (vif,) = gateway.ports.reserve(one(blue))
    return vif


def trunk_vlans(neutron: FakeNeutron) -> dict[str, int]:
    (trunk,) = neutron.client().trunks.list(project_id=neutron.project_id)
    return dict(trunk.vlans)


def test_a_port_is_told_its_vlan_and_that_it_is_wired(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    vif = reserved(process(), blue)
    assert (vif.vif_type, vif.vnic_type) == ("nested", "vlan")
    assert vif.details == {"vlan": trunk_vlans(neutron)[vif.port_id], "wired": True}
    assert (vif.owner, vif.lent) == ("", None)


def test_a_start_is_two_requests_and_an_end_too(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    gateway = process()
    reserved(gateway, blue)
    neutron.calls.clear()
    vif = reserved(gateway, blue)
    assert [(call.method, call.path.rpartition("/")[2]) for call in neutron.calls] == [
        ("POST", "ports"),
        ("PUT", "add_subports"),
    ]
    gateway.ports.release(vif)
    assert [call.method for call in neutron.calls[2:]] == ["PUT", "DELETE"]
    assert vif.port_id not in trunk_vlans(neutron)


def test_several_at_once_are_two_requests(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    gateway = process()
    reserved(gateway, blue)
    neutron.calls.clear()
    vifs = gateway.ports.reserve(one(blue), 5)
    assert len(neutron.calls) == 2
    assert len({vif.details["vlan"] for vif in vifs}) == 5


@pytest.mark.parametrize("each", [20, pytest.param(200, marks=pytest.mark.exhaustive)])
def test_two_processes_share_one_trunk(neutron: FakeNeutron, blue: Site, process: Start, each: int) -> None:
    """At the same time: no VLAN twice, and all of them free again in the end."""
    gateways = process("first"), process("second")
    with ThreadPoolExecutor(8) as pool:
        vifs = list(pool.map(lambda number: reserved(gateways[number % 2], blue), range(2 * each)))
        vlans = {vif.port_id: vif.details["vlan"] for vif in vifs}
        assert trunk_vlans(neutron) == vlans
        assert len(set(vlans.values())) == 2 * each
        list(pool.map(lambda number: gateways[number % 2].ports.release(vifs[number]), range(2 * each)))
    assert trunk_vlans(neutron) == {}
    assert neutron.client().ports.list(device_owner=["kuryr:nested", "trunk:subport", ""]) == []


def test_a_full_trunk_is_said_so_and_leaves_no_port(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    gateway = process()
    vif = reserved(gateway, blue)
    (trunk,) = neutron.cloud.resources["trunk"].values()
    own = vif.details["vlan"]
    strange = [{"port_id": f"strange-{vlan}", "segmentation_id": vlan} for vlan in range(1, 4095) if vlan != own]
    trunk["sub_ports"] += strange
    with pytest.raises(Exhausted, match="all of its 4094 VLANs"):
        reserved(gateway, blue)
    assert [port.id for port in neutron.client().ports.list(description="kuryr:test@vm")] == [vif.port_id]
    trunk["sub_ports"].remove(strange[7])
    assert reserved(gateway, blue).details["vlan"] == strange[7]["segmentation_id"]


def test_the_trunk_is_made_if_there_is_none_and_found_if_there_is(
    neutron: FakeNeutron, blue: Site, machine: PortResource, process: Start
) -> None:
    vlans = {reserved(process(), blue).port_id, reserved(process(port_id=machine.id, mac="unknown"), blue).port_id}
    assert set(trunk_vlans(neutron)) == vlans
    (trunk,) = neutron.client().trunks.list(project_id=neutron.project_id)
    assert (trunk.port_id, trunk.description) == (machine.id, "kuryr:test")


def test_a_machine_whose_port_is_not_known_is_said_so(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    with pytest.raises(NotFound, match=r"no port with the MAC address fa:16:3e:00:00:99 of eth0 .*\[nested\]"):
        reserved(process(mac="fa:16:3e:00:00:99"), blue)
    other = site(neutron, "10.2.0.0/24")
    neutron.client().ports.create(
        network_id=other.network_id, description="", device_id="", device_owner="", fixed_ips=(), mac=MAC
    )
    with pytest.raises(Conflict, match=r"2 ports have the MAC address .*\[nested\]"):
        reserved(process(), blue)
    assert neutron.client().ports.list(description="kuryr:test@vm") == []


@pytest.mark.parametrize("path", ["/trunks", "/ports"])
@pytest.mark.parametrize("applied", [False, True])
def test_a_failure_on_the_way_leaves_nothing_that_is_not_held(
    neutron: FakeNeutron, blue: Site, process: Start, path: str, *, applied: bool
) -> None:
    gateway = process()
    reserved(gateway, blue)
    neutron.fail_next(method="PUT" if path == "/trunks" else "POST", path=path, applied=applied)
    with pytest.raises(KuryrError):
        gateway.ports.reserve(one(blue))
    held = process().ports.held()
    ports = neutron.client().ports.list(description="kuryr:test@vm")
    assert {vif.port_id for vif in held} == {port.id for port in ports}
    for vif in held:
        process().ports.release(vif)
    assert neutron.client().ports.list(description="kuryr:test@vm") == []
    assert trunk_vlans(neutron) == {}


def test_another_process_knows_the_vlans_of_what_is_held(blue: Site, process: Start) -> None:
    vif = reserved(process(), blue)
    assert [each.details["vlan"] for each in process().ports.held()] == [vif.details["vlan"]]


def test_a_port_that_has_been_taken_off_the_trunk_but_not_deleted_is_held(
    neutron: FakeNeutron, blue: Site, process: Start
) -> None:
    gateway = process()
    vif = reserved(gateway, blue)
    neutron.fail_next(method="DELETE", path="/ports")
    with pytest.raises(KuryrError):
        gateway.ports.release(vif)
    assert [each.port_id for each in process().ports.held()] == [vif.port_id]


def test_subports_of_another_machine_of_that_name_are_its_own(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    twin = neutron.client().ports.create(
        network_id=blue.network_id, description="", device_id="", device_owner="", fixed_ips=(), mac="fa:16:3e:00:00:02"
    )
    vif = reserved(process(port_id=twin.id), blue)
    own = reserved(process(), blue)
    assert [each.port_id for each in process().ports.held()] == [own.port_id]
    assert [each.port_id for each in process(port_id=twin.id).ports.held()] == [vif.port_id]


def test_existing_ports_are_not_lent(blue: Site, process: Start) -> None:
    request = PortRequest(blue.network_id, ((blue.subnet_id, None),), choice=Choice(port=Named(name="mine")))
    with pytest.raises(InvalidInput, match="virtual machine"):
        process().ports.reserve(request)


def test_who_uses_a_port_is_written_when_it_is_on_the_trunk(neutron: FakeNeutron, blue: Site, process: Start) -> None:
    gateway = process()
    request = PortRequest(blue.network_id, ((blue.subnet_id, None),), owner="endpoint")
    (vif,) = gateway.ports.reserve(request)
    assert vif.owner == ""
    known = gateway.ports.identify(vif, "endpoint", "web")
    assert known is not None
    assert (known.owner, known.details) == ("endpoint", vif.details)
