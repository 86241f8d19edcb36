"""The driver is killed when it has just made ports ahead, and when it has just handed one out.

What must hold is what holds for every start and stop; and a network goes at once with all that waits there.
"""

from collections.abc import Iterator

import pytest

from fault.rig import Rig
from kuryr_lab.lab import Lab

STEPS = {
    "a port was taken": "IpamDriver.RequestAddress | after the call | 1",
    # Neutron has them, and nobody knows of them.
    "ports had been made": "behind | after neutron POST ports | 1",
}


@pytest.fixture
def rig(lab: Lab) -> Iterator[Rig]:
    """A network with a container, and a port that waits for the next one."""
    rig = Rig(lab, lab.hosts["host1"], ("--subnet", "10.97.0.0/24"), ahead=True)
    assert rig.create_network()
    assert rig.run("peer")
    rig.await_ready_ports(1)
    yield rig
    rig.close()


@pytest.mark.parametrize(
    "when", ["a port was taken", pytest.param("ports had been made", marks=pytest.mark.exhaustive)]
)
def test_killed_when(rig: Rig, when: str) -> None:
    rig.arm(STEPS[when])
    ran = rig.run("worker")
    rig.await_death()
    if not ran:
        rig.remove("worker")
        assert rig.run("worker")
    assert rig.address("worker") != rig.address("peer")
    rig.await_ping("worker", "peer")
    for name in ("worker", "peer"):
        assert rig.remove(name)
    assert rig.remove_network()
    assert not rig.await_inventory(frozenset())
