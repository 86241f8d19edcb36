"""`kuryr preallocate`: what it makes is found by containers, shown with its users, and removed when nobody uses it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.cli.main import app
from kuryr.errors import InvalidInput, KuryrError, NotFound, PlugError
from kuryr.model import sticky_mac
from unit.docker.world import Docker
from unit.host.node import Node, Site, now, site, snapshot

Run = Callable[..., Result]


@pytest.fixture
def neutron() -> Iterator[FakeNeutron]:
    neutron = FakeNeutron()
    yield neutron
    assert neutron.unscoped == []


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


@pytest.fixture
def docker(neutron: FakeNeutron) -> Iterator[Docker]:
    docker = Docker(Node(neutron, FakeKernel()))
    yield docker
    docker.node.close()


@pytest.fixture
def run(neutron: FakeNeutron, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command, on the in-memory cloud, for the deployment of the tests."""
    monkeypatch.setattr("kuryr.neutron.session.connect", lambda _: neutron.client())
    file = tmp_path / "kuryr.conf"
    file.write_text("[DEFAULT]\ndeployment = test\nhost = operator\n")

    def run(command: str, *arguments: str) -> Result:
        result = CliRunner().invoke(app, ["preallocate", command, *arguments, "--config-file", str(file)])
        if isinstance(result.exception, KuryrError):
            raise result.exception
        return result

    return run


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = json.loads(run("list", "--json", *arguments).stdout)
    return shown


def test_a_world_is_made_used_shown_and_removed(run: Run, docker: Docker, neutron: FakeNeutron) -> None:
    before = now(neutron)
    assert run("networks", "green", "--tag", "role=web").exit_code == 0
    assert run("subnets", "10.7.0.0/24", "--network", "green", "--tag", "role=web").exit_code == 0
    made = run("ports", "--network", "green", "--count", "3", "--name-prefix", "web", "--tag", "role=web", "--json")
    assert [item["name"] for item in json.loads(made.stdout)] == ["web-1", "web-2", "web-3"]
    assert {item["kind"] for item in listed(run, "--tag", "role=web")} == {"network", "subnet", "port"}
    idle = now(neutron)
    network = docker.create_network_without_ipam(o={"neutron.net.tag": "role=web"})
    container = docker.run(network, options={"neutron.port.tag": "role=web"})
    (used,) = [item for item in listed(run) if item["kind"] == "port" and item["use"]]
    assert (used["where"], used["use"]) == (container.address.partition("/")[0], "host h1")
    kept = run("free", "--tag", "role=web")
    assert kept.exit_code == 1
    assert f"kept port {used['name']}: port {used['name']} is in use: host h1" in kept.stderr
    assert "kept network green: network green is in use: 2 ports" in kept.stderr
    assert len(listed(run)) == 3
    docker.stop(container)
    docker.remove_network(network)
    assert used["id"] in idle["port"]
    assert now(neutron)["port"][used["id"]] == idle["port"][used["id"]], "given back as it was"
    assert run("free", "--all").exit_code == 0
    assert listed(run) == []
    assert now(neutron) == before


def test_ports_are_made_in_bulk(run: Run, neutron: FakeNeutron, blue: Site) -> None:
    run("ports", "--network", blue.network_id, "--count", "60")
    assert neutron.counted("POST", "/ports") == 2
    assert len(listed(run)) == 60


def test_a_port_of_another_kind_is_plugged_as_that_or_not_at_all(
    run: Run, docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    run("ports", "--network", "blue", "--count", "1", "--vnic-type", "direct", "--tag", "fast")
    idle = now(neutron)
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue"})
    with pytest.raises(PlugError, match=r"is of type ovs\.direct, which cannot be plugged here"):
        docker.run(network, options={"neutron.port.tag": "fast"})
    docker.node.behind.pass_time()
    docker.remove_network(network)
    assert now(neutron) == idle


def test_a_port_for_a_sticky_key_is_that_keys(run: Run, docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    run("ports", "--network", "blue", "--key", "web")
    (port,) = listed(run)
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue"})
    container = docker.run(network, options={"kuryr.sticky.key": "web"})
    assert container.mac == sticky_mac("web")
    assert container.address.startswith(port["where"])
    docker.stop(container)
    docker.remove_network(network)
    assert [item["id"] for item in listed(run)] == [port["id"]], "an operator's port outlives the Docker network"


def test_a_hosts_sticky_ports_are_shown_and_freed(run: Run, docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    network = docker.create_network_without_ipam(o={"neutron.net.name": "blue"})
    container = docker.run(network, options={"kuryr.sticky.key": "web"})
    assert [(item["name"], item["use"]) for item in listed(run)] == [("kuryr-web", "host h1")]
    assert run("free", "kuryr-web").exit_code == 1
    assert run("free", "--all").exit_code == 0, "what is in use is not meant by --all"
    docker.stop(container)
    assert run("free", "kuryr-web").exit_code == 0
    assert listed(run) == []


def test_nothing_of_others_is_shown_or_removed(run: Run, docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    fixed = [{"subnet_id": blue.subnet_id}]
    body = {"network_id": blue.network_id, "fixed_ips": fixed, "name": "mine"}
    neutron.cloud.create("port", [{**body, "description": "kuryr:other", "device_owner": "kuryr:idle"}], "x")
    neutron.cloud.create("port", [body], neutron.project_id)
    docker.run(docker.create_network("10.5.0.0/24"))
    before = snapshot(neutron)
    assert listed(run) == []
    assert run("free", "--all").exit_code == 0
    assert snapshot(neutron) == before


def test_the_table_says_who_uses_what(run: Run, blue: Site) -> None:
    assert run("ports", "--network", "blue", "--count", "1", "--tag", "role=web").exit_code == 0
    shown = run("list").stdout
    for word in ("port-1", "10.1.0.", "role=web", "nobody"):
        assert word in shown


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        (["ports", "--network", "blue"], InvalidInput, "no port is asked for"),
        (["ports", "--network", "nowhere", "--count", "1"], NotFound, "named 'nowhere'"),
        (["ports", "--network", "blue", "--subnet", "none", "--count", "1"], InvalidInput, "0 subnets of network blue"),
        (["subnets", "10.7.0.1/24", "--network", "blue"], InvalidInput, "host bits"),
        (["free"], InvalidInput, "nothing is named"),
        (["free", "ghost"], InvalidInput, "nothing of this name was made ahead of time: ghost"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    run: Run, neutron: FakeNeutron, blue: Site, command: list[str], error: type[KuryrError], words: str
) -> None:
    before = snapshot(neutron)
    with pytest.raises(error, match=words):
        run(*command)
    assert snapshot(neutron) == before


def test_what_is_taken_while_it_is_freed_is_kept(run: Run, neutron: FakeNeutron, blue: Site) -> None:
    run("ports", "--network", "blue", "--count", "1")
    (port,) = listed(run)

    def take(request: Any) -> None:
        if request.method == "DELETE":
            neutron.on_request = None
            neutron.cloud.update("port", port["id"], {"device_id": "vm-1", "device_owner": "compute:nova"})

    neutron.on_request = take
    assert run("free", port["id"]).exit_code == 1
    assert snapshot(neutron)["port"][port["id"]]["device_id"] == "vm-1"
