"""Ports that are more than usual: guarded otherwise, tagged, named in DNS."""

import uuid
from ipaddress import ip_network

import pytest

from contract.site import Site, address
from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.model import AddressPair

GUEST = AddressPair(address("10.77.9.9"), "fa:16:3e:00:00:99")


def test_a_port_is_in_the_projects_default_group_unless_told_otherwise(site: Site) -> None:
    network = site.network()

    usual, bare = site.port(network), site.port(network, security_groups=[])

    assert len(usual.security_groups) == 1
    assert (bare.security_groups, bare.port_security) == ((), True)


def test_a_group_that_does_not_exist_is_not_found(site: Site) -> None:
    nobody = str(uuid.uuid4())

    with pytest.raises(NotFound, match=nobody):
        site.port(site.network(), security_groups=[nobody])
    assert site.neutron.ports.list(description=site.mark) == []


def test_a_policy_that_does_not_exist_is_not_found(site: Site) -> None:
    nobody = str(uuid.uuid4())

    with pytest.raises(NotFound, match=f"QoS policy {nobody}"):
        site.port(site.network(), qos_policy_id=nobody)


def test_a_port_may_have_tags_from_its_birth(site: Site) -> None:
    network = site.network()

    made = site.port(network, tags=["role=web", "b/c ö"])

    assert set(made.tags) == {"role=web", "b/c ö"}
    assert set(site.neutron.ports.get(made.id).tags) == set(made.tags)


def test_each_port_of_a_bulk_has_its_own_tags(site: Site) -> None:
    network = site.network()

    made = site.neutron.ports.create_many(
        [
            {
                "network_id": network.id,
                "description": site.mark,
                "device_id": "d",
                "device_owner": "compute:kuryr",
                "fixed_ips": [],
                "tags": [tag],
            }
            for tag in ("a", "b")
        ]
    )

    assert [port.tags for port in made] == [("a",), ("b",)]


def test_a_tag_longer_than_neutron_stores_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="exceeds maximum length of 255"):
        site.port(site.network(), tags=["x" * 256])


def test_a_port_may_send_as_others(site: Site) -> None:
    network = site.network()

    made = site.port(network, allowed_address_pairs=[GUEST, AddressPair(ip_network("10.88.0.0/24"))])

    assert set(made.allowed_address_pairs) == {GUEST, AddressPair(ip_network("10.88.0.0/24"), made.mac)}


def test_a_port_may_be_unguarded(site: Site) -> None:
    made = site.port(site.network(), port_security=False)

    assert (made.port_security, made.security_groups) == (False, ())


def test_an_unguarded_port_has_neither_groups_nor_guests(site: Site) -> None:
    network = site.network()
    groups = site.port(network).security_groups

    with pytest.raises(InvalidInput, match="Port security must be enabled"):
        site.port(network, port_security=False, security_groups=groups)
    with pytest.raises(Conflict, match="Port Security must be enabled"):
        site.port(network, port_security=False, security_groups=[], allowed_address_pairs=[GUEST])


def test_a_port_may_have_a_name_in_dns(site: Site) -> None:
    made = site.port(site.network(), dns_name="web-1")

    assert made.dns_name == "web-1"
    assert site.port(site.network()).dns_name == ""


def test_a_name_that_dns_cannot_bear_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="a_b"):
        site.port(site.network(), dns_name="a_b")


@pytest.mark.parametrize("owner", ["", "compute:kuryr"])
def test_free_ports_are_found_by_what_they_lack(site: Site, owner: str) -> None:
    network, subnet = site.pair()
    free = site.port(network, [(subnet.id, address("10.77.0.9"))], tags=["set=a", "free"])
    site.neutron.ports.update(free.id, device_id="", device_owner=owner)
    site.port(network, host=site.host, tags=["set=a"])
    ports = site.neutron.ports
    of_network = {"network_id": network.id, "description": site.mark}

    found = [
        ports.list(**of_network, device_id=""),
        ports.list(**of_network, device_id="", device_owner=owner, tags="set=a", **{"binding:host_id": ""}),
        ports.list(**of_network, tags=["set=a", "free"]),
        ports.list(**of_network, **{"tags-any": ["free", "other"]}),
        ports.list(**of_network, mac_address=free.mac.upper()),
        ports.list(**of_network, security_groups=free.security_groups, name="", device_id=""),
    ]

    assert [[port.id for port in each] for each in found] == [[free.id]] * len(found)
    assert ports.list(**of_network, tags=["set=a", "free", "other"]) == []
    assert len(ports.list(**of_network, tags="set=a")) == 2


def test_a_tag_with_a_comma_cannot_be_looked_for(site: Site) -> None:
    with pytest.raises(InvalidInput, match="comma"):
        site.neutron.ports.list(network_id=str(uuid.uuid4()), tags="a,b")
