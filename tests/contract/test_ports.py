"""Ports: addresses, MACs, binding, and all or nothing."""

import uuid
from ipaddress import ip_network

import pytest

from contract.site import DEAD_HOST, Site, address
from kuryr.errors import Conflict, Exhausted, InvalidInput, NotFound
from kuryr.model import AddressRange
from kuryr.neutron.ports import PortSpec


def test_a_port_carries_its_whole_identity_from_the_start(site: Site) -> None:
    network, subnet = site.pair()

    made = site.neutron.ports.create(
        network_id=network.id,
        name="web",
        description=site.mark,
        device_id="endpoint-1",
        device_owner="compute:kuryr",
        host=site.host,
        fixed_ips=[(subnet.id, address("10.77.0.9"))],
        mac="FA:16:3E:AA:BB:CC",
        project_id=network.project_id,
    )

    assert (made.name, made.description, made.network_id) == ("web", site.mark, network.id)
    assert (made.device_id, made.device_owner, made.host) == ("endpoint-1", "compute:kuryr", site.host)
    assert (made.mac, made.project_id) == ("fa:16:3e:aa:bb:cc", network.project_id)
    assert [(fixed.subnet_id, str(fixed.address)) for fixed in made.fixed_ips] == [(subnet.id, "10.77.0.9")]
    read = site.neutron.ports.get(made.id)
    assert (read.device_id, read.fixed_ips, read.vif_type, read.host) == (
        made.device_id,
        made.fixed_ips,
        made.vif_type,
        made.host,
    )


def test_a_port_without_addresses(site: Site) -> None:
    network, _ = site.pair()

    made = site.port(network)

    assert made.fixed_ips == ()


def test_an_anchor_is_a_port_that_is_down_and_has_neither_addresses_nor_groups(site: Site) -> None:
    network = site.network()

    made = site.neutron.ports.create(
        network_id=network.id,
        description=site.mark,
        device_id="n" * 64 + ":" + "p" * 64,
        device_owner="kuryr:network",
        fixed_ips=[],
        admin_state_up=False,
        security_groups=[],
    )

    assert (made.fixed_ips, made.status, made.host, made.vif_type) == ((), "DOWN", "", "unbound")
    assert len(made.device_id) == 129


def test_a_bound_port_tells_how_to_plug_it(site: Site) -> None:
    network = site.network()

    made = site.port(network, host=site.host)

    assert (made.vif_type, made.vnic_type, made.host) == ("ovs", "normal", site.host)
    assert made.details["bridge_name"] == "br-int"


def test_a_port_bound_to_a_host_without_an_agent_says_so(site: Site) -> None:
    network = site.network()

    made = site.port(network, host=DEAD_HOST)

    assert (made.vif_type, made.details) == ("binding_failed", {})


def test_an_unbound_port_cannot_be_plugged(site: Site) -> None:
    made = site.port(site.network())

    assert (made.vif_type, made.host, made.status, made.details) == ("unbound", "", "DOWN", {})


def test_addresses_come_from_the_pools(site: Site) -> None:
    network = site.network()
    pool = AddressRange(address("10.77.0.64"), address("10.77.0.66"))
    subnet = site.neutron.subnets.create(
        network_id=network.id,
        name="s",
        description=site.mark,
        cidr=ip_network("10.77.0.0/24"),
        pools=[pool],
        enable_dhcp=False,
    )

    given = {site.port(network, [(subnet.id, None)]).fixed_ips[0].address for _ in range(3)}

    assert given == {address("10.77.0.64"), address("10.77.0.65"), address("10.77.0.66")}


def test_an_address_may_be_chosen_outside_of_the_pools(site: Site) -> None:
    network = site.network()
    pool = AddressRange(address("10.77.0.64"), address("10.77.0.66"))
    subnet = site.neutron.subnets.create(
        network_id=network.id, name="s", description=site.mark, cidr=ip_network("10.77.0.0/24"), pools=[pool]
    )

    made = site.port(network, [(subnet.id, address("10.77.0.7"))])

    assert made.fixed_ips[0].address == address("10.77.0.7")


def test_a_subnet_runs_out_of_addresses(site: Site) -> None:
    network, subnet = site.pair("10.77.0.0/29")
    for _ in range(4):
        site.port(network, [(subnet.id, None)])

    with pytest.raises(Exhausted, match="No more IP addresses available"):
        site.port(network, [(subnet.id, None)])


def test_neutron_takes_the_first_address_of_a_subnet_with_dhcp_for_itself(site: Site) -> None:
    network, subnet = site.pair()

    (own,) = site.neutron.ports.list(network_id=network.id)

    assert (own.device_owner, own.description) == ("network:distributed", "")
    assert [str(fixed.address) for fixed in own.fixed_ips] == ["10.77.0.2"]
    with pytest.raises(Conflict):
        site.port(network, [(subnet.id, address("10.77.0.2"))])


def test_neutron_takes_no_address_of_a_subnet_without_dhcp(site: Site) -> None:
    network = site.network()
    subnet = site.neutron.subnets.create(
        network_id=network.id, name="s", description=site.mark, cidr=ip_network("10.77.0.0/24"), enable_dhcp=False
    )

    assert site.port(network, [(subnet.id, address("10.77.0.2"))]).fixed_ips[0].address == address("10.77.0.2")


def test_an_address_is_given_once(site: Site) -> None:
    network, subnet = site.pair()
    site.port(network, [(subnet.id, address("10.77.0.9"))])

    with pytest.raises(Conflict, match=r"10\.77\.0\.9 already allocated") as caught:
        site.port(network, [(subnet.id, address("10.77.0.9"))])
    assert not isinstance(caught.value, Exhausted)


def test_the_gateways_address_may_be_taken_by_a_port(site: Site) -> None:
    network, subnet = site.pair()

    made = site.port(network, [(subnet.id, address("10.77.0.1"))])

    assert made.fixed_ips[0].address == subnet.gateway


@pytest.mark.parametrize("wrong", ["10.78.0.9", "10.77.0.0", "10.77.0.255"])
def test_an_address_that_the_subnet_cannot_have_is_refused(site: Site, wrong: str) -> None:
    network, subnet = site.pair()

    with pytest.raises(InvalidInput, match="not a valid IP for the specified subnet"):
        site.port(network, [(subnet.id, address(wrong))])


def test_a_deleted_port_gives_its_address_back(site: Site) -> None:
    network, subnet = site.pair()
    port = site.port(network, [(subnet.id, address("10.77.0.9"))])

    assert site.neutron.ports.delete(port.id)

    assert site.port(network, [(subnet.id, address("10.77.0.9"))]).fixed_ips == port.fixed_ips


def test_a_port_may_have_an_address_of_each_version(site: Site) -> None:
    network, four = site.pair()
    six = site.subnet(network, "fd77::/64")

    made = site.port(network, [(four.id, None), (six.id, None)])

    assert {fixed.subnet_id for fixed in made.fixed_ips} == {four.id, six.id}


def test_a_subnet_of_another_network_is_refused(site: Site) -> None:
    network, _ = site.pair()
    _, foreign = site.pair("10.78.0.0/24")

    with pytest.raises(InvalidInput, match="fixed_ips included invalid subnet"):
        site.port(network, [(foreign.id, None)])


def test_a_subnet_that_does_not_exist_is_not_found(site: Site) -> None:
    network, _ = site.pair()

    with pytest.raises(NotFound):
        site.port(network, [(str(uuid.uuid4()), None)])


def test_a_port_of_no_network_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        site.neutron.ports.create(
            network_id=str(uuid.uuid4()), description=site.mark, device_id="d", device_owner="o", fixed_ips=[]
        )


def test_a_mac_is_unique_in_its_network(site: Site) -> None:
    network, other = site.network(), site.network()
    site.port(network, mac="fa:16:3e:00:00:01")

    with pytest.raises(Conflict, match="mac address fa:16:3e:00:00:01 is in use"):
        site.port(network, mac="fa:16:3e:00:00:01")
    assert site.port(other, mac="fa:16:3e:00:00:01").mac == "fa:16:3e:00:00:01"


def test_several_ports_are_made_in_one_call_and_in_order(site: Site) -> None:
    network, subnet = site.pair()

    made = site.neutron.ports.create_many(
        [_spec(site, network.id, subnet.id, f"10.77.0.{last}", f"d{last}") for last in (9, 7, 8)]
    )

    assert [(port.device_id, str(port.fixed_ips[0].address)) for port in made] == [
        ("d9", "10.77.0.9"),
        ("d7", "10.77.0.7"),
        ("d8", "10.77.0.8"),
    ]


def test_several_ports_are_made_all_or_none(site: Site) -> None:
    network, subnet = site.pair()
    site.port(network, [(subnet.id, address("10.77.0.9"))], device_id="before")

    with pytest.raises(Conflict):
        site.neutron.ports.create_many(
            [_spec(site, network.id, subnet.id, f"10.77.0.{last}", f"d{last}") for last in (7, 8, 9)]
        )

    assert [port.device_id for port in site.neutron.ports.list(description=site.mark)] == ["before"]


def test_no_ports_are_made_without_asking(site: Site) -> None:
    assert site.neutron.ports.create_many([]) == []


def test_a_port_is_told_who_uses_it(site: Site) -> None:
    port = site.port(site.network(), name="before")

    changed = site.neutron.ports.update(port.id, device_id="endpoint-2", name="web")

    assert changed is not None
    assert (changed.device_id, changed.name) == ("endpoint-2", "web")
    assert changed.revision > port.revision
    assert site.neutron.ports.get(port.id).device_id == "endpoint-2"


def test_an_update_leaves_alone_what_it_does_not_name(site: Site) -> None:
    port = site.port(site.network(), name="web", device_id="endpoint-1")

    changed = site.neutron.ports.update(port.id, device_id="")

    assert changed is not None
    assert (changed.device_id, changed.name) == ("", "web")


def test_a_port_that_is_gone_needs_neither_update_nor_delete(site: Site) -> None:
    port = site.port(site.network())

    assert site.neutron.ports.delete(port.id)
    assert site.neutron.ports.update(port.id, device_id="x") is None
    assert not site.neutron.ports.delete(port.id)


def _spec(site: Site, network_id: str, subnet_id: str, wanted: str, device_id: str) -> PortSpec:
    return {
        "network_id": network_id,
        "description": site.mark,
        "device_id": device_id,
        "device_owner": "compute:kuryr",
        "fixed_ips": [(subnet_id, address(wanted))],
    }


def test_a_port_may_be_of_another_kind_on_its_host(site: Site) -> None:
    made = site.port(site.network(), vnic_type="direct")

    assert (made.vnic_type, made.vif_type) == ("direct", "unbound")
    assert site.neutron.ports.get(made.id).vnic_type == "direct"


def test_an_unknown_kind_of_port_is_refused(site: Site) -> None:
    network = site.network()

    with pytest.raises(InvalidInput, match="vnic_type"):
        site.port(network, vnic_type="imaginary")
