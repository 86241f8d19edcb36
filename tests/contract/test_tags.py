"""Tags: added and removed without a loss of anybody else's."""

import uuid

import pytest

from contract.site import Site
from kuryr.errors import InvalidInput, NotFound


def test_tags_come_and_go_one_by_one(site: Site) -> None:
    ports = site.neutron.ports
    port = site.port(site.network(), tags=["theirs"])

    ports.add_tag(port.id, "a=b c+,?")
    ports.add_tag(port.id, "a=b c+,?")
    assert set(ports.get(port.id).tags) == {"theirs", "a=b c+,?"}

    assert ports.remove_tag(port.id, "a=b c+,?")
    assert not ports.remove_tag(port.id, "a=b c+,?")
    assert ports.get(port.id).tags == ("theirs",)


def test_a_tag_counts_as_a_change(site: Site) -> None:
    network = site.network()
    port = site.port(network)

    site.neutron.ports.add_tag(port.id, "kuryr")

    assert site.neutron.ports.get(port.id).revision > port.revision


def test_several_tags_are_added_in_one_call(site: Site) -> None:
    network, subnet = site.pair()
    networks, subnets = site.neutron.networks, site.neutron.subnets
    networks.add_tag(network.id, "before")

    networks.add_tags(network.id, ["a/b", "ö", "c", "c"])
    subnets.add_tags(subnet.id, ["s"])
    subnets.add_tags(subnet.id, [])

    assert set(networks.get(network.id).tags) == {"before", "a/b", "ö", "c"}
    assert subnets.get(subnet.id).tags == ("s",)
    assert [found.id for found in networks.list(tags="c", description=site.mark)] == [network.id]
    assert [found.id for found in subnets.list(tags="s", network_id=network.id)] == [subnet.id]


def test_what_is_gone_has_no_tags(site: Site) -> None:
    nobody = str(uuid.uuid4())

    with pytest.raises(NotFound):
        site.neutron.networks.add_tag(nobody, "a")
    with pytest.raises(NotFound):
        site.neutron.networks.add_tags(nobody, ["a"])
    assert not site.neutron.networks.remove_tag(nobody, "a")


@pytest.mark.parametrize("tag", ["", "a/b", "ö", "x" * 256])
def test_a_tag_that_cannot_be_is_refused(site: Site, tag: str) -> None:
    network = site.network()

    with pytest.raises(InvalidInput):
        site.neutron.networks.add_tag(network.id, tag)
    assert site.neutron.networks.get(network.id).tags == ()
