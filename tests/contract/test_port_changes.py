"""Ports that change: their binding, addresses, MAC and guards."""

import uuid

import pytest

from contract.site import DEAD_HOST, Site, address
from kuryr.errors import Conflict, InvalidInput, NotFound, Overtaken
from kuryr.model import AddressPair, FixedIP
from kuryr.neutron.resources import PortResource

OTHER_MAC = "fa:16:3e:00:00:42"


def changed(port: PortResource | None) -> PortResource:
    """The answer to a change of a port that exists."""
    assert port is not None
    return port


def test_a_port_may_be_bound_later_and_let_go_again(site: Site) -> None:
    network, subnet = site.pair()
    port = site.port(network, [(subnet.id, None)], name="web")
    ports = site.neutron.ports

    bound = changed(ports.update(port.id, host=site.host, device_id="e"))
    freed = changed(ports.update(port.id, host="", device_id=""))

    assert (bound.host, bound.vif_type, bound.details["bridge_name"]) == (site.host, "ovs", "br-int")
    assert (freed.host, freed.vif_type, freed.details, freed.status) == ("", "unbound", {}, "DOWN")
    # Nothing else goes with the binding.
    assert (freed.device_owner, freed.mac, freed.fixed_ips) == ("compute:kuryr", port.mac, port.fixed_ips)
    assert (freed.name, freed.security_groups) == ("web", port.security_groups)


def test_only_a_change_of_the_host_is_answered_with_who_has_bound_the_port(site: Site) -> None:
    port = site.port(site.network())
    ports = site.neutron.ports

    bound = changed(ports.update(port.id, host=site.host))
    renamed = changed(ports.update(port.id, name="web"))

    assert "bound_drivers" in bound.details
    assert {**renamed.details, "bound_drivers": bound.details["bound_drivers"]} == bound.details
    assert "bound_drivers" not in renamed.details
    assert ports.get(port.id).details == bound.details


def test_a_port_bound_to_a_host_without_an_agent_says_so_later_too(site: Site) -> None:
    port = site.port(site.network())

    assert changed(site.neutron.ports.update(port.id, host=DEAD_HOST)).vif_type == "binding_failed"


def test_the_pairs_of_a_bound_port_have_its_mac_or_that_of_a_vrrp_router(site: Site) -> None:
    """With ML2/OVN; so there a container of a virtual machine cannot have a macvlan interface."""
    network, subnet = site.pair()
    port = site.port(network, [(subnet.id, None)], host=site.host)
    ports = site.neutron.ports
    own, router = AddressPair(address("10.77.0.77"), port.mac), AddressPair(address("10.77.0.78"), "00:00:5e:00:01:07")

    with pytest.raises(InvalidInput, match=f"{OTHER_MAC} in allowed address pair .* VRRP .*take mode vlan or ipvlan"):
        ports.update(port.id, allowed_address_pairs=[own, AddressPair(address("10.77.0.79"), OTHER_MAC)])
    taken = changed(ports.update(port.id, allowed_address_pairs=[own, router]))

    assert set(taken.allowed_address_pairs) == {own, router}


def test_a_bound_port_keeps_its_mac(site: Site) -> None:
    port = site.port(site.network(), host=site.host)
    ports = site.neutron.ports

    with pytest.raises(Conflict, match="port is already bound"):
        ports.update(port.id, mac=OTHER_MAC)
    with pytest.raises(Conflict, match="port is already bound"):
        ports.update(port.id, mac=OTHER_MAC, host="")
    assert changed(ports.update(port.id, mac=port.mac, name="same")).name == "same"


def test_an_unbound_port_may_get_another_mac_even_when_it_is_bound_with_it(site: Site) -> None:
    port = site.port(site.network())

    bound = changed(site.neutron.ports.update(port.id, mac=OTHER_MAC.upper(), host=site.host))

    assert (bound.mac, bound.vif_type) == (OTHER_MAC, "ovs")


def test_a_mac_that_is_in_use_cannot_be_taken_over(site: Site) -> None:
    network = site.network()
    site.port(network, mac=OTHER_MAC)
    port = site.port(network)

    with pytest.raises(Conflict, match=f"mac address {OTHER_MAC} is in use"):
        site.neutron.ports.update(port.id, mac=OTHER_MAC)


def test_a_bound_port_may_get_other_addresses(site: Site) -> None:
    network, subnet = site.pair()
    port = site.port(network, [(subnet.id, address("10.77.0.9"))], host=site.host)
    ports = site.neutron.ports

    moved = changed(ports.update(port.id, fixed_ips=[(subnet.id, address("10.77.0.10"))]))
    both = changed(ports.update(port.id, fixed_ips=[(subnet.id, address("10.77.0.10")), (subnet.id, None)]))
    none = changed(ports.update(port.id, fixed_ips=[]))

    assert (moved.fixed_ips, moved.vif_type) == ((FixedIP(subnet.id, address("10.77.0.10")),), "ovs")
    assert len(both.fixed_ips) == 2
    assert none.fixed_ips == ()


def test_an_address_that_cannot_be_had_changes_nothing(site: Site) -> None:
    network, subnet = site.pair()
    site.port(network, [(subnet.id, address("10.77.0.9"))])
    port = site.port(network, [(subnet.id, address("10.77.0.10"))], name="before")
    ports = site.neutron.ports

    with pytest.raises(Conflict, match=r"10\.77\.0\.9"):
        ports.update(port.id, name="after", fixed_ips=[(subnet.id, address("10.77.0.9"))])
    with pytest.raises(InvalidInput, match="not a valid IP"):
        ports.update(port.id, name="after", fixed_ips=[(subnet.id, address("10.99.0.9"))])
    assert (ports.get(port.id).name, ports.get(port.id).fixed_ips) == ("before", port.fixed_ips)


def test_what_a_change_names_must_exist_and_is_told_apart_from_the_port(site: Site) -> None:
    port = site.port(site.network())
    nobody = str(uuid.uuid4())

    with pytest.raises(NotFound, match=nobody):
        site.neutron.ports.update(port.id, security_groups=[nobody])
    with pytest.raises(NotFound, match=nobody):
        site.neutron.ports.update(port.id, qos_policy_id=nobody)
    assert site.neutron.ports.update(nobody, security_groups=[nobody]) is None


def test_groups_and_guests_may_be_taken_away(site: Site) -> None:
    port = site.port(site.network(), allowed_address_pairs=[AddressPair(address("10.77.9.9"))], dns_name="web")

    bare = changed(
        site.neutron.ports.update(
            port.id, security_groups=[], allowed_address_pairs=[], qos_policy_id=None, dns_name=""
        )
    )

    assert (bare.security_groups, bare.allowed_address_pairs, bare.dns_name) == ((), (), "")


def test_a_port_is_unguarded_only_without_groups(site: Site) -> None:
    port = site.port(site.network())
    ports = site.neutron.ports

    with pytest.raises(Conflict, match="Port has security group associated"):
        ports.update(port.id, port_security=False)
    assert not changed(ports.update(port.id, port_security=False, security_groups=[])).port_security
    with pytest.raises(InvalidInput, match="Port security must be enabled"):
        ports.update(port.id, security_groups=port.security_groups)
    with pytest.raises(Conflict, match="Port Security must be enabled"):
        ports.update(port.id, allowed_address_pairs=[AddressPair(address("10.77.9.9"))])


def test_who_read_an_older_port_changes_and_deletes_nothing(site: Site) -> None:
    read = site.port(site.network(), name="read")
    ports = site.neutron.ports
    now = changed(ports.update(read.id, name="changed since"))

    with pytest.raises(Overtaken, match=f"change port {read.id}: Constrained to"):
        ports.update(read.id, revision=read.revision, name="lost")
    with pytest.raises(Overtaken):
        ports.delete(read.id, revision=read.revision)
    assert ports.get(read.id).name == "changed since"
    assert changed(ports.update(read.id, revision=now.revision, name="kept")).name == "kept"
    assert ports.delete(read.id, revision=ports.get(read.id).revision)
    assert not ports.delete(read.id, revision=now.revision)
    assert ports.update(read.id, revision=now.revision, name="x") is None
