"""A swarm's managers and nodes on one in-memory cloud: one network, one port per address, and who removes what."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.docker.driver import swarm
from kuryr.docker.engine import EngineView
from kuryr.errors import Conflict, InvalidInput
from kuryr.gateway.identity import ANCHOR_OWNER, IDLE_OWNER, Anchorage
from kuryr.host.demand import Sizes
from kuryr.model import Mark
from unit.docker.swarm import CIDR, Manager, Worker, kuryrs, of_kind, settled
from unit.docker.world import Docker
from unit.host.node import Node, site

pytestmark = pytest.mark.credentials

_NUMBERS = itertools.count()


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def engines(neutron: FakeNeutron) -> Iterator[list[Docker]]:
    """Three hosts' engines, none of which has asked Neutron for anything yet. Nothing that follows is made ahead."""
    nodes = [Node(neutron, FakeKernel(), mark=Mark("test", name), sizes=Sizes()) for name in ("h1", "h2", "h3")]
    engines = [Docker(node) for node in nodes]
    for engine in engines:
        engine.node.networks.anchors.owners()
        engine.node.endpoints.load()
    neutron.calls.clear()
    yield engines
    for engine in engines:
        engine.node.close()


@pytest.fixture
def manager(engines: list[Docker]) -> Manager:
    return Manager(engines[0])


@pytest.fixture
def network() -> str:
    return f"{next(_NUMBERS):025d}"


def ports(neutron: FakeNeutron, owner: str) -> list[dict[str, Any]]:
    return [port for port in neutron.cloud.resources["port"].values() if port["device_owner"] == owner]


def test_the_manager_makes_one_network_for_all(neutron: FakeNeutron, engines: list[Docker], network: str) -> None:
    stored = Manager(engines[0]).allocate(network, {"other": "x"})
    (made,) = of_kind(neutron, "network")
    assert stored == {"other": "x", "neutron.net.uuid": made["id"], swarm.OPTION: "made"}
    assert [call.method for call in neutron.calls] == ["GET", "POST", "POST", "POST"]
    for engine in engines:
        Worker(engine).use(network, stored)
    assert of_kind(neutron, "network") == [made]
    assert len(of_kind(neutron, "subnet")) == 1
    assert len(ports(neutron, ANCHOR_OWNER)) == 4


def test_an_address_is_kept_by_a_port_without_a_host(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    stored = manager.allocate(network)
    neutron.calls.clear()
    address = manager.address(network)
    assert [call.method for call in neutron.calls] == ["POST"]
    (port,) = ports(neutron, IDLE_OWNER)
    assert (port["fixed_ips"][0]["ip_address"], port["network_id"]) == (address, stored["neutron.net.uuid"])
    assert (port["binding:host_id"], port["device_id"], port["admin_state_up"]) == ("", "", True)
    assert port["description"] == f"kuryr:test@swarm.{network}"
    assert port["security_groups"]
    manager.release(network, address)
    settled(manager.docker)
    assert ports(neutron, IDLE_OWNER) == []


def test_a_certain_address_is_asked_for_twice_and_kept_once(
    neutron: FakeNeutron, manager: Manager, network: str
) -> None:
    manager.allocate(network)
    assert manager.address(network, "10.5.0.9") == "10.5.0.9"
    assert manager.address(network, "10.5.0.9") == "10.5.0.9"
    assert len(ports(neutron, IDLE_OWNER)) == 1


def test_an_address_that_is_being_released_can_be_asked_for_at_once(
    neutron: FakeNeutron, manager: Manager, network: str
) -> None:
    manager.allocate(network)
    manager.address(network, "10.5.0.9")
    for _ in range(5):
        manager.release(network, "10.5.0.9")
        manager.address(network, "10.5.0.9")
    settled(manager.docker)
    assert len(ports(neutron, IDLE_OWNER)) == 1


def test_somebody_elses_address_is_not_the_swarms(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    stored = manager.allocate(network)
    (subnet,) = of_kind(neutron, "subnet")
    fixed_ip = {"subnet_id": subnet["id"], "ip_address": "10.5.0.9"}
    body = {"network_id": stored["neutron.net.uuid"], "fixed_ips": [fixed_ip]}
    (foreign,) = neutron.cloud.create("port", [body], neutron.project_id)
    with pytest.raises(Conflict):
        manager.address(network, "10.5.0.9")
    manager.release(network, "10.5.0.9")
    settled(manager.docker)
    assert neutron.cloud.resources["port"][foreign["id"]]["id"] == foreign["id"]


def test_a_release_that_neutron_fails_is_repeated(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    manager.allocate(network)
    address = manager.address(network)
    neutron.fail_next(method="DELETE", path="/ports")
    manager.release(network, address)
    settled(manager.docker)
    assert len(ports(neutron, IDLE_OWNER)) == 1
    manager.docker.node.behind.pass_time()
    settled(manager.docker)
    assert ports(neutron, IDLE_OWNER) == []


def test_nothing_is_left_of_a_network_that_is_freed(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    manager.allocate(network)
    for _ in range(3):
        manager.address(network)
    manager.free(network)
    settled(manager.docker)
    assert [of_kind(neutron, kind) for kind in ("network", "subnet", "port")] == [[], [], []]


def test_a_manager_that_starts_anew_finds_everything(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    """Swarmkit asks for its pool, its network and all addresses again, with what it has stored."""
    stored = manager.allocate(network)
    kept = [manager.address(network) for _ in range(2)]
    before = {port["id"] for port in ports(neutron, IDLE_OWNER)}
    manager.docker.restart_driver()
    assert manager.allocate(network, stored, gateway="10.5.0.1") == stored
    assert [manager.address(network, address) for address in kept] == kept
    assert {port["id"] for port in ports(neutron, IDLE_OWNER)} == before
    assert (len(of_kind(neutron, "network")), len(ports(neutron, ANCHOR_OWNER))) == (1, 1)


def test_a_driver_that_starts_anew_knows_the_managers_pools(
    neutron: FakeNeutron, manager: Manager, network: str
) -> None:
    manager.allocate(network)
    address = manager.address(network)
    manager.docker.restart_driver()
    manager.release(network, address)
    settled(manager.docker)
    assert ports(neutron, IDLE_OWNER) == []
    manager.address(network)
    assert len(ports(neutron, IDLE_OWNER)) == 1


@pytest.mark.parametrize("stored_before", [True, False])
def test_the_next_manager_takes_over(
    neutron: FakeNeutron, engines: list[Docker], network: str, stored_before: bool
) -> None:
    """Also from one that died before the swarm had stored what it did; and whatever it does counts everywhere."""
    first, second = Manager(engines[0]), Manager(engines[1])
    stored = first.allocate(network)
    address = first.address(network)
    assert second.allocate(network, stored if stored_before else {}, gateway="10.5.0.1") == stored
    assert second.address(network, address) == address
    assert len(of_kind(neutron, "network")) == len(ports(neutron, IDLE_OWNER)) == 1
    second.free(network)
    settled(engines[1])
    assert [of_kind(neutron, kind) for kind in ("network", "subnet", "port")] == [[], [], []]


@pytest.mark.parametrize("way", ["-o", "--ipam-opt"])
def test_an_existing_network_is_left_as_it_was(
    neutron: FakeNeutron, engines: list[Docker], network: str, way: str
) -> None:
    tenant = site(neutron, CIDR)
    before = [of_kind(neutron, kind) for kind in ("network", "subnet")]
    named = {"neutron.net.name": "blue"}
    first, second = Manager(engines[0]), Manager(engines[1])
    options = {"-o": (named, None), "--ipam-opt": (None, named)}[way]
    stored = first.allocate(network, *options, gateway="10.5.0.1")
    assert stored == {"neutron.net.uuid": tenant.network_id, swarm.OPTION: "adopted"}
    first.address(network)
    Worker(engines[2]).use(network, stored)
    second.allocate(network, {**named, **stored}, options[1], gateway="10.5.0.1")
    second.free(network)
    settled(engines[1])
    assert [of_kind(neutron, kind) for kind in ("network", "subnet")] == before
    assert [port["description"] for port in kuryrs(neutron)] == ["kuryr:test@h3"]


def test_a_task_uses_the_port_that_keeps_its_address(neutron: FakeNeutron, engines: list[Docker], network: str) -> None:
    """The same port before, while and after: no second one, and the manager alone deletes it."""
    manager, worker = Manager(engines[0]), Worker(engines[1])
    worker.use(network, manager.allocate(network))
    address = manager.address(network)
    (kept,) = ports(neutron, IDLE_OWNER)
    task = worker.run(network, address)
    assert ports(neutron, IDLE_OWNER) == []
    (used,) = ports(neutron, "compute:kuryr:test")
    assert (used["id"], used["binding:host_id"], task.mac) == (kept["id"], "h2", kept["mac_address"])
    engines[1].stop(task)
    (idle,) = ports(neutron, IDLE_OWNER)
    assert (idle["id"], idle["binding:host_id"], idle["device_id"]) == (kept["id"], "", "")
    manager.release(network, address)
    settled(engines[0])
    assert ports(neutron, IDLE_OWNER) == []


def test_the_manager_releases_an_address_from_under_a_node_that_is_lost(
    neutron: FakeNeutron, engines: list[Docker], network: str
) -> None:
    manager, worker = Manager(engines[0]), Worker(engines[1])
    worker.use(network, manager.allocate(network))
    address = manager.address(network)
    task = worker.run(network, address)
    manager.release(network, address)
    settled(engines[0])
    assert ports(neutron, "compute:kuryr:test") == []
    engines[1].stop(task)
    worker.leave(network)
    manager.free(network)
    settled(engines[0])
    assert [of_kind(neutron, kind) for kind in ("network", "subnet", "port")] == [[], [], []]


def test_a_node_that_died_gives_back_instead_of_deleting(
    neutron: FakeNeutron, engines: list[Docker], network: str
) -> None:
    manager, worker = Manager(engines[0]), Worker(engines[1])
    worker.use(network, manager.allocate(network))
    engines[1].networks.add(network)
    address = manager.address(network)
    worker.run(network, address)
    engines[1].endpoints.clear()
    engines[1].restart_driver()
    engines[1].sweep_after_grace()
    (idle,) = ports(neutron, IDLE_OWNER)
    assert idle["fixed_ips"][0]["ip_address"] == address
    assert manager.address(network, address) == address


def test_what_nodes_give_back_late_goes_with_the_last_of_them(
    neutron: FakeNeutron, engines: list[Docker], network: str
) -> None:
    """Docker removes a network while its tasks are still ending. Their ports are in use when the manager looks."""
    tenant = site(neutron, CIDR)
    manager, worker = Manager(engines[0]), Worker(engines[1])
    stored = manager.allocate(network, {"neutron.net.uuid": tenant.network_id}, gateway="10.5.0.1")
    worker.use(network, stored)
    task = worker.run(network, manager.address(network))
    manager.free(network)
    assert len(ports(neutron, "compute:kuryr:test")) == 1
    engines[1].stop(task)
    assert len(ports(neutron, IDLE_OWNER)) == 1
    worker.leave(network)
    assert kuryrs(neutron) == []


def test_what_everybody_missed_is_swept(neutron: FakeNeutron, engines: list[Docker], network: str) -> None:
    """All drivers were away when the tasks ended and the network was removed."""
    tenant = site(neutron, CIDR)
    manager, worker = Manager(engines[0]), Worker(engines[1])
    stored = manager.allocate(network, {"neutron.net.uuid": tenant.network_id}, gateway="10.5.0.1")
    worker.use(network, stored)
    worker.run(network, manager.address(network))
    engines[1].endpoints.clear()
    for engine in engines[:2]:
        engine.restart_driver()
        engine.sweep_after_grace()
    engines[1].sweep_after_grace()
    assert kuryrs(neutron) == []


def test_a_node_leaves_what_the_manager_still_keeps(neutron: FakeNeutron, engines: list[Docker], network: str) -> None:
    manager, worker = Manager(engines[0]), Worker(engines[1])
    stored = manager.allocate(network)
    worker.use(network, stored)
    address = manager.address(network)
    worker.leave(network)
    assert len(ports(neutron, IDLE_OWNER)) == 1
    worker.use(network, stored)
    assert manager.address(network, address) == address
    assert len(ports(neutron, ANCHOR_OWNER)) == 2


def test_a_network_comes_back_to_a_node_that_did_not_see_it_go(
    neutron: FakeNeutron, engines: list[Docker], network: str
) -> None:
    """Its driver was away. The network has another pool now, and the anchor says so, also after a restart."""
    stored = Manager(engines[0]).allocate(network)
    worker = Worker(engines[1])
    worker.use(network, stored)
    worker.use(network, stored)
    engines[1].restart_driver()
    (anchor,) = [port for port in ports(neutron, ANCHOR_OWNER) if port["description"] == "kuryr:test@h2"]
    assert Anchorage.parse(anchor["device_id"]).keys[0] in worker.pool
    assert engines[1].node.networks.of_key(worker.pool.split(",")[3]).anchorage.owner == network


def test_a_crash_while_a_network_is_freed_is_swept_up(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    """Wherever it happens: what is left is found by the manager's anchor, or by the network itself."""
    for failing in range(1, 8):
        manager.allocate(network)
        manager.address(network)
        neutron.calls.clear()
        calls = itertools.count(1)

        def crash(_request: object, failing: int = failing, calls: Iterator[int] = calls) -> None:
            if next(calls) >= failing:
                raise Crash

        neutron.on_request = crash
        with contextlib.suppress(Crash):
            manager.free(network)
        neutron.on_request = None
        manager.docker.restart_driver()
        manager.docker.sweep_after_grace()
        assert [of_kind(neutron, kind) for kind in ("network", "subnet", "port")] == [[], [], []]


class TestWhatIsAlive:
    """What an engine's view says of managers' anchors."""

    KNOWN = ("n1", "swarm.n1", "swarm.n2")

    def test_a_manager_knows_all_networks_of_the_swarm(self) -> None:
        view = EngineView(frozenset({"n1", "n9"}), frozenset(), swarm=frozenset({"n1"}))
        assert swarm.alive(view, self.KNOWN) == {"n1", "n9", "swarm.n1"}

    def test_a_node_that_is_no_manager_condemns_no_managers_anchor(self) -> None:
        view = EngineView(frozenset({"n9"}), frozenset(), swarm=None)
        assert swarm.alive(view, self.KNOWN) == {"n9", "swarm.n1", "swarm.n2"}

    def test_a_swarm_that_was_left_has_no_networks(self) -> None:
        assert swarm.alive(EngineView(frozenset({"n9"}), frozenset()), self.KNOWN) == {"n9"}


def test_whoever_leaves_a_swarm_takes_its_own_anchor_only(
    neutron: FakeNeutron, engines: list[Docker], network: str
) -> None:
    """Another manager has one, too: the network lives on under that one."""
    first, second = Manager(engines[0]), Manager(engines[1])
    stored = first.allocate(network)
    address = first.address(network)
    second.allocate(network, stored, gateway="10.5.0.1")
    engines[0].sweep_after_grace()
    assert [port["description"] for port in ports(neutron, ANCHOR_OWNER)] == ["kuryr:test@h2"]
    assert second.address(network, address) == address
    assert len(ports(neutron, IDLE_OWNER)) == len(of_kind(neutron, "network")) == 1


def test_the_last_to_leave_a_swarm_takes_everything(neutron: FakeNeutron, manager: Manager, network: str) -> None:
    """`docker swarm leave --force` on the only manager frees nothing."""
    manager.allocate(network)
    manager.address(network)
    manager.docker.sweep_after_grace()
    assert [of_kind(neutron, kind) for kind in ("network", "subnet", "port")] == [[], [], []]


@pytest.mark.parametrize(
    ("method", "body", "why"),
    [
        ("IpamDriver.RequestPool", {"AddressSpace": "KuryrGlobal", "Pool": "fd00:5::/64"}, "not one of IPv4"),
        ("NetworkDriver.AllocateNetwork", {"NetworkID": "n", "Options": {"kuryr.sticky": "ip"}}, "no use in a swarm"),
        ("NetworkDriver.AllocateNetwork", {"NetworkID": "n", "Options": {"neutron.nte.name": "x"}}, "has no option"),
        ("NetworkDriver.AllocateNetwork", {"NetworkID": "n", "Options": {}}, "needs a --subnet"),
    ],
)
def test_what_cannot_be_in_a_swarm_is_refused(
    neutron: FakeNeutron, manager: Manager, method: str, body: Mapping[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        manager.docker.call(method, **body)
    assert neutron.calls == []


def test_what_is_said_of_the_network_holds_for_the_ports_of_all_nodes(
    neutron: FakeNeutron, engines: list[Docker], network: str
) -> None:
    """The options of `-o` come to the nodes, too, where the network is an existing one."""
    (group,) = neutron.cloud.create("security_group", [{"name": "web"}], neutron.project_id)
    manager, worker = Manager(engines[0]), Worker(engines[1])
    said = {"neutron.security_groups": "web", "neutron.mtu": "1400", "neutron.dhcp": "false", "kuryr.gateway": "none"}
    stored = manager.allocate(network, said)
    worker.use(network, stored)
    task = worker.run(network, manager.address(network))
    (port,) = ports(neutron, "compute:kuryr:test")
    assert port["security_groups"] == [group["id"]]
    assert "Gateway" not in task.joined
    manager.allocate(network, stored)
