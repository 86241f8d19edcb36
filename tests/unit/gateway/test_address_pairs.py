"""Containers of a virtual machine as address pairs of its port: a list that several write, and nobody loses from."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from fakes.neutron import FakeNeutron
from kuryr.behind import Behind
from kuryr.errors import Exhausted, InvalidInput, KuryrError
from kuryr.gateway.assembly import LocalGateway
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.model import (
    AddressPair,
    Choice,
    Mark,
    Named,
    Nesting,
    Opening,
    Parent,
    PortRange,
    PortRequest,
    PortTraits,
    Vif,
)
from kuryr.neutron.resources import PortResource
from kuryr_lab.fake import ports as fake_ports
from kuryr_lab.fake.answers import Request
from unit.host.node import Site, site

MAC = "fa:16:3e:00:00:01"
STRANGE = "10.1.99.99"


@pytest.fixture
def neutron(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNeutron]:
    """A cloud in which Kuryr is a plain member."""
    monkeypatch.setattr(fake_ports, "_MAX_PAIRS", 100)
    neutron = FakeNeutron(service=False)
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron, "10.1.0.0/16")


@pytest.fixture
def machine(neutron: FakeNeutron, blue: Site) -> PortResource:
    """The virtual machine's own port, which may send as somebody else already."""
    return neutron.client().ports.create(
        network_id=blue.network_id,
        description="",
        device_id="vm",
        device_owner="compute:nova",
        fixed_ips=((blue.subnet_id, None),),
        mac=MAC,
        allowed_address_pairs=[AddressPair(blue[99 * 256 + 99])],
    )


@pytest.fixture
def process(neutron: FakeNeutron, machine: PortResource) -> Iterator[Callable[..., LocalGateway]]:
    """A driver in that machine; each call is another process."""
    behinds: list[Behind] = []

    def start(nesting: Nesting = Nesting.MACVLAN, deployment: str = "test") -> LocalGateway:
        behind = Behind(threads=1)
        behinds.append(behind)
        parent = Parent(nesting, "eth0", MAC)
        return LocalGateway(neutron.client(), Mark(deployment, "vm"), behind, lambda: None, Defaults(), parent=parent)

    yield start
    for behind in behinds:
        behind.close(1)


def reserved(gateway: LocalGateway, blue: Site) -> Vif:
    (vif,) = gateway.ports.reserve(PortRequest(blue.network_id, ((blue.subnet_id, None),)))
    return vif


def pairs(neutron: FakeNeutron, machine: PortResource) -> dict[str, str]:
    port = neutron.client().ports.get(machine.id)
    return {str(pair.address): pair.mac for pair in port.allowed_address_pairs}


def address(vif: Vif) -> str:
    return str(vif.fixed_ips[0].address)


@pytest.mark.parametrize("nesting", [Nesting.MACVLAN, Nesting.IPVLAN])
def test_a_container_is_a_pair_while_it_is_there(
    neutron: FakeNeutron, blue: Site, machine: PortResource, process: Callable[..., LocalGateway], nesting: Nesting
) -> None:
    gateway = process(nesting)
    vif = reserved(gateway, blue)
    expected = vif.mac if nesting is Nesting.MACVLAN else MAC
    assert (vif.vif_type, vif.vnic_type, vif.details) == ("nested", nesting.value, {"wired": True})
    assert (vif.mac != "") is (nesting is Nesting.MACVLAN)
    assert pairs(neutron, machine) == {STRANGE: MAC, address(vif): expected}
    gateway.ports.release(vif)
    assert pairs(neutron, machine) == {STRANGE: MAC}


def test_the_mac_address_is_not_that_of_the_port_which_keeps_the_address(
    neutron: FakeNeutron, blue: Site, process: Callable[..., LocalGateway]
) -> None:
    gateway = process()
    vif = reserved(gateway, blue)
    port = neutron.client().ports.get(vif.port_id)
    assert vif.mac.startswith("f6:")
    assert port.mac != vif.mac == gateway.ports.held()[0].mac


def test_who_admits_the_machines_groups_admits_its_containers(
    neutron: FakeNeutron, blue: Site, machine: PortResource, process: Callable[..., LocalGateway]
) -> None:
    """So the port that keeps the address is in them. It guards nothing: an opening in it would open nothing."""
    gateway = process()
    vif = reserved(gateway, blue)
    named = gateway.ports.identify(vif, "endpoint", "web", openings=[Opening(frozenset({PortRange("tcp", 80, 80)}))])
    assert named is not None
    assert machine.security_groups == vif.traits.security_groups == named.traits.security_groups != ()
    assert neutron.counted("POST", "/security-groups") == 0


def test_a_start_is_two_requests_and_an_end_too(
    neutron: FakeNeutron, blue: Site, process: Callable[..., LocalGateway]
) -> None:
    gateway = process()
    reserved(gateway, blue)
    neutron.calls.clear()
    vif = reserved(gateway, blue)
    gateway.ports.release(vif)
    assert [call.method for call in neutron.calls] == ["POST", "PUT", "PUT", "DELETE"]


def test_two_processes_lose_nothing_of_one_another(
    neutron: FakeNeutron, blue: Site, machine: PortResource, process: Callable[..., LocalGateway]
) -> None:
    gateways = [process(deployment=name) for name in ("first", "second")]
    with ThreadPoolExecutor(8) as pool:
        vifs = list(pool.map(lambda number: reserved(gateways[number % 2], blue), range(40)))
        assert pairs(neutron, machine) == {STRANGE: MAC} | {address(vif): vif.mac for vif in vifs}
        list(pool.map(lambda number: gateways[number % 2].ports.release(vifs[number]), range(40)))
    assert pairs(neutron, machine) == {STRANGE: MAC}
    assert neutron.client().ports.list(device_owner="kuryr:nested") == []


def test_what_another_wrote_while_neutron_forgot_the_condition_is_written_again(
    neutron: FakeNeutron, blue: Site, machine: PortResource, process: Callable[..., LocalGateway]
) -> None:
    """Two changes that meet in the database both succeed: the later one shows it by its revision."""
    first, second = process(deployment="first"), process(deployment="second")
    mine = [reserved(first, blue)]
    others: list[Vif] = []
    kept = dict(neutron.cloud.resources["port"][machine.id])

    def interfere(request: Request) -> None:
        if request.method == "PUT" and request.path.endswith(machine.id) and not others:
            others.append(replace(mine[0]))
            others[0] = reserved(second, blue)
            # As if our condition had been checked before the other one wrote.
            request.headers.pop("If-Match", None)  # type: ignore[attr-defined]

    assert kept["allowed_address_pairs"]
    neutron.on_request = interfere
    mine.append(reserved(first, blue))
    neutron.on_request = None
    assert pairs(neutron, machine).keys() >= {address(vif) for vif in (*mine, *others)}
    assert STRANGE in pairs(neutron, machine)


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        (PortTraits(security_groups=("web",)), "security groups"),
        (PortTraits(port_security=False), "security groups"),
        (PortTraits(qos_policy="gold"), "QoS policy"),
    ],
)
def test_what_only_a_port_of_its_own_can_have_is_refused_with_the_reason(
    neutron: FakeNeutron, blue: Site, process: Callable[..., LocalGateway], traits: PortTraits, said: str
) -> None:
    gateway = process()
    request = PortRequest(blue.network_id, ((blue.subnet_id, None),), traits=traits)
    with pytest.raises(InvalidInput, match=rf"share its port's .*{said}.*mode vlan"):
        gateway.ports.reserve(request)
    vif = reserved(gateway, blue)
    with pytest.raises(InvalidInput, match=said):
        gateway.ports.identify(vif, "endpoint", "web", traits)
    assert len(neutron.client().ports.list(device_owner="kuryr:nested")) == 1


def test_other_networks_mac_addresses_and_existing_ports_are_refused(
    neutron: FakeNeutron, blue: Site, process: Callable[..., LocalGateway]
) -> None:
    gateway, other = process(), site(neutron, "10.2.0.0/24")
    one = ((blue.subnet_id, None),)
    for request, said in (
        (PortRequest(other.network_id, ((other.subnet_id, None),)), "is not that of this virtual machine's port"),
        (PortRequest(blue.network_id, one, mac="02:00:00:00:00:01"), "MAC addresses"),
        (PortRequest(blue.network_id, one, choice=Choice(port=Named(name="mine"))), "cannot be lent"),
    ):
        with pytest.raises(InvalidInput, match=said):
            gateway.ports.reserve(request)
    assert neutron.client().ports.list(device_owner="kuryr:nested") == []


def test_as_many_pairs_as_the_cloud_allows(
    neutron: FakeNeutron, blue: Site, process: Callable[..., LocalGateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_ports, "_MAX_PAIRS", 2)
    gateway = process()
    vif = reserved(gateway, blue)
    with pytest.raises(Exhausted, match="exceeds the maximum 2"):
        reserved(gateway, blue)
    assert [port.id for port in neutron.client().ports.list(device_owner="kuryr:nested")] == [vif.port_id]


@pytest.mark.parametrize("applied", [False, True])
def test_a_failure_on_the_way_leaves_nothing_that_is_not_held(
    neutron: FakeNeutron, blue: Site, machine: PortResource, process: Callable[..., LocalGateway], *, applied: bool
) -> None:
    gateway = process()
    reserved(gateway, blue)
    neutron.fail_next(method="PUT", path="/ports", applied=applied)
    with pytest.raises(KuryrError):
        reserved(gateway, blue)
    fresh = process()
    for vif in fresh.ports.held():
        fresh.ports.release(vif)
    assert neutron.client().ports.list(device_owner="kuryr:nested") == []
    assert pairs(neutron, machine) == {STRANGE: MAC}
