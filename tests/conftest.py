"""The lab for all tests that need a real cloud, thin on top of `kuryr_lab`."""

import os
from collections.abc import Iterator

import pytest

from kuryr.neutron.client import Neutron
from kuryr_lab import engines, profiles
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--engine`, `--profile` and `--transport`."""
    parser.addoption("--engine", default=engines.DEFAULT, help="which Docker the lab's hosts run (kuryr-lab engines)")
    parser.addoption(
        "--transport",
        default="local",
        choices=["local", "remote"],
        help="whether drivers in unit tests have credentials, or reach the cloud through a gateway service",
    )
    parser.addoption("--profile", default=profiles.CORE, help="what the lab's cloud is made of (kuryr-lab profiles)")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which Docker and which cloud are meant."""
    return f"engine: Docker {config.getoption('engine')}, profile: {config.getoption('profile')}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be shown.

    A test marked `engines(since=28)` wants 28 or later, one marked `credentials` a driver that has them, and one marked
    `backends(without="linuxbridge")` any other profile.
    """
    generation = int(config.getoption("engine").partition(".")[0])

    def wants(item: pytest.Item) -> int:
        return max((mark.kwargs.get("since", 0) for mark in item.iter_markers("engines")), default=0)

    def lacks(item: pytest.Item) -> bool:
        profile = config.getoption("profile")
        return any(mark.kwargs.get("without") == profile for mark in item.iter_markers("backends"))

    remote = config.getoption("transport") == "remote"
    others = [
        item
        for item in items
        if wants(item) > generation or lacks(item) or (remote and item.get_closest_marker("credentials"))
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    """A lab with two hosts: the one named in KURYR_LAB_NAME, left running, or one of this session's own."""
    name = os.environ.get("KURYR_LAB_NAME")
    lab = Lab(name or f"test{os.getpid()}")
    lab.up(hosts=2, engine=pytestconfig.getoption("engine"), profile=pytestconfig.getoption("profile"))
    yield lab
    if not name:
        lab.down()
        assert lab.leftovers() == []


@pytest.fixture
def no_leaks(lab: Lab) -> Iterator[None]:
    """Fail the test if Neutron, Open vSwitch, the kernel or Docker hold more, or less, than before it."""
    before = inventory(lab)
    yield
    assert leaked(lab, before) == []


@pytest.fixture
def tenant_network(lab: Lab, no_leaks: None) -> Iterator[TenantNetwork]:
    """A fresh Neutron network and subnet of project `demo`."""
    with TenantNetwork(lab) as network:
        yield network


@pytest.fixture
def host1_requests(lab: Lab) -> Cursor:
    """What host1, and so the driver there, asks of Neutron from here on, sweeps apart."""
    return lab.requests("host1", sweeps=False)


@pytest.fixture(scope="session")
def lab_host(lab: Lab) -> str:
    """A host with a working agent."""
    return next(iter(lab.hosts))


@pytest.fixture
def lab_neutron(lab: Lab, lab_host: str) -> Neutron:
    """Kuryr's own client, from the configuration that the lab wrote on a host."""
    from kuryr import config  # noqa: PLC0415  (only tests with a lab pay for these)
    from kuryr.neutron.session import connect  # noqa: PLC0415

    return connect(config.load([lab.hosts[lab_host].etc / "kuryr" / "kuryr.conf"]))
