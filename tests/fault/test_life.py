"""Life with the engine: it crashes, boots before the driver, or lives apart from its containers.

What must hold: containers that shall come back do so with working traffic, those that live on without their engine are
not touched, and nothing is left when the user has removed what he made.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fault.engine import Engine, Traffic
from fault.rig import Rig
from kuryr_lab.lab import Lab
from kuryr_lab.waiting import wait_until

NAMES = ("peer", "worker")

NETWORK = ("--subnet", "10.93.0.0/24", "--ip-range", "10.93.0.8/30")
"""Neutron's DHCP takes one of the four addresses: two containers leave one, which is fewer than they need when they
come back before their former ports are gone."""


@dataclass(frozen=True)
class Scene:
    """Two containers that shall always run. `network_alone` is what is there without them."""

    rig: Rig
    engine: Engine
    network_alone: frozenset[str]

    def begin(self, *names: str) -> None:
        """Run containers."""
        for name in names:
            # A first process without a handler for SIGTERM would hold up every stop for ten seconds.
            assert self.rig.run(name, "--restart", "always", "--stop-signal", "KILL")
        self.rig.await_ping("worker", "peer")

    def await_containers(self) -> None:
        """Wait until both run and reach one another. LabError when they do not."""
        wait_until("the containers run again", lambda: self.running() == set(NAMES))
        self.rig.await_ping("worker", "peer")
        self.rig.await_ping("peer", "worker")

    def await_end_of(self, before: frozenset[str]) -> None:
        """Wait until nothing is left of the containers' former endpoints. LabError when something is."""
        former = before - self.network_alone
        wait_until("the former endpoints are gone", lambda: former.isdisjoint(self.rig.inventory()))

    def running(self) -> set[str]:
        """The names of all running containers."""
        return set(self.rig.host.docker("ps", "--format", "{{.Names}}").split())

    def end(self) -> str:
        """Remove the containers; what is left of them."""
        for name in NAMES:
            assert self.rig.remove(name)
        return self.rig.await_inventory(self.network_alone)


@pytest.fixture
def engine(lab: Lab) -> Iterator[Engine]:
    """The Docker of a host, which is there again at the end."""
    engine = Engine(lab.hosts["host2"])
    yield engine
    engine.recover()


@pytest.fixture
def scene(lab: Lab, engine: Engine) -> Iterator[Scene]:
    """The containers, on a network of a driver of their own."""
    rig = Rig(lab, engine.host, NETWORK)
    assert rig.create_network()
    scene = Scene(rig, engine, rig.inventory())
    scene.begin(*NAMES)
    yield scene
    rig.come_back()
    engine.recover()
    rig.close()


@pytest.fixture
def obstacle(lab: Lab, scene: Scene) -> Iterator[Rig]:
    """Another driver with a network: when it does not answer, it holds up the engine's boot."""
    rig = Rig(lab, scene.engine.host, ("--subnet", "10.94.0.0/24"))
    assert rig.docker("network", "create", *rig.network, "obstacle")
    yield rig
    rig.come_back()
    scene.engine.recover()
    assert rig.docker("network", "rm", "obstacle")
    rig.close()


@pytest.mark.engines
@pytest.mark.parametrize("loss", ["the engine and the driver", pytest.param("the host", marks=pytest.mark.exhaustive)])
def test_an_engine_that_boots_before_the_driver_waits_and_all_come_back(scene: Scene, loss: str) -> None:
    """Its socket is there, because systemd holds it; so the engine neither gives up nor forgets an endpoint."""
    rig, engine = scene.rig, scene.engine
    pids, before = engine.pids(*NAMES), rig.inventory()
    rig.stay_down(closed=False)
    engine.kill()
    if loss == "the host":
        crash_host(rig, pids)
    engine.boot()
    engine.await_knock(rig.socket)
    assert not engine.answers()
    rig.come_back()
    engine.await_answer()
    scene.await_containers()
    scene.await_end_of(before)
    assert not scene.end()


def crash_host(rig: Rig, pids: list[str]) -> None:
    """What does not outlive a host: processes, and with their namespaces the interfaces. Open vSwitch's rows do."""
    rig.host.run(["kill", "-KILL", *pids])
    for link in re.findall(r"^\d+: (tap[^@:]+)", rig.host.run(["ip", "-o", "link"]).stdout, re.MULTILINE):
        rig.host.run(["ip", "link", "delete", link])


@pytest.mark.exhaustive
def test_an_engine_that_is_restarted_in_order_brings_its_containers_back(scene: Scene) -> None:
    before = scene.rig.inventory()
    scene.engine.stop()
    scene.engine.boot()
    scene.engine.await_answer()
    scene.await_containers()
    scene.await_end_of(before)
    assert not scene.end()


@pytest.mark.exhaustive
def test_an_engine_that_found_no_driver_leaves_nothing_for_ever(scene: Scene) -> None:
    """It gives up on its containers and drops their endpoints without a word. The driver's own sweep finds them."""
    rig, engine = scene.rig, scene.engine
    # For each container the engine waits half a minute in vain.
    assert rig.remove("peer")
    rig.stay_down(closed=True)
    engine.kill()
    engine.boot()
    engine.await_answer(180)
    assert scene.running() == set()
    rig.come_back()
    assert not rig.await_inventory(scene.network_alone)
    assert rig.docker("start", "worker")
    scene.begin("peer")
    scene.await_containers()
    assert not scene.end()


@pytest.mark.exhaustive
def test_containers_that_outlive_their_engine_keep_their_traffic_and_are_not_swept(scene: Scene, obstacle: Rig) -> None:
    """Live-restore. The driver looks for leftovers while the engine is away and while it boots, and touches nothing."""
    rig, engine = scene.rig, scene.engine
    before = rig.inventory()
    (pid,) = engine.pids("worker")
    with engine.live_restore():
        with Traffic(rig.host, pid, rig.address("peer")):
            obstacle.stay_down(closed=False)
            engine.stop()
            rig.stay_down(closed=False)
            rig.come_back()
            await_looks(rig, 2)
            engine.boot()
            engine.await_knock(obstacle.socket)
            await_looks(rig, 2)
            assert rig.inventory() == before
            obstacle.come_back()
            engine.await_answer()
        assert engine.pids("worker") == [pid]
        scene.await_containers()
        assert rig.inventory() == before
        assert rig.docker("restart", "-t", "0", "worker")
        scene.await_containers()
        assert not scene.end()


def await_looks(rig: Rig, number: int) -> None:
    """Wait until the driver has looked for leftovers that many times more, in vain."""

    def looks() -> int:
        return rig.supervisor.log.read_text().count("no sweep: Docker does not answer")

    already = looks()
    wait_until("the driver looks for leftovers", lambda: looks() >= already + number)
