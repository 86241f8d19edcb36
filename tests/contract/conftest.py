"""The contract's two parties: the in-memory Neutron, and the lab's real one."""

from collections.abc import Iterator

import pytest

from contract.site import DEAD_HOST, Site, tidied
from fakes.neutron import FakeNeutron


@pytest.fixture(params=["fake", "real"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param == "fake":
        fake = FakeNeutron()
        fake.cloud.dead_hosts.add(DEAD_HOST)
        with tidied(fake.client(), "h1") as found:
            yield found
    else:
        with tidied(request.getfixturevalue("lab_neutron"), request.getfixturevalue("lab_host")) as found:
            yield found
