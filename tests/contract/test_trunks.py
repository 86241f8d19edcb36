"""Trunks: a parent, and subports in VLANs of which Neutron gives each once per trunk."""

from dataclasses import dataclass

import pytest

from contract.site import Site
from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.neutron.faults import SegmentTaken
from kuryr.neutron.resources import NetworkResource, PortResource, TrunkResource
from kuryr.neutron.trunks import Trunks


@dataclass(frozen=True)
class Yard:
    """A trunk without subports, whose parent is bound to a host as a virtual machine's port is."""

    site: Site
    network: NetworkResource
    trunk: TrunkResource

    @property
    def trunks(self) -> Trunks:
        return self.site.neutron.trunks

    def port(self, device_id: str = "") -> PortResource:
        return self.site.neutron.ports.create(
            network_id=self.network.id,
            description=self.site.mark,
            device_id=device_id,
            device_owner="compute:kuryr",
            fixed_ips=(),
        )

    def seen(self, port: PortResource) -> PortResource:
        return self.site.neutron.ports.get(port.id)


@pytest.fixture
def yard(site: Site) -> Yard:
    network, subnet = site.pair()
    parent = site.port(network, [(subnet.id, None)], host=site.host)
    trunk = site.neutron.trunks.create(port_id=parent.id, name="yard", description=site.mark)
    return Yard(site, network, trunk)


def test_a_new_trunk_is_found_by_its_parent_and_is_wired_at_once(yard: Yard) -> None:
    (found,) = yard.trunks.list(port_id=yard.trunk.port_id)
    assert (found.id, found.status, found.vlans) == (yard.trunk.id, "ACTIVE", {})


def test_a_port_has_one_trunk_and_cannot_be_deleted_meanwhile(yard: Yard) -> None:
    with pytest.raises(Conflict, match="eligible"):
        yard.trunks.create(port_id=yard.trunk.port_id, name="second", description=yard.site.mark)
    with pytest.raises(Conflict, match="parent port"):
        yard.site.neutron.ports.delete(yard.trunk.port_id)


def test_subports_keep_all_that_identifies_them_but_their_device_owner(yard: Yard) -> None:
    one, other = yard.port(), yard.port()
    answered = yard.trunks.add_subports(yard.trunk.id, {one.id: 7, other.id: 8})
    assert answered.vlans == {one.id: 7, other.id: 8} == yard.trunks.get(yard.trunk.id).vlans
    assert (answered.status, yard.trunks.get(yard.trunk.id).status) == ("DOWN", "ACTIVE")
    assert yard.seen(one).status == yard.site.neutron.ports.get(yard.trunk.port_id).status
    assert (yard.seen(one).device_owner, yard.seen(one).description) == ("trunk:subport", yard.site.mark)
    changed = yard.site.neutron.ports.update(one.id, device_id="its user", name="web")
    assert changed is not None
    assert (changed.device_id, changed.device_owner) == ("its user", "trunk:subport")
    assert yard.trunks.remove_subports(yard.trunk.id, [one.id])
    assert (yard.seen(one).device_owner, yard.seen(one).device_id) == ("", "its user")
    assert yard.trunks.get(yard.trunk.id).vlans == {other.id: 8}


def test_a_vlan_is_given_once(yard: Yard) -> None:
    one, other = yard.port(), yard.port()
    yard.trunks.add_subports(yard.trunk.id, {one.id: 7})
    with pytest.raises(SegmentTaken, match="already in use"):
        yard.trunks.add_subports(yard.trunk.id, {other.id: 7})
    yard.trunks.remove_subports(yard.trunk.id, [one.id])
    assert yard.trunks.add_subports(yard.trunk.id, {other.id: 7}).vlans == {other.id: 7}


@pytest.mark.parametrize("vlan", [0, 4095])
def test_only_vlans_are_given(yard: Yard, vlan: int) -> None:
    with pytest.raises(InvalidInput, match="not in range"):
        yard.trunks.add_subports(yard.trunk.id, {yard.port().id: vlan})


def test_what_cannot_be_a_subport_is_refused(yard: Yard) -> None:
    used, one = yard.port("somebody"), yard.port()
    with pytest.raises(Conflict, match="somebody"):
        yard.trunks.add_subports(yard.trunk.id, {used.id: 7})
    with pytest.raises(NotFound):
        yard.trunks.add_subports(yard.trunk.id, {"00000000-0000-4000-8000-000000000000": 7})
    yard.trunks.add_subports(yard.trunk.id, {one.id: 7})
    with pytest.raises(Conflict, match="in use by another trunk"):
        yard.trunks.add_subports(yard.trunk.id, {one.id: 9})
    with pytest.raises(Conflict, match="currently a subport"):
        yard.site.neutron.ports.delete(one.id)


def test_what_is_no_subport_cannot_be_taken_away(yard: Yard) -> None:
    assert not yard.trunks.remove_subports(yard.trunk.id, [yard.port().id])


def test_a_subport_is_not_larger_than_its_trunk(yard: Yard) -> None:
    network = yard.site.neutron.networks.create(name="large", description=yard.site.mark)
    parent = yard.site.neutron.networks.create(name="small", description=yard.site.mark, mtu=1300)
    port = yard.site.port(parent, host=yard.site.host)
    small = yard.trunks.create(port_id=port.id, name="small", description=yard.site.mark)
    large = yard.site.neutron.ports.create(
        network_id=network.id, description=yard.site.mark, device_id="", device_owner="", fixed_ips=()
    )
    with pytest.raises(Conflict, match="MTU"):
        yard.trunks.add_subports(small.id, {large.id: 7})
