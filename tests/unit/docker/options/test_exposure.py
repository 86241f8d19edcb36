"""EXPOSE, as Docker tells it and Neutron gets it: shared groups, few requests, nothing left behind."""

from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.docker.options.exposure import ExposePolicy
from kuryr.errors import InvalidInput
from kuryr.model import Mark
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Node, site, snapshot

FOUR, SIX = "10.5.0.0/24", "fd00:5::/64"
TCP, UDP, SCTP = 6, 17, 132
WEB = [(TCP, 80)]


@pytest.fixture
def dual(docker: Docker, neutron: FakeNeutron) -> DockerNetwork:
    network = docker.create_network(FOUR, SIX)
    neutron.calls.clear()
    return network


def calls(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def groups(neutron: FakeNeutron) -> list[dict[str, Any]]:
    """All groups but the default one."""
    return [group for group in snapshot(neutron).get("security_group", {}).values() if group["name"] != "default"]


def rules(neutron: FakeNeutron, group: dict[str, Any]) -> set[str]:
    """What a group allows, in words."""
    return {
        f"{rule['direction']} {rule['ethertype']} {rule['protocol']} {rule['port_range_min']}-{rule['port_range_max']} "
        f"{rule['remote_ip_prefix']}"
        for rule in snapshot(neutron)["security_group_rule"].values()
        if rule["security_group_id"] == group["id"]
    }


def ports(neutron: FakeNeutron) -> list[dict[str, Any]]:
    return [port for port in snapshot(neutron)["port"].values() if port["device_owner"] == "compute:kuryr"]


def test_what_is_exposed_is_opened_for_the_networks_own_subnets(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    docker.run(dual, expose=[(TCP, 80), (TCP, 81), (UDP, 53), (SCTP, 9)])
    docker.node.behind.pass_time()
    (group,) = groups(neutron)
    assert rules(neutron, group) == {
        f"ingress {family} {ports} {source}"
        for family, source in (("IPv4", FOUR), ("IPv6", SIX))
        for ports in ("tcp 80-81", "udp 53-53", "sctp 9-9")
    }
    (port,) = ports(neutron)
    assert len(port["security_groups"]) == 2
    assert group["id"] == port["security_groups"][-1]
    assert (group["description"], group["project_id"]) == ("kuryr:test@h1", neutron.project_id)


def test_the_first_makes_a_group_behind_and_all_others_share_it(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    docker.run(dual, expose=WEB)
    assert calls(neutron) == ["POST ports"]
    docker.node.behind.pass_time()
    assert calls(neutron)[1:3] == ["GET security-groups", "POST security-groups"]
    assert calls(neutron)[3:5] == ["DELETE security-group-rules"] * 2
    assert calls(neutron)[5:] == ["POST security-group-rules", "PUT ports"]
    neutron.calls.clear()
    docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports", "PUT ports"]
    assert len(groups(neutron)) == 1
    assert {tuple(port["security_groups"]) for port in ports(neutron)} == {tuple(ports(neutron)[0]["security_groups"])}


def test_another_host_finds_the_group(docker: Docker, neutron: FakeNeutron, kernel: FakeKernel) -> None:
    network = docker.create_network(FOUR)
    docker.run(network, expose=WEB)
    docker.node.behind.pass_time()
    (made,) = snapshot(neutron)["network"]
    other = Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2")))
    neutron.calls.clear()
    there = other.create_network(FOUR, ipam_opt={"neutron.net.uuid": made})
    other.run(there, expose=WEB)
    other.node.behind.pass_time()
    assert calls(neutron)[-2:] == ["GET security-groups", "PUT ports"]
    assert len(groups(neutron)) == 1
    other.node.close()


def test_a_container_that_exposes_nothing_costs_nothing(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    docker.run(dual)
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports", "PUT ports"]


def test_the_group_goes_with_the_docker_network(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    container = docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    docker.stop(container)
    assert len(groups(neutron)) == 1
    neutron.calls.clear()
    docker.remove_network(dual)
    assert calls(neutron) == ["DELETE ports", "DELETE networks", "DELETE security-groups"]
    assert groups(neutron) == []


def test_the_group_goes_with_the_docker_network_after_a_restart_too(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    container = docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    docker.restart_driver()
    docker.sweep()
    docker.stop(container)
    docker.remove_network(dual)
    assert groups(neutron) == []


def test_a_group_that_nobody_needs_any_more_is_swept(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    first, second = docker.run(dual, expose=WEB), docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    docker.stop(first)
    assert docker.sweep_after_grace() == 0
    assert len(groups(neutron)) == 1
    docker.stop(second)
    assert docker.sweep_after_grace() == 0
    assert groups(neutron) == []
    docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    assert len(groups(neutron)) == 1


def test_a_group_that_another_host_still_needs_stays(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network(FOUR)
    container = docker.run(network, expose=WEB)
    docker.node.behind.pass_time()
    (made,) = snapshot(neutron)["network"]
    other = Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2")))
    there = other.create_network(FOUR, ipam_opt={"neutron.net.uuid": made})
    remaining = other.run(there, expose=WEB)
    other.node.behind.pass_time()
    docker.stop(container)
    docker.remove_network(network)
    assert docker.sweep_after_grace() == 1  # the network itself is in use elsewhere
    assert len(groups(neutron)) == 1
    other.stop(remaining)
    other.remove_network(there)
    assert groups(neutron) == []
    other.node.close()


def test_a_group_that_was_swept_elsewhere_is_made_again(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    container = docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    docker.stop(container)
    (gone,) = groups(neutron)
    neutron.cloud.delete("security_group", gone["id"])
    docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    (group,) = groups(neutron)
    (port,) = ports(neutron)
    assert group["id"] in port["security_groups"]
    assert port["device_id"]


@pytest.mark.parametrize("status", [403, 409])
def test_where_no_group_can_be_made_the_port_still_has_its_users_name(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork, status: int
) -> None:
    container = docker.run(dual, expose=WEB)
    neutron.fail_next(method="POST", path="/security-groups", status=status, type_="OverQuota", message="no")
    docker.node.behind.pass_time()
    (port,) = ports(neutron)
    assert (port["device_id"], len(port["security_groups"])) == (container.id, 1)


def test_a_cloud_that_is_down_is_asked_again(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    docker.run(dual, expose=WEB)
    with neutron.down():
        docker.node.behind.pass_time()
    docker.node.behind.pass_time()
    (port,) = ports(neutron)
    assert len(port["security_groups"]) == 2


def test_what_a_crash_kept_from_being_opened_is_opened_after_it(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    """The driver dies within the two seconds; the container lives on, and Docker says nothing of it by itself."""
    opened, other = docker.run(dual, expose=WEB), docker.run(dual)
    docker.restart_driver()
    docker.sweep()
    (group,) = groups(neutron)
    ids = {port["device_id"]: port["security_groups"] for port in ports(neutron)}
    assert {owner: group["id"] in members for owner, members in ids.items()} == {opened.id: True, other.id: False}
    neutron.calls.clear()
    docker.sweep()
    assert not [call for call in neutron.calls if call.method != "GET"]


def kinds(docker: Docker, neutron: FakeNeutron) -> dict[str, tuple[DockerNetwork, dict[str, Any]]]:
    """Networks and arguments of `run` by which a port has its user's name from its birth, before anything is opened."""
    null = docker.create_network_without_ipam(o={"neutron.net.uuid": site(neutron, "10.7.0.0/24").network_id})
    own = docker.create_network_with_own_ipam("10.8.0.0/24", gateway="10.8.0.1")
    return {
        "null IPAM": (null, {}),
        "sticky": (null, {"options": {"kuryr.sticky.key": "web"}}),
        "Docker's IPAM": (own, {"ip": "10.8.0.9", "own_ipam": True}),
        "own options": (docker.create_network(FOUR), {"options": {"neutron.port_security": "true"}}),
    }


@pytest.mark.parametrize("kind", ["null IPAM", "sticky", "Docker's IPAM", "own options"])
def test_what_a_crash_kept_from_being_opened_is_opened_after_it_whatever_else_is_written_already(
    docker: Docker, neutron: FakeNeutron, kind: str
) -> None:
    network, arguments = kinds(docker, neutron)[kind]
    container = docker.run(network, expose=WEB, **arguments)
    docker.restart_driver()
    docker.sweep()
    (group,) = groups(neutron)
    (port,) = (each for each in snapshot(neutron)["port"].values() if each["device_id"] == container.id)
    assert group["id"] in port["security_groups"]


def test_what_is_written_already_is_not_written_again_after_a_restart(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork
) -> None:
    for _ in range(3):
        docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    docker.restart_driver()
    neutron.calls.clear()
    docker.sweep()
    assert neutron.counted("PUT") == 0
    first = neutron.counted("GET", "/security-groups")
    assert first <= 2, "one look-up for the opening, unless a gateway service remembers it, and one list of the sweep"
    docker.sweep()
    assert neutron.counted("GET", "/security-groups") == first + 1


def test_who_is_just_starting_is_looked_at_again(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    container = docker.run(dual, expose=WEB)
    docker.restart_driver()
    told = docker.told.pop(container.id)
    assert docker.sweep() == 1
    docker.told[container.id] = told
    docker.sweep()
    (port,) = ports(neutron)
    assert len(port["security_groups"]) == 2


@pytest.mark.parametrize("between", [False, True])
def test_a_join_that_is_repeated_writes_nothing_twice(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork, *, between: bool
) -> None:
    container = docker.run(dual, expose=WEB)
    if between:
        docker.node.behind.pass_time()
    exposed = {"com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}]}
    ids = {"NetworkID": dual.id, "EndpointID": container.id}
    docker.call("NetworkDriver.Join", **ids, SandboxKey="/x", Options=exposed)
    docker.node.behind.pass_time()
    assert neutron.counted("PUT", "/ports") == 1


def test_what_cannot_be_written_then_is_tried_again(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    docker.run(dual, expose=WEB)
    docker.restart_driver()
    neutron.fail_next(method="PUT", path="/ports", status=500, times=2)
    assert docker.sweep() > 0
    docker.sweep()
    (port,) = ports(neutron)
    assert len(port["security_groups"]) == 2


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_a_half_made_group_is_made_whole_by_the_next(
    docker: Docker, neutron: FakeNeutron, dual: DockerNetwork, steps: int
) -> None:
    """Killed after any of its requests: look-up, group, two times taking back, rules."""
    docker.run(dual, expose=WEB)
    neutron.calls.clear()
    neutron.on_request = lambda _: _fail_after(neutron, steps)
    docker.node.behind.pass_time()
    neutron.on_request = None
    docker.restart_driver()
    docker.run(dual, expose=WEB)
    docker.node.behind.pass_time()
    (group,) = groups(neutron)
    assert rules(neutron, group) == {f"ingress IPv4 tcp 80-80 {FOUR}", f"ingress IPv6 tcp 80-80 {SIX}"}


def _fail_after(neutron: FakeNeutron, steps: int) -> None:
    if len(neutron.calls) > steps:
        raise ConnectionError


@pytest.mark.parametrize("guard", [{"neutron.security_groups": "none"}, {"neutron.port_security": "false"}])
@pytest.mark.parametrize("place", ["network", "endpoint"])
def test_a_port_that_no_group_guards_gets_none(
    docker: Docker, neutron: FakeNeutron, guard: dict[str, str], place: str
) -> None:
    network = docker.create_network(FOUR, o=guard if place == "network" else {})
    docker.run(network, options=guard if place == "endpoint" else {}, expose=WEB)
    docker.node.behind.pass_time()
    assert groups(neutron) == []
    (port,) = ports(neutron)
    assert port["security_groups"] == []


@pytest.mark.parametrize(
    ("conf", "o", "sources"),
    [
        (True, {}, {FOUR}),
        (False, {}, set()),
        (False, {"kuryr.expose": "true"}, {FOUR}),
        (True, {"kuryr.expose": "false"}, set()),
        (True, {"kuryr.expose.source": "any"}, {"0.0.0.0/0", "::/0"}),
        (True, {"kuryr.expose.source": "10.9.0.0/16,fd00:9::/64"}, {"10.9.0.0/16", "fd00:9::/64"}),
    ],
)
def test_the_network_says_whether_and_for_whom(
    docker: Docker, neutron: FakeNeutron, conf: bool, o: dict[str, str], sources: set[str]
) -> None:
    docker.expose = conf
    docker.restart_driver()
    network = docker.create_network(FOUR, o=o)
    docker.restart_driver()
    docker.run(network, expose=WEB)
    docker.node.behind.pass_time()
    admitted = {rule.split()[-1] for group in groups(neutron) for rule in rules(neutron, group)}
    assert admitted == sources


def test_sources_for_nothing_are_refused(docker: Docker, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    with pytest.raises(InvalidInput, match=r"kuryr\.expose\.source contradicts"):
        docker.create_network(FOUR, o={"kuryr.expose": "false", "kuryr.expose.source": "any"})
    assert snapshot(neutron) == before


@pytest.mark.parametrize(
    "words", [(), ("expose=false",), ("from=any",), ("expose=true", "from=10.0.0.0/8", "from=fd00::/8")]
)
def test_what_an_anchor_records_is_read_again(words: tuple[str, ...]) -> None:
    assert ExposePolicy.of(("gateway=none", *words)).settings == words


@pytest.mark.parametrize("told", ["x", 7, [80], [{"Proto": 6}], [{"Proto": 6, "Port": 0}], [{"Proto": "6", "Port": 1}]])
def test_what_is_no_port_is_refused(docker: Docker, dual: DockerNetwork, told: object) -> None:
    container = docker.run(dual)
    with pytest.raises(InvalidInput, match="not an exposed port"):
        docker.call(
            "NetworkDriver.Join",
            NetworkID=dual.id,
            EndpointID=container.id,
            Options={"com.docker.network.endpoint.exposedports": told},
        )


def test_a_protocol_that_has_no_ports_is_left_out(docker: Docker, neutron: FakeNeutron, dual: DockerNetwork) -> None:
    docker.run(dual, expose=[(1, 8)])
    docker.node.behind.pass_time()
    assert groups(neutron) == []
