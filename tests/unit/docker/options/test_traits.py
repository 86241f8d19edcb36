"""What a port is beyond its addresses, as users say it of networks and of endpoints."""

from typing import Any

import pytest

from fakes.neutron import FakeNeutron, Request
from kuryr.errors import CloudRefused, Conflict, InvalidInput, KuryrError, NotFound
from unit.docker.world import Docker
from unit.host.node import site, snapshot

CIDR = "10.5.0.0/24"
MAC = "00:00:5e:00:01:09"
"""Of a VRRP router: ML2/OVN takes no other in an address pair."""


def calls(neutron: FakeNeutron) -> list[str]:
    return [
        f"{call.method} {'/'.join(call.path.split('/')[1 : 3 if 'qos' in call.path else 2])}" for call in neutron.calls
    ]


def make(neutron: FakeNeutron, kind: str, name: str, project_id: str = "", **fields: object) -> str:
    """A group or policy of the tenant's; its id."""
    made = neutron.cloud.create(kind, [{"name": name, **fields}], project_id or neutron.project_id)
    return str(made[0]["id"])


def port_of(neutron: FakeNeutron) -> dict[str, Any]:
    (port,) = ports_of(neutron)
    return port


def ports_of(neutron: FakeNeutron) -> list[dict[str, Any]]:
    return [port for port in snapshot(neutron)["port"].values() if port["device_owner"] == "compute:kuryr"]


def test_the_anchor_is_the_template_of_the_containers_ports(docker: Docker, neutron: FakeNeutron) -> None:
    web, ssh, gold = (
        make(neutron, kind, name)
        for kind, name in (("security_group", "web"), ("security_group", "ssh"), ("policy", "gold"))
    )
    o = {"neutron.security_groups": f"web,{ssh}", "neutron.qos_policy": "gold"}
    network = docker.create_network(CIDR, o=o)
    assert calls(neutron) == ["GET security-groups"] * 2 + ["GET qos/policies"] + [
        "POST networks",
        "POST subnets",
        "POST ports",
    ]
    with pytest.raises(Exception, match="in use"):
        neutron.cloud.delete("security_group", web)
    docker.restart_driver()
    neutron.calls.clear()
    docker.run(network)
    port = port_of(neutron)
    assert (set(port["security_groups"]), port["qos_policy_id"]) == ({web, ssh}, gold)
    assert calls(neutron)[-1] == "POST ports"
    assert "PUT ports" not in calls(neutron)


@pytest.mark.parametrize(
    ("o", "groups", "guarded"),
    [
        ({}, 1, True),
        ({"neutron.security_groups": "none"}, 0, True),
        ({"neutron.port_security": "false"}, 0, False),
        ({"neutron.port_security": "false", "neutron.security_groups": "none"}, 0, False),
        ({"neutron.port_security": "true"}, 1, True),
    ],
)
@pytest.mark.parametrize("by_endpoint", [False, True])
def test_ports_may_be_unguarded(
    docker: Docker, neutron: FakeNeutron, o: dict[str, str], groups: int, guarded: bool, by_endpoint: bool
) -> None:
    network = docker.create_network(CIDR, o={} if by_endpoint else o)
    docker.restart_driver()
    docker.run(network, options=o if by_endpoint else {})
    port = port_of(neutron)
    assert (len(port["security_groups"]), port["port_security_enabled"]) == (groups, guarded)


def test_an_endpoints_options_change_its_reserved_port_by_one_request(docker: Docker, neutron: FakeNeutron) -> None:
    web = make(neutron, "security_group", "web")
    network = docker.create_network(CIDR)
    neutron.calls.clear()
    options = {
        "neutron.security_groups": "web",
        "neutron.dns_name": "www",
        "neutron.allowed_address_pairs": f"10.5.0.200,10.6.0.0/24={MAC}",
    }
    container = docker.run(network, options=options)
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports", "GET security-groups", "PUT ports"]
    port = port_of(neutron)
    assert (port["security_groups"], port["dns_name"], port["device_id"]) == ([web], "www", container.id)
    assert port["allowed_address_pairs"] == [
        {"ip_address": "10.5.0.200", "mac_address": port["mac_address"]},
        {"ip_address": "10.6.0.0/24", "mac_address": MAC},
    ]
    neutron.calls.clear()
    docker.run(network, options={"neutron.security_groups": "web"}, expose=[(6, 80)])
    docker.node.behind.pass_time()
    assert calls(neutron)[:2] == ["POST ports", "PUT ports"]
    assert calls(neutron)[-1] == "PUT ports"


def test_with_null_ipam_an_endpoints_options_are_part_of_the_one_request(docker: Docker, neutron: FakeNeutron) -> None:
    web, gold = make(neutron, "security_group", "web"), make(neutron, "policy", "gold")
    site(neutron)
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue", "neutron.qos_policy": "gold"})
    docker.run(network, options={"neutron.security_groups": web})
    neutron.calls.clear()
    docker.run(network, options={"neutron.security_groups": web})
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports"]
    both = [port for port in snapshot(neutron)["port"].values() if port["device_owner"] == "compute:kuryr"]
    assert [(port["security_groups"], port["qos_policy_id"]) for port in both] == [([web], gold)] * 2


def test_a_group_that_was_made_anew_under_its_name_is_found_again(docker: Docker, neutron: FakeNeutron) -> None:
    old = make(neutron, "security_group", "web")
    network = docker.create_network(CIDR)
    docker.stop(docker.run(network, options={"neutron.security_groups": "web"}))
    neutron.cloud.delete("security_group", old)
    new = make(neutron, "security_group", "web")
    docker.run(network, options={"neutron.security_groups": "web"})
    assert port_of(neutron)["security_groups"] == [new]
    assert old != new


def test_a_group_that_is_gone_fails_the_start_and_leaves_nothing(docker: Docker, neutron: FakeNeutron) -> None:
    old = make(neutron, "security_group", "web")
    network = docker.create_network(CIDR)
    docker.stop(docker.run(network, options={"neutron.security_groups": "web"}))
    neutron.cloud.delete("security_group", old)
    before = snapshot(neutron)
    with pytest.raises(NotFound, match="no Neutron security group named 'web'"):
        docker.run(network, options={"neutron.security_groups": "web"})
    assert docker.node.behind.drain(10)
    assert snapshot(neutron)["port"] == before["port"]


def test_the_next_user_of_an_address_has_nothing_of_the_last_ones(docker: Docker, neutron: FakeNeutron) -> None:
    """A crash leaves a port without guards; whoever asks for its address gets one with them."""
    network = docker.create_network(CIDR)
    docker.run(network, ip="10.5.0.9", options={"neutron.port_security": "false"})
    docker.node.kernel.links.clear()
    docker.restart_driver()
    docker.run(network, ip="10.5.0.9")
    assert port_of(neutron)["port_security_enabled"] is True


def test_what_kind_of_network_it_is(docker: Docker, neutron: FakeNeutron) -> None:
    o = {"neutron.mtu": "1400", "neutron.dns_domain": "example.org", "neutron.dhcp": "false"}
    docker.create_network(CIDR, o=o)
    (network,) = snapshot(neutron)["network"].values()
    (subnet,) = snapshot(neutron)["subnet"].values()
    assert (network["mtu"], network["dns_domain"], subnet["enable_dhcp"]) == (1400, "example.org.", False)
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]


def test_dockers_own_word_for_the_mtu_is_understood(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network(CIDR, o={"com.docker.network.driver.mtu": "1400", "neutron.mtu": "1400"})
    docker.run(network)
    (vif,) = [held.vif for held in docker.node.endpoints._holdings._ports.values()]
    assert vif.mtu == 1400


SAME = {
    "neutron.mtu": "1442",
    "com.docker.network.driver.mtu": "1442",
    "neutron.net.shared": "false",
    "neutron.dhcp": "true",
    "neutron.dns_domain": "example.org",
}


def test_an_existing_network_may_be_described_as_it_is(docker: Docker, neutron: FakeNeutron) -> None:
    site(neutron, dns_domain="example.org.")
    assert docker.create_network(ipam_opt={"neutron.net.name": "blue"}, o=SAME)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("neutron.mtu", "1400", r"has neutron\.mtu=1442, not 1400 \(leave neutron\.mtu out\)"),
        ("com.docker.network.driver.mtu", "1400", "not 1400"),
        ("neutron.net.shared", "true", r"has neutron\.net\.shared=false, not true"),
        ("neutron.dhcp", "false", r"has neutron\.dhcp=true, not false"),
        ("neutron.dns_domain", "example.com", r"has neutron\.dns_domain=example\.org, not example\.com"),
    ],
)
@pytest.mark.parametrize("null", [False, True])
def test_an_existing_network_is_not_made_another_one(
    docker: Docker, neutron: FakeNeutron, option: str, value: str, words: str, null: bool
) -> None:
    """Checked before anything is written: B14 of the driver before."""
    site(neutron, dns_domain="example.org.")
    before = snapshot(neutron)
    named = {"neutron.net.name": "blue"}

    def create() -> object:
        if null:
            return docker.create_network_without_ipam(o={**named, option: value})
        return docker.create_network(ipam_opt=named, o={option: value})

    with pytest.raises(Conflict, match=words):
        create()
    assert snapshot(neutron) == before


@pytest.mark.credentials
def test_sharing_a_network_takes_the_right_to(docker: Docker, neutron: FakeNeutron) -> None:
    neutron.fail_next(method="POST", path="/networks", status=403, message="disallowed by policy")
    with pytest.raises(CloudRefused, match="needs the role `admin`"):
        docker.create_network(CIDR, o={"neutron.net.shared": "true"})


@pytest.mark.parametrize(
    ("o", "kind", "words"),
    [
        ({"neutron.security_groups": "nobody"}, NotFound, "no Neutron security group named 'nobody'"),
        ({"neutron.security_groups": "theirs"}, NotFound, "no Neutron security group named 'theirs'"),
        ({"neutron.security_groups": "twice"}, Conflict, "2 Neutron security groups are named 'twice'"),
        ({"neutron.qos_policy": "nobody"}, NotFound, "no Neutron QoS policy named 'nobody'"),
        ({"neutron.qos_policy": ""}, InvalidInput, r"neutron\.qos_policy= cannot be used"),
        ({"neutron.mtu": "big"}, InvalidInput, "a number of bytes"),
        ({"neutron.mtu": "1400", "com.docker.network.driver.mtu": "1300"}, InvalidInput, "differ"),
        ({"neutron.dhcp": "maybe"}, InvalidInput, "true or false"),
        ({"neutron.port_security": "off"}, InvalidInput, "true or false"),
        ({"neutron.dns_domain": "-"}, InvalidInput, "a DNS name"),
        ({"neutron.dns_name": "web"}, InvalidInput, r"give it by --driver-opt"),
        ({"neutron.allowed_address_pairs": "10.1.0.9"}, InvalidInput, r"give it by --driver-opt"),
        (
            {"neutron.port_security": "false", "neutron.security_groups": "web"},
            InvalidInput,
            r"neutron\.security_groups and neutron\.port_security=false contradict",
        ),
    ],
)
def test_what_a_network_cannot_be_is_refused_and_changes_nothing(
    docker: Docker, neutron: FakeNeutron, o: dict[str, str], kind: type[KuryrError], words: str
) -> None:
    make(neutron, "security_group", "theirs", "another project")
    for _ in range(2):
        make(neutron, "security_group", "twice")
    before = snapshot(neutron)
    with pytest.raises(kind, match=words):
        docker.create_network(CIDR, o=o)
    assert snapshot(neutron) == before


@pytest.mark.parametrize(
    ("o", "options", "words"),
    [
        ({}, {"neutron.security_groups": "nobody"}, "no Neutron security group named 'nobody'"),
        ({}, {"neutron.dns_name": "a b"}, "a DNS name"),
        ({}, {"neutron.allowed_address_pairs": "10.5.0.9=x"}, "mac"),
        ({}, {"neutron.mtu": "1400"}, "give it by -o"),
        (
            {},
            {"neutron.port_security": "false", "neutron.allowed_address_pairs": "10.5.0.9"},
            "allowed_address_pairs and",
        ),
        ({"neutron.port_security": "false"}, {"neutron.security_groups": "default"}, "security_groups and"),
        ({"neutron.port_security": "false"}, {"neutron.port_security": "true"}, "name some by"),
    ],
)
def test_what_an_endpoint_cannot_be_is_refused_and_leaves_no_port(
    docker: Docker, neutron: FakeNeutron, o: dict[str, str], options: dict[str, str], words: str
) -> None:
    network = docker.create_network(CIDR, o=o)
    before = snapshot(neutron)
    with pytest.raises(KuryrError, match=words):
        docker.run(network, options=options)
    assert docker.node.behind.drain(10)
    assert snapshot(neutron)["port"] == before["port"]


def test_a_port_without_guards_may_be_guarded_after_all(docker: Docker, neutron: FakeNeutron) -> None:
    web = make(neutron, "security_group", "web")
    network = docker.create_network(CIDR, o={"neutron.port_security": "false"})
    docker.run(network, options={"neutron.port_security": "true", "neutron.security_groups": "web"})
    port = port_of(neutron)
    assert (port["security_groups"], port["port_security_enabled"]) == ([web], True)


def test_groups_of_another_project_are_not_for_its_shared_networks(docker: Docker, neutron: FakeNeutron) -> None:
    """A shared network's ports belong to its owner; groups of Kuryr's own project do not fit them."""
    make(neutron, "security_group", "web")
    (made,) = neutron.cloud.create("network", [{"name": "blue", "shared": True}], "another project")
    neutron.cloud.create("subnet", [{"network_id": made["id"], "cidr": CIDR, "ip_version": 4}], "another project")
    with pytest.raises(NotFound, match="no Neutron security group named 'web' is visible to project another project"):
        docker.create_network(ipam_opt={"neutron.net.name": "blue"}, o={"neutron.security_groups": "web"})


@pytest.mark.parametrize("null", [False, True])
def test_a_cloud_that_keeps_no_dns_names_says_so(docker: Docker, neutron: FakeNeutron, null: bool) -> None:
    """Without the extension driver Neutron takes the name, and forgets it."""
    site(neutron)
    named = {"neutron.net.name": "blue"}
    network = docker.create_network_without_ipam(o=named) if null else docker.create_network(ipam_opt=named)
    before = snapshot(neutron)["port"]

    def forget(request: Request) -> None:
        if request.json:
            request.json["port"].pop("dns_name", None)

    neutron.on_request = forget
    with pytest.raises(InvalidInput, match="keeps no DNS names"):
        docker.run(network, options={"neutron.dns_name": "web"})
    assert docker.node.behind.drain(10)
    assert snapshot(neutron)["port"] == before


def test_a_cloud_that_keeps_no_dns_domains_says_so(docker: Docker, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    neutron.on_request = lambda request: request.json and request.json.get("network", {}).pop("dns_domain", None)
    with pytest.raises(InvalidInput, match="keeps no DNS domains"):
        docker.create_network(CIDR, o={"neutron.dns_domain": "example.org"})
    assert snapshot(neutron) == before
