"""Two processes in one virtual machine, at the same time on the same trunk or the same list of address pairs."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.site import Site
from kuryr.behind import Behind
from kuryr.gateway.assembly import LocalGateway
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.model import Mark, Nesting, Parent, PortRequest, Vif
from kuryr.neutron.resources import NetworkResource, PortResource, SubnetResource

Both = tuple[LocalGateway, LocalGateway]
Processes = Callable[[Nesting], Both]


@pytest.fixture
def place(routed_site: Site) -> tuple[NetworkResource, SubnetResource]:
    return routed_site.pair()


@pytest.fixture
def machine(routed_site: Site, place: tuple[NetworkResource, SubnetResource]) -> PortResource:
    """The virtual machine's port."""
    network, subnet = place
    return routed_site.port(network, [(subnet.id, None)], host=routed_site.host)


@pytest.fixture
def processes(routed_site: Site, machine: PortResource) -> Processes:
    """With the rights of a plain member: it suffices in a virtual machine."""
    host = f"vm-{uuid.uuid4()}"

    def start(nesting: Nesting) -> Both:
        def process(deployment: str) -> LocalGateway:
            parent = Parent(nesting, "eth0", machine.mac, machine.id)
            mark = Mark(deployment, host)
            behind = Behind(threads=1)
            return LocalGateway(routed_site.member, mark, behind, lambda: None, Defaults(), parent=parent)

        return process("first"), process("second")

    return start


def in_turns(
    processes: tuple[LocalGateway, LocalGateway], place: tuple[NetworkResource, SubnetResource], each: int
) -> list[Vif]:
    """So many ports of each process, made at the same time."""
    network, subnet = place
    request = PortRequest(network.id, ((subnet.id, None),))
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda number: processes[number % 2].ports.reserve(request)[0], range(2 * each))
        return list(made)


def give_back(processes: Both, vifs: list[Vif]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: processes[number % 2].ports.release(vifs[number]), range(len(vifs))))


def test_no_vlan_is_given_twice_and_none_is_lost(
    routed_site: Site, place: tuple[NetworkResource, SubnetResource], machine: PortResource, processes: Processes
) -> None:
    both = processes(Nesting.VLAN)
    vifs = in_turns(both, place, 20)
    (trunk,) = routed_site.neutron.trunks.list(port_id=machine.id)
    assert trunk.vlans == {vif.port_id: vif.details["vlan"] for vif in vifs}
    assert len(set(trunk.vlans.values())) == 40
    give_back(both, vifs)
    assert routed_site.neutron.trunks.get(trunk.id).vlans == {}
    assert [process.ports.held() for process in both] == [[], []]
    routed_site.neutron.trunks.delete(trunk.id)


def test_no_address_pair_is_lost(
    routed_site: Site, place: tuple[NetworkResource, SubnetResource], machine: PortResource, processes: Processes
) -> None:
    """Five each: Neutron allows a port ten, unless it is configured otherwise. ML2/OVN refuses pairs of macvlan."""
    both = processes(Nesting.IPVLAN)
    vifs = in_turns(both, place, 5)
    port = routed_site.neutron.ports.get(machine.id)
    assert {(pair.address, pair.mac) for pair in port.allowed_address_pairs} == {
        (vif.fixed_ips[0].address, vif.mac or machine.mac) for vif in vifs
    }
    # One after the other: what two processes give back in the very same moment may stay on the list.
    for number, vif in enumerate(vifs):
        both[number % 2].ports.release(vif)
    assert routed_site.neutron.ports.get(machine.id).allowed_address_pairs == ()
    assert [process.ports.held() for process in both] == [[], []]
