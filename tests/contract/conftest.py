"""The contract's two parties: the in-memory Neutron, and the lab's real one as Kuryr's own identity sees it."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from contract.site import DEAD_HOST, Site, tidied
from fakes.neutron import FakeNeutron
from kuryr import config
from kuryr.neutron.client import Neutron
from kuryr.neutron.session import connect
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.lab import Lab


@pytest.fixture(scope="session")
def conf_of(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], cfg.ConfigOpts]:
    """The configuration that an operator would write for one of the lab's identities."""

    def load(name: str) -> cfg.ConfigOpts:
        file: Path = tmp_path_factory.mktemp("contract") / "kuryr.conf"
        options = password_options(IDENTITIES[name], lab.layout.auth_url)
        file.write_text("[neutron]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()))
        return config.load([file])

    return load


@pytest.fixture(scope="session")
def as_identity(conf_of: Callable[[str], cfg.ConfigOpts]) -> Callable[[str], Neutron]:
    """Kuryr's client of the lab's Neutron for one of the lab's identities."""
    return functools.cache(lambda name: connect(conf_of(name)))


@pytest.fixture(params=["fake", "real"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    yield from _site(request)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.exhaustive)])
def routed_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """For what takes a real cloud long."""
    yield from _site(request)


def _site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param == "fake":
        fake = FakeNeutron()
        fake.cloud.dead_hosts.add(DEAD_HOST)
        fake.cloud.report("h1", "OVN Controller agent")
        neutron, member, host = fake.client(), fake.client(plain=True), "h1"
        stranger = fake.client(project_id="stranger", admin=True)
    else:
        lab: Lab = request.getfixturevalue("lab")
        as_identity = request.getfixturevalue("as_identity")
        neutron, member, stranger = map(as_identity, ("kuryr", "demo", "admin"))
        host = next(iter(lab.hosts))
    with tidied(neutron, member, stranger, host) as found:
        yield found
