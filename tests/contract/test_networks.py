"""Networks: what a create answers, and what goes along with a delete."""

import uuid

import pytest

from contract.site import Site
from kuryr.errors import CloudRefused, Conflict, InvalidInput, NotFound


def test_a_network_is_answered_as_it_was_asked_for(site: Site) -> None:
    made = site.neutron.networks.create(name="a b/ö", description=site.mark)

    assert (made.name, made.description, made.project_id) == ("a b/ö", site.mark, site.neutron.project_id)
    assert (made.shared, made.external, made.subnet_ids) == (False, False, ())
    assert site.neutron.networks.get(made.id) == made


def test_the_cloud_chooses_the_mtu_of_its_encapsulation(site: Site) -> None:
    assert site.network().mtu == 1442


def test_an_mtu_may_be_smaller(site: Site) -> None:
    made = site.neutron.networks.create(name="n", description=site.mark, mtu=1300)

    assert made.mtu == 1300


def test_an_mtu_that_does_not_fit_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="MTU is too big, maximum is 1442"):
        site.neutron.networks.create(name="n", description=site.mark, mtu=9000)
    assert site.neutron.networks.list(description=site.mark) == []


def test_a_project_may_be_named(site: Site) -> None:
    made = site.neutron.networks.create(name="n", description=site.mark, project_id=site.neutron.project_id)

    assert made.project_id == site.neutron.project_id


def test_a_name_longer_than_neutron_stores_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="Invalid input for name"):
        site.neutron.networks.create(name="n" * 256, description=site.mark)


def test_a_network_knows_its_subnets(site: Site) -> None:
    network, subnet = site.pair()

    assert site.neutron.networks.get(network.id).subnet_ids == (subnet.id,)


def test_deleting_a_network_takes_its_subnets_along(site: Site) -> None:
    network, subnet = site.pair()

    assert site.neutron.networks.delete(network.id)

    with pytest.raises(NotFound):
        site.neutron.subnets.get(subnet.id)


def test_a_network_with_a_port_is_in_use(site: Site) -> None:
    network = site.network()
    port = site.port(network)

    with pytest.raises(Conflict, match=port.id):
        site.neutron.networks.delete(network.id)
    assert site.neutron.networks.get(network.id).id == network.id


def test_a_network_that_is_gone_needs_no_delete(site: Site) -> None:
    network = site.network()

    assert site.neutron.networks.delete(network.id)
    assert not site.neutron.networks.delete(network.id)


def test_a_network_that_does_not_exist_is_not_found(site: Site) -> None:
    nobody = str(uuid.uuid4())

    with pytest.raises(NotFound, match=nobody):
        site.neutron.networks.get(nobody)


@pytest.mark.parametrize("nonsense", ["", "..", "a/b", "a?b=c", "%2e%2e"])
def test_what_is_no_id_is_not_found(site: Site, nonsense: str) -> None:
    with pytest.raises(NotFound):
        site.neutron.networks.get(nonsense)
    assert not site.neutron.networks.delete(nonsense)


def test_an_unknown_attribute_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="Unrecognized attribute"):
        site.neutron.api.request("POST", "/networks", json={"network": {"name": "n", "nonsense": 1}})


def test_a_network_may_be_more_than_usual(site: Site) -> None:
    made = site.neutron.networks.create(
        name="n", description=site.mark, port_security=False, dns_domain="lab.example.", mtu=1400
    )

    assert (made.port_security, made.dns_domain, made.mtu) == (False, "lab.example.", 1400)
    assert site.neutron.networks.get(made.id) == made
    assert site.port(made).port_security is False
    usual = site.network()
    assert (usual.port_security, usual.dns_domain) == (True, "")


def test_sharing_is_the_administrators_right(site: Site) -> None:
    with pytest.raises(CloudRefused, match="create_network:shared"):
        site.neutron.networks.create(name="n", description=site.mark, shared=True)


def test_a_network_can_be_described_anew(site: Site) -> None:
    made = site.network()
    changed = site.neutron.networks.update(made.id, description=f"{site.mark}-other")
    assert changed
    assert (changed.description, changed.name) == (f"{site.mark}-other", made.name)
    assert site.neutron.networks.get(made.id) == changed
    assert site.neutron.networks.update(made.id, description=site.mark)


def test_a_network_that_is_gone_cannot_be_changed(site: Site) -> None:
    assert site.neutron.networks.update(str(uuid.uuid4()), description=site.mark) is None
