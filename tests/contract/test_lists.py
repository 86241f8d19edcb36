"""Lists: exact filters, several values, pages."""

import pytest

from contract.site import Site, address
from kuryr.errors import InvalidInput
from kuryr.neutron import collection


def test_a_description_is_matched_exactly(site: Site) -> None:
    made = site.network()

    assert [found.id for found in site.neutron.networks.list(description=site.mark)] == [made.id]
    assert site.neutron.networks.list(description=site.mark[:-1]) == []
    assert site.neutron.networks.list(description=f"{site.mark}%") == []


def test_filters_are_all_required(site: Site) -> None:
    network = site.network("one")
    site.network("two")

    found = site.neutron.networks.list(description=site.mark, name="one", project_id=site.neutron.project_id)

    assert [each.id for each in found] == [network.id]
    assert site.neutron.networks.list(description=site.mark, shared=True) == []
    assert len(site.neutron.networks.list(description=site.mark, shared=False)) == 2


def test_several_values_mean_any_of_them(site: Site) -> None:
    one, other, _ = site.network("one"), site.network("two"), site.network("three")

    assert {found.id for found in site.neutron.networks.list(id=[one.id, other.id])} == {one.id, other.id}
    assert {found.name for found in site.neutron.networks.list(description=site.mark, name=["one", "three"])} == {
        "one",
        "three",
    }
    assert site.neutron.networks.list(id=[]) == []
    assert site.neutron.networks.list(description=site.mark, id=[]) == []


def test_text_in_a_filter_is_only_text(site: Site) -> None:
    made = site.network("a&name=b#c d+é=%41")
    site.network("b")

    found = site.neutron.networks.list(description=site.mark, name="a&name=b#c d+é=%41")

    assert [each.id for each in found] == [made.id]


def test_subnets_are_found_by_network_and_cidr(site: Site) -> None:
    network, subnet = site.pair()
    site.subnet(network, "10.78.0.0/24")

    assert [found.id for found in site.neutron.subnets.list(network_id=network.id, cidr=subnet.cidr)] == [subnet.id]


def test_ports_are_found_by_what_they_carry(site: Site) -> None:
    network, subnet = site.pair()
    port = site.port(network, [(subnet.id, address("10.77.0.9"))], device_id="endpoint-1", host=site.host)
    site.port(network, [(subnet.id, address("10.77.0.8"))], device_id="endpoint-2")
    ports = site.neutron.ports

    found = [
        ports.list(description=site.mark, device_id="endpoint-1"),
        ports.list(network_id=network.id, mac_address=port.mac),
        ports.list(network_id=network.id, fixed_ips=[f"subnet_id={subnet.id}", "ip_address=10.77.0.9"]),
        ports.list(description=site.mark, device_owner="compute:kuryr", **{"binding:host_id": site.host}),
    ]

    assert [[one.id for one in each] for each in found] == [[port.id]] * 4
    assert ports.list(network_id=network.id, fixed_ips=[f"subnet_id={subnet.id}", "ip_address=10.77.0.1"]) == []


def test_an_unknown_filter_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="invalid attribute for filtering"):
        site.neutron.ports.list(nonsense="x")


def test_pages_add_up_to_the_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    network, subnet = site.pair()
    other = site.subnet(network, "10.78.0.0/24")
    made = site.neutron.ports.create_many(
        [
            {
                "network_id": network.id,
                "description": site.mark,
                "device_id": f"d{number}",
                "device_owner": "compute:kuryr",
                "fixed_ips": [],
            }
            for number in range(4)
        ]
    )

    for page in (1, 2, 3, 4, 5):
        monkeypatch.setattr(collection, "PAGE", page)
        ports = site.neutron.ports.list(description=site.mark)
        subnets = site.neutron.subnets.list(description=site.mark)
        assert sorted(port.id for port in ports) == sorted(port.id for port in made)
        assert sorted(found.id for found in subnets) == sorted([subnet.id, other.id])


def test_a_marker_that_is_gone_is_answered_as_the_client_expects(site: Site) -> None:
    """Neutron refuses it for ports and begins anew for subnets; the client must notice both."""
    network, subnet = site.pair()
    ports = sorted(site.port(network).id for _ in range(2))
    site.neutron.ports.delete(ports[0])
    site.subnet(network, "10.78.0.0/24")
    site.neutron.subnets.delete(subnet.id)
    api = site.neutron.api

    with pytest.raises(Exception, match="could not be found"):
        api.request("GET", "/ports", params={"description": site.mark, "limit": "1", "marker": ports[0]})
    begun = api.request("GET", "/subnets", params={"description": site.mark, "limit": "1", "marker": subnet.id})
    assert len(begun["subnets"]) == 1
