"""Security groups and their rules."""

import uuid
from ipaddress import ip_network

import pytest

from contract.site import Site
from kuryr.errors import Conflict, InvalidInput, KuryrError, NotFound
from kuryr.neutron.security import SecurityGroupRuleSpec


def _allow(group_id: str, protocol: str, first: int, last: int) -> SecurityGroupRuleSpec:
    return {
        "security_group_id": group_id,
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": protocol,
        "ports": (first, last),
        "description": "exposed",
    }


def test_a_new_group_lets_everything_out_and_nothing_in(site: Site) -> None:
    made = site.group("web")

    assert (made.name, made.description, made.project_id) == ("web", site.mark, site.neutron.project_id)
    assert sorted((rule.direction, rule.ethertype, rule.protocol) for rule in made.rules) == [
        ("egress", "IPv4", ""),
        ("egress", "IPv6", ""),
    ]
    assert [found.id for found in site.neutron.security_groups.list(description=site.mark, name="web")] == [made.id]


def test_names_of_groups_are_not_unique(site: Site) -> None:
    assert site.group("web").id != site.group("web").id


def test_every_project_has_one_default_group(site: Site) -> None:
    groups = site.neutron.security_groups

    (default,) = groups.list(name="default", project_id=site.neutron.project_id)

    assert site.port(site.network()).security_groups == (default.id,)
    with pytest.raises(Conflict, match="Default security group already exists"):
        groups.create(name="default", description=site.mark)
    with pytest.raises(Conflict, match="in use"):
        groups.delete(default.id)


def test_rules_are_made_in_one_call_and_in_order(site: Site) -> None:
    group = site.group()
    among: SecurityGroupRuleSpec = {
        "security_group_id": group.id,
        "direction": "ingress",
        "ethertype": "IPv6",
        "remote_group_id": group.id,
    }
    from_a_cidr: SecurityGroupRuleSpec = {
        **_allow(group.id, "sctp", 7, 7),
        "remote_cidr": ip_network("10.77.0.0/24"),
    }

    tcp, udp, peers, sctp = site.neutron.security_group_rules.create_many(
        [_allow(group.id, "tcp", 80, 90), _allow(group.id, "udp", 53, 53), among, from_a_cidr]
    )

    assert (tcp.protocol, tcp.port_first, tcp.port_last, tcp.description) == ("tcp", 80, 90, "exposed")
    assert (udp.protocol, udp.port_first, udp.remote_cidr) == ("udp", 53, None)
    assert (peers.ethertype, peers.protocol, peers.port_first, peers.remote_group_id) == ("IPv6", "", None, group.id)
    assert sctp.remote_cidr == ip_network("10.77.0.0/24")
    ingress = [rule.id for rule in site.neutron.security_groups.get(group.id).rules if rule.direction == "ingress"]
    assert sorted(ingress) == sorted([tcp.id, udp.id, peers.id, sctp.id])
    found = site.neutron.security_group_rules.list(security_group_id=group.id, direction="ingress", protocol="tcp")
    assert found == [tcp]


def test_rules_are_made_all_or_none(site: Site) -> None:
    group = site.group()
    rules = site.neutron.security_group_rules
    (there,) = rules.create_many([_allow(group.id, "tcp", 80, 80)])

    with pytest.raises(Conflict, match=there.id):
        rules.create_many([_allow(group.id, "tcp", 81, 81), _allow(group.id, "tcp", 80, 80)])
    assert rules.list(security_group_id=group.id, direction="ingress") == [there]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ports": (9, 8)}, "port_range_min must be <= port_range_max"),
        ({"protocol": None}, "Must also specify protocol"),
        ({"remote_cidr": ip_network("fd00::/64")}, "Conflicting value ethertype IPv4"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(site: Site, wrong: SecurityGroupRuleSpec, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        site.neutron.security_group_rules.create_many([{**_allow(site.group().id, "tcp", 80, 90), **wrong}])


def test_a_rule_needs_its_group(site: Site) -> None:
    nobody = str(uuid.uuid4())

    with pytest.raises(NotFound, match=nobody):
        site.neutron.security_group_rules.create_many([_allow(nobody, "tcp", 80, 80)])


def test_a_group_is_deleted_with_its_rules_unless_a_port_is_in_it(site: Site) -> None:
    group = site.group()
    groups, rules = site.neutron.security_groups, site.neutron.security_group_rules
    rules.create_many([_allow(group.id, "tcp", 80, 80)])
    port = site.port(site.network(), security_groups=[group.id])

    with pytest.raises(Conflict, match=f"{group.id} in use"):
        groups.delete(group.id)
    site.neutron.ports.update(port.id, security_groups=[])
    assert groups.delete(group.id)
    assert not groups.delete(group.id)
    assert rules.list(security_group_id=group.id) == []


def test_a_rule_may_be_taken_back(site: Site) -> None:
    group = site.group()
    rules = site.neutron.security_group_rules
    (rule,) = rules.create_many([_allow(group.id, "tcp", 80, 80)])

    assert rules.delete(rule.id)
    assert not rules.delete(rule.id)


def test_a_port_may_be_in_the_groups_of_its_own_project_even_if_kuryr_does_not_see_them(site: Site) -> None:
    network = site.strange_network(shared=True)
    group = site.stranger.security_groups.create(name="strange", description=site.mark)
    try:
        with pytest.raises(NotFound):
            site.neutron.security_groups.get(group.id)
        assert site.neutron.security_groups.list(description=site.mark) == []
        with pytest.raises(NotFound, match=group.id):
            site.port(network, security_groups=[group.id])
        theirs = site.port(network, security_groups=[group.id], project_id=network.project_id)
        assert theirs.security_groups == (group.id,)
        site.neutron.ports.delete(theirs.id)
    finally:
        site.stranger.security_groups.delete(group.id)


def test_a_group_cannot_be_made_for_a_stranger(site: Site) -> None:
    with pytest.raises(KuryrError, match="create_security_group is disallowed"):
        site.neutron.security_groups.create(name="g", description=site.mark, project_id=site.stranger.project_id)
