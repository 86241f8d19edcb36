"""The driver is killed at every call of Docker's and at every effect it has on Neutron, Open vSwitch and the kernel.

A first, undisturbed run records the steps; then each of them is the last one of a driver's life. What must hold
afterwards: the same docker commands work, no port belongs to two containers, and nothing is left when the user has
removed what he made.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fault.rig import Rig
from kuryr_lab.errors import LabError
from kuryr_lab.lab import Lab

MADE = ("--subnet", "10.91.0.0/24")

NAMED = "behind | after neutron PUT ports | 1"
RELEASED = "behind | after neutron DELETE ports | 1"
"""The last steps of a container's start and of its end."""


@pytest.fixture(scope="module")
def rigs(lab: Lab) -> Iterator[dict[str, Rig]]:
    """A host with networks that Kuryr makes, and a host with an existing network that it adopts."""
    tenant = lab.neutron("demo")
    network = tenant.create("network", name="fault")
    tenant.create("subnet", network_id=network["id"], ip_version=4, cidr="10.92.0.0/24")
    adopted = ("--ipam-opt", f"neutron.net.uuid={network['id']}")
    first, second = list(lab.hosts.values())[:2]
    made = {"made": Rig(lab, first, MADE), "adopted": Rig(lab, second, adopted)}
    for rig in made.values():
        # The handshake, which comes once, has a test of its own.
        assert rig.create_network()
        assert rig.remove_network()
    yield made
    for rig in made.values():
        rig.close()
    tenant.delete("network", network["id"])


def on_both(rigs: dict[str, Rig], scenario: Callable[[Rig], list[str]]) -> None:
    """Play a scenario on both hosts at once; it returns what went wrong."""
    with ThreadPoolExecutor(len(rigs)) as pool:
        troubles = zip(rigs, pool.map(scenario, rigs.values()), strict=True)
        lines = [f"{kind}: {trouble}" for kind, found in troubles for trouble in found]
    assert not lines, "\n".join(lines)


def each_step(rig: Rig, steps: list[str], attempt: Callable[[str], str]) -> list[str]:
    """Try every step; returns a line for each that went wrong."""
    assert len(steps) > 3
    troubles = []
    for step in steps:
        try:
            trouble = attempt(step)
        except LabError as error:
            trouble = str(error)
        finally:
            rig.disarm()
        if trouble:
            troubles.append(f"{step}: {trouble}")
            rig.remove("worker")
    return troubles


HANDSHAKE = [
    f"{method} | {when} the call | 1"
    for method in ("Plugin.Activate", "NetworkDriver.GetCapabilities", "IpamDriver.GetCapabilities")
    for when in ("before", "after")
]


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", HANDSHAKE)
def test_killed_during_the_handshake(lab: Lab, step: str) -> None:
    """Docker repeats a handshake that broke, so the user does not even notice."""
    rig = Rig(lab, lab.hosts["host1"], MADE)
    try:
        rig.arm(step)
        assert rig.create_network()
        rig.await_death()
        assert rig.remove_network()
        assert not rig.await_inventory(frozenset())
    finally:
        rig.close()


@pytest.mark.timeout(900)
def test_killed_while_a_network_is_created(rigs: dict[str, Rig]) -> None:
    def scenario(rig: Rig) -> list[str]:
        empty = rig.inventory()
        steps = rig.record(rig.create_network)
        rig.remove_network()

        def attempt(step: str) -> str:
            rig.arm(step)
            rig.create_network()
            rig.await_death()
            if not rig.has_network() and not rig.create_network():
                return "the network could not be created afterwards"
            if not rig.remove_network():
                return "the network could not be removed afterwards"
            return rig.await_inventory(empty)

        return each_step(rig, steps, attempt)

    on_both(rigs, scenario)


@pytest.mark.timeout(900)
def test_killed_while_a_network_is_removed(rigs: dict[str, Rig]) -> None:
    def scenario(rig: Rig) -> list[str]:
        empty = rig.inventory()
        rig.create_network()
        steps = rig.record(rig.remove_network)

        def attempt(step: str) -> str:
            if not rig.create_network():
                return "the network could not be created"
            rig.arm(step)
            rig.remove_network()
            rig.await_death()
            if rig.has_network() and not rig.remove_network():
                return "the network could not be removed afterwards"
            return rig.await_inventory(empty)

        return each_step(rig, steps, attempt)

    on_both(rigs, scenario)


@pytest.mark.timeout(900)
def test_killed_while_a_container_starts(rigs: dict[str, Rig]) -> None:
    def scenario(rig: Rig) -> list[str]:
        with_peer = standing_peer(rig)
        steps = rig.record(lambda: rig.run("worker"), NAMED)
        rig.remove("worker")

        def attempt(step: str) -> str:
            rig.arm(step)
            ran = rig.run("worker")
            rig.await_death()
            if not ran:
                rig.remove("worker")
                if not rig.run("worker"):
                    return "the container could not be started afterwards"
            if rig.address("worker") == rig.address("peer"):
                return "two containers have one address"
            rig.await_ping("worker", "peer")
            if not rig.remove("worker"):
                return "the container could not be removed afterwards"
            return rig.await_inventory(with_peer)

        troubles = each_step(rig, steps, attempt)
        return troubles + farewell(rig)

    on_both(rigs, scenario)


@pytest.mark.timeout(900)
def test_killed_while_a_container_is_removed(rigs: dict[str, Rig]) -> None:
    def scenario(rig: Rig) -> list[str]:
        with_peer = standing_peer(rig)
        rig.record(lambda: rig.run("worker"), NAMED)
        steps = rig.record(lambda: rig.remove("worker"), RELEASED)

        def attempt(step: str) -> str:
            if not rig.run("worker"):
                return "the container could not be started"
            rig.arm(step)
            rig.remove("worker")
            rig.await_death()
            if rig.has_container("worker") and not rig.remove("worker"):
                return "the container could not be removed afterwards"
            return rig.await_inventory(with_peer)

        troubles = each_step(rig, steps, attempt)
        return troubles + farewell(rig)

    on_both(rigs, scenario)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_killed_while_what_is_exposed_is_opened(rigs: dict[str, Rig]) -> None:
    """The group is made behind, so the container runs already; it is opened nevertheless, and goes with its network."""

    def scenario(rig: Rig) -> list[str]:
        empty = rig.inventory()

        def expose() -> bool:
            return rig.create_network() and rig.run("worker", "--expose", "80")

        def remove() -> bool:
            return rig.remove("worker") and rig.remove_network()

        steps = [step for step in rig.record(expose, NAMED) if step.startswith("behind")]
        assert remove()

        def attempt(step: str) -> str:
            rig.arm(step)
            if not expose():
                return "the container could not be started"
            rig.await_death()
            rig.await_opened()
            if not remove():
                return "the container could not be removed with its network afterwards"
            return rig.await_inventory(empty)

        return each_step(rig, steps, attempt)

    on_both(rigs, scenario)


@pytest.mark.exhaustive
def test_a_container_removed_while_the_driver_is_dead_leaves_nothing(rigs: dict[str, Rig]) -> None:
    def scenario(rig: Rig) -> list[str]:
        with_peer = standing_peer(rig)
        rig.run("worker")
        rig.stay_down(closed=True)
        rig.remove("worker")
        gone = not rig.has_container("worker")
        rig.come_back()
        if not gone and not rig.remove("worker"):
            return ["the container could not be removed"]
        trouble = rig.await_inventory(with_peer)
        return [trouble] * bool(trouble) + farewell(rig)

    on_both(rigs, scenario)


def standing_peer(rig: Rig) -> frozenset[str]:
    """A network with one container that stays throughout; returns what is there for it."""
    assert rig.create_network()
    rig.record(lambda: rig.run("peer"), NAMED)
    return rig.inventory()


def farewell(rig: Rig) -> list[str]:
    """Remove the peer and the network; what goes wrong."""
    rig.remove("peer")
    rig.remove_network()
    trouble = rig.await_inventory(frozenset())
    return [f"in the end: {trouble}"] * bool(trouble)
