"""The lab's engine without containers, at the socket of a driver on an in-memory cloud and host."""

import threading
from collections.abc import Iterator

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron, Request
from kuryr.errors import PlugError
from kuryr_lab.load.churn import Churn, Outcome
from kuryr_lab.load.engine import Engine, Network, Refused
from unit.docker.wire import Served
from unit.docker.world import Docker


@pytest.fixture
def engine(server: Served) -> Iterator[Engine]:
    with Engine(server.path) as engine:
        yield engine


@pytest.fixture
def network(engine: Engine) -> Network:
    return engine.create_network("10.1.0.0/16")


def test_a_container_starts_and_stops_as_with_docker(engine: Engine, network: Network, server: Served) -> None:
    server.observed.clear()
    endpoint = engine.start(network)
    assert endpoint.address.startswith("10.1.")
    assert endpoint.interface.startswith("tap")
    engine.stop(endpoint)
    said = [method.partition(".")[2] for method, _ in server.observed]
    assert said == [
        "RequestAddress",
        "CreateEndpoint",
        "Join",
        "ProgramExternalConnectivity",
        "EndpointOperInfo",
        "EndpointOperInfo",
        "RevokeExternalConnectivity",
        "Leave",
        "DeleteEndpoint",
        "ReleaseAddress",
    ]


def test_nothing_is_left(
    engine: Engine, network: Network, docker: Docker, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    outcome = Churn(engine, network).saturated(count=12, workers=4)
    assert len(outcome.seconds) == 12
    engine.remove_network(network)
    assert docker.node.behind.drain(10)
    assert neutron.cloud.resources["port"] == {}
    assert neutron.cloud.resources["network"] == {}
    assert kernel.links == {}


def test_a_refused_start_is_rolled_back(
    engine: Engine, network: Network, docker: Docker, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    with kernel.failing("stage"), pytest.raises(Refused, match="cannot stage"):
        engine.start(network)
    with kernel.failing("plug", error=PlugError("no bridge")), pytest.raises(Refused, match="no bridge"):
        engine.start(network)
    assert docker.node.behind.drain(10)
    assert kernel.links == {}
    assert neutron.counted("POST", "/ports") - neutron.counted("DELETE", "/ports") == 1  # the anchor


def test_a_network_makes_one_endpoint_at_a_time(engine: Engine, network: Network, neutron: FakeNeutron) -> None:
    other = engine.create_network("10.2.0.0/16")
    with neutron.hold() as hold:
        starts = [threading.Thread(target=engine.start, args=[each]) for each in (network, network, other)]
        for start in starts:
            start.start()
        hold.wait_for(2)
        with pytest.raises(AssertionError, match="no request arrived"):
            hold.wait_for(1, timeout=0.2)
    for start in starts:
        start.join(10)


def test_who_waits_for_his_turn_waits(engine: Engine, network: Network, neutron: FakeNeutron) -> None:
    released = threading.Event()

    def first_hangs(asked: Request) -> None:
        if (asked.method, asked.path) == ("POST", "/ports"):
            assert released.wait(10)

    neutron.on_request = first_hangs
    threading.Timer(0.5, released.set).start()
    outcome = Churn(engine, network).steady(rate=100, count=3, life=0)
    # They were due at 0, 10 and 20 ms, and none was done before 500.
    assert min(outcome.seconds) > 0.4


def test_percentiles_are_of_what_was_measured() -> None:
    outcome = Outcome([float(number) for number in range(100, 0, -1)], span=50)
    assert (outcome.percentile(0), outcome.percentile(50), outcome.percentile(99)) == (1, 51, 100)
    assert outcome.per_second == 2
