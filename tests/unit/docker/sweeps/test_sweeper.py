"""When the sweep looks, and that it touches nothing while the engine is silent."""

import itertools
import logging
import threading
from collections.abc import Callable
from typing import cast

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.docker.engine import Engine, EngineSilent, EngineView
from kuryr.docker.sweeps.sweeper import Sweeper
from kuryr.errors import CloudUnavailable
from kuryr.neutron.tracing import request_id
from kuryr.suspects import Suspects
from unit.docker.world import Docker
from unit.host.node import GRACE, ports, snapshot


class FakeEngine:
    """What Docker knows, or its silence."""

    def __init__(self, docker: Docker) -> None:
        self.docker = docker
        self.silent = False
        self.looks = threading.Semaphore(0)
        self.failure: Exception | None = None

    def view(self) -> EngineView:
        self.looks.release()
        if self.failure:
            raise self.failure
        if self.silent:
            raise EngineSilent("Docker does not answer")
        return self.docker.view()

    def looked(self) -> None:
        assert self.looks.acquire(timeout=5)


@pytest.fixture
def engine(docker: Docker) -> FakeEngine:
    return FakeEngine(docker)


@pytest.fixture
def sweeper(docker: Docker, engine: FakeEngine) -> Sweeper:
    return sweeper_of(docker, engine)


def sweeper_of(docker: Docker, engine: FakeEngine, grace: float = GRACE) -> Sweeper:
    return Sweeper(cast("Engine", engine), docker.sweeps, grace, 3600)


def test_a_living_network_and_its_containers_stay_whatever_is_remembered(
    docker: Docker, sweeper: Sweeper, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    docker.run(docker.create_network("10.5.0.0/24"))
    docker.node.behind.pass_time()
    before = snapshot(neutron)
    for _ in range(3):
        assert sweeper.sweep() == 0
        docker.node.clock.now += GRACE
    assert snapshot(neutron) == before
    assert len(kernel.links) == 1


def test_what_docker_has_forgotten_goes_after_the_grace_period(
    docker: Docker, sweeper: Sweeper, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    docker.run(docker.create_network("10.5.0.0/24"))
    docker.networks.clear()
    docker.endpoints.clear()
    assert sweeper.sweep() == 2
    docker.node.clock.now += GRACE
    assert sweeper.sweep() == 0
    assert (snapshot(neutron)["network"], ports(neutron), kernel.links) == ({}, [], {})


def test_a_silent_engine_has_forgotten_nothing(
    docker: Docker, engine: FakeEngine, sweeper: Sweeper, neutron: FakeNeutron
) -> None:
    docker.run(docker.create_network("10.5.0.0/24"))
    docker.networks.clear()
    docker.endpoints.clear()
    engine.silent = True
    before = snapshot(neutron)
    for _ in range(3):
        with pytest.raises(EngineSilent):
            sweeper.sweep()
        docker.node.clock.now += GRACE
    assert snapshot(neutron) == before


def test_a_container_outlives_its_lost_anchor(
    docker: Docker, sweeper: Sweeper, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    """Somebody removed the anchor in Neutron: the network is lost for new containers, not for those that run."""
    container = docker.run(docker.create_network("10.5.0.0/24"))
    docker.node.behind.pass_time()
    for port in ports(neutron):
        if port["device_owner"] == "kuryr:network":
            neutron.cloud.delete("port", port["id"])
    docker.restart_driver()
    node = docker.node
    sweeper = sweeper_of(docker, FakeEngine(docker))
    for _ in range(3):
        sweeper.sweep()
        node.clock.now += GRACE
    assert kernel.owners() == {container.id}


def started(sweeper: Sweeper) -> Callable[[], None]:
    sweeper.start()
    return sweeper.close


def test_it_looks_after_the_start_and_when_asked(sweeper: Sweeper, engine: FakeEngine) -> None:
    close = started(sweeper)
    engine.looked()
    sweeper.soon()
    engine.looked()
    assert not engine.looks.acquire(timeout=0.05)
    close()


@pytest.mark.parametrize("failure", [EngineSilent("boots"), CloudUnavailable("away"), ValueError("a defect")])
def test_it_looks_again_after_a_failure_at_growing_intervals(
    docker: Docker, engine: FakeEngine, failure: Exception
) -> None:
    engine.failure = failure
    sweeper = sweeper_of(docker, engine, 0.02)
    close = started(sweeper)
    for _ in range(3):
        engine.looked()
    close()


def test_after_a_long_outage_it_looks_soon(docker: Docker, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intervals stop growing: otherwise the thirtieth look would come after years."""
    monkeypatch.setattr("kuryr.docker.sweeps.sweeper.LONGEST_PAUSE", 0.02)
    engine.failure = CloudUnavailable("away")
    sweeper = sweeper_of(docker, engine, 0.01)
    close = started(sweeper)
    for _ in range(30):
        engine.looked()
    close()


@pytest.mark.credentials
def test_it_looks_again_for_what_is_still_there(
    docker: Docker, engine: FakeEngine, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    """Two looks suffice to remove what nobody uses, if the second comes after the grace period."""
    docker.run(docker.create_network("10.5.0.0/24"))
    docker.networks.clear()
    docker.endpoints.clear()

    def suspects() -> Suspects:
        """A grace period that is over at the second look."""
        return Suspects(0.02, itertools.count().__next__)

    sweeper = Sweeper(cast("Engine", engine), docker.driver.sweeps(suspects), 0.02, 3600)
    close = started(sweeper)
    engine.looked()
    engine.looked()
    close()
    vars(sweeper)["_thread"].join(5)
    assert (snapshot(neutron)["network"], kernel.links) == ({}, {})


def test_closing_ends_the_thread(sweeper: Sweeper, engine: FakeEngine) -> None:
    close = started(sweeper)
    engine.looked()
    close()
    thread = vars(sweeper)["_thread"]
    thread.join(5)
    assert not thread.is_alive()


def test_a_sweep_goes_by_one_request_id_which_the_log_names(
    engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """So that its requests are told from those of a container's start."""
    told: list[str | None] = []
    swept = threading.Event()

    def sweep(_: EngineView) -> int:
        told.append(request_id.get())
        if len(told) == 4:
            swept.set()
        return 0

    sweeper = Sweeper(cast("Engine", engine), [sweep, sweep], GRACE, 3600)
    with caplog.at_level(logging.INFO, "kuryr.docker.sweeps.sweeper"):
        sweeper.start()
        engine.looked()
        sweeper.soon()
        assert swept.wait(5)
        sweeper.close()
    first, second = told[0], told[2]
    assert first != second
    assert told == [first, first, second, second]
    assert [each.getMessage() for each in caplog.records] == [f"sweep request_id={each}" for each in (first, second)]
