"""What a driver takes up does not grow with the containers that it has served."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from kuryr_lab.load.churn import Churn
from kuryr_lab.load.engine import Engine, Network, Refused
from kuryr_lab.waiting import wait_until

TESTS = Path(__file__).parents[2]
CYCLES = 1500
USERS = 8
LIFE = 10_000
"""Cycles, to which what was measured is extrapolated."""


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    """Of a driver that has a process of its own."""
    path = tmp_path / "kuryr.sock"
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, "-m", "unit.docker.longrun", str(path)], env=environment) as process:
        try:
            wait_until("the driver listens", path.exists)
            yield path
        finally:
            process.kill()


def taken_up(socket: Path) -> dict[str, int]:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=60) as http:
        return {str(name): int(value) for name, value in http.get("http://driver/metrics").json().items()}


def live(engine: Engine, network: Network) -> None:
    """Containers that come and go, some of which are refused, and stops that come twice."""
    Churn(engine, network).saturated(CYCLES, USERS)
    for _ in range(CYCLES // 10):
        with suppress(Refused):
            engine.call("IpamDriver.RequestAddress", PoolID=network.pool, Address=network.gateway, Options=None)
        engine.stop(endpoint := engine.start(network))
        engine.stop(endpoint)


@pytest.mark.exhaustive
def test_ten_thousand_containers_leave_no_trace_in_their_driver(socket: Path) -> None:
    with Engine(socket) as engine:
        network = engine.create_network("10.1.0.0/16")
        live(engine, network)
        before = taken_up(socket)
        live(engine, network)
        after = taken_up(socket)
    growth = {name: after[name] - before[name] for name in before}
    # Pools fill up with who was never needed before, to their bounds.
    assert growth["threads"] < USERS, growth
    assert growth["file descriptors"] < USERS, growth
    assert growth["objects"] < CYCLES / 2, growth
    assert growth["KB"] * LIFE / CYCLES < 10_000, growth
