"""Other projects: the role `service` sees everything, so whoever looks something up must mind whose it is."""

import pytest

from contract.site import Site
from kuryr.errors import CloudRefused


def test_a_strangers_network_is_seen_and_known_by_its_project(site: Site) -> None:
    strange = site.strange_network(shared=False)

    seen = site.neutron.networks.get(strange.id)

    assert (seen.shared, seen.project_id) == (False, site.stranger.project_id)
    assert site.neutron.project_id != site.stranger.project_id
    assert len(site.neutron.subnets.list(network_id=strange.id)) == 1
    assert site.neutron.networks.list(description=site.mark, project_id=site.neutron.project_id) == []


def test_a_shared_network_says_so(site: Site) -> None:
    strange = site.strange_network(shared=True)

    assert site.neutron.networks.get(strange.id).shared
    assert [found.id for found in site.neutron.networks.list(description=site.mark, shared=True)] == [strange.id]


def test_a_strangers_network_cannot_be_changed(site: Site) -> None:
    strange = site.strange_network(shared=True)

    with pytest.raises(CloudRefused, match="create_subnet is disallowed by policy"):
        site.subnet(strange)
    with pytest.raises(CloudRefused, match="delete_network is disallowed by policy"):
        site.neutron.networks.delete(strange.id)


def test_a_network_cannot_be_made_for_a_stranger(site: Site) -> None:
    with pytest.raises(CloudRefused, match="create_network is disallowed by policy"):
        site.neutron.networks.create(name="n", description=site.mark, project_id=site.stranger.project_id)


def test_a_port_on_a_strangers_network_may_belong_to_the_stranger(site: Site) -> None:
    strange = site.strange_network(shared=False)

    made = site.neutron.ports.create(
        network_id=strange.id,
        description=site.mark,
        device_id="d",
        device_owner="compute:kuryr",
        host=site.host,
        fixed_ips=[(site.neutron.networks.get(strange.id).subnet_ids[0], None)],
        project_id=strange.project_id,
    )

    assert (made.project_id, made.host, made.vif_type) == (strange.project_id, site.host, "ovs")


def test_a_plain_member_deletes_no_port_that_seems_a_virtual_machines(site: Site) -> None:
    network = site.network()
    machines, nested = (
        site.member.ports.create(
            network_id=network.id, description=site.mark, device_id="d", device_owner=owner, fixed_ips=()
        )
        for owner in ("compute:kuryr", "kuryr:nested")
    )

    site.member.ports.delete(nested.id)
    with pytest.raises(CloudRefused, match="delete_port is disallowed by policy"):
        site.member.ports.delete(machines.id)


def test_a_plain_member_makes_no_port_for_a_stranger(site: Site) -> None:
    strange = site.strange_network(shared=True)

    with pytest.raises(CloudRefused, match="not allowed for the current user"):
        site.member.ports.create(
            network_id=strange.id,
            description=site.mark,
            device_id="",
            device_owner="compute:kuryr",
            fixed_ips=(),
            project_id=strange.project_id,
        )
