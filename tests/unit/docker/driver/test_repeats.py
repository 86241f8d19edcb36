"""Calls that an engine makes zero times, or twice, in a life that is else as always.

Observed of real engines: a failed start makes Leave come twice (29) or never (20.10); after live-restore
RevokeExternalConnectivity is never sent (29); a swarm's manager and node both give an address back; an engine that
found no driver when it booted gives nothing back at all; what it repeats after 15 seconds may have been done already.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from unit.docker.world import Docker
from unit.host.node import Node, calls, site, snapshot

ENDS = [
    "NetworkDriver.RevokeExternalConnectivity",
    "NetworkDriver.Leave",
    "NetworkDriver.DeleteEndpoint",
    "IpamDriver.ReleaseAddress",
    "IpamDriver.ReleasePool",
    "NetworkDriver.DeleteNetwork",
]
BEGINNINGS = [
    "NetworkDriver.CreateNetwork",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.Join",
    "NetworkDriver.ProgramExternalConnectivity",
    "NetworkDriver.EndpointOperInfo",
]


EXPOSED = {"com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}]}


class Odd(Docker):
    """An engine that makes one kind of call another number of times."""

    def __init__(self, node: Node, method: str, times: int) -> None:
        super().__init__(node)
        self.method = method
        self.times = times

    def call(self, method: str, **body: Any) -> Mapping[str, Any]:
        answers = [super(Odd, self).call(method, **body) for _ in range(self.times if method == self.method else 1)]
        assert all(answer == answers[0] for answer in answers)
        return answers[0] if answers else {}


@pytest.fixture
def node(neutron: FakeNeutron, kernel: FakeKernel) -> Iterator[Node]:
    node = Node(neutron, kernel)
    yield node
    node.close()


def live(docker: Docker, network_id: str = "") -> None:
    """A network with two containers, one of which exposes a port and is started again."""
    named = {"neutron.net.uuid": network_id} if network_id else None
    network = docker.create_network(*(() if named else ("10.5.0.0/24",)), ipam_opt=named)
    first, second = docker.run(network, options=EXPOSED), docker.run(network)
    docker.node.behind.pass_time()
    docker.stop(first)
    again = docker.run(network, ip="" if named else "10.5.0.200")
    for container in (again, second):
        docker.stop(container)
    docker.remove_network(network)


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("method", BEGINNINGS + ENDS)
def test_twice_is_once(node: Node, neutron: FakeNeutron, kernel: FakeKernel, method: str, adopted: bool) -> None:
    """And nothing is made or removed twice in Neutron."""
    network_id = site(neutron).network_id if adopted else ""
    before = snapshot(neutron)
    live(Docker(node), network_id)
    node.behind.pass_time()
    expected = changes(neutron)
    neutron.calls.clear()
    live(Odd(node, method, times=2), network_id)
    node.behind.pass_time()
    assert (snapshot(neutron), kernel.links) == (before, {})
    assert changes(neutron) == expected


def changes(neutron: FakeNeutron) -> list[str]:
    """What Neutron was asked to make and to remove; what goes on behind may overtake the rest."""
    return sorted(call for call in calls(neutron) if call.startswith(("POST", "DELETE")))


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("method", [*ENDS, *BEGINNINGS[3:]])
def test_what_never_comes_is_found_by_the_sweep(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, method: str, adopted: bool
) -> None:
    network_id = site(neutron).network_id if adopted else ""
    before = snapshot(neutron)
    docker = Odd(node, method, times=0)
    live(docker, network_id)
    node.behind.pass_time()
    docker.sweep_after_grace()
    assert (snapshot(neutron), kernel.links) == (before, {})


def test_an_address_whose_answer_was_lost_is_asked_for_anew_and_does_not_stay(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    """Docker cannot know the first one, so it will never give it back."""
    docker = Docker(node)
    network = docker.create_network("10.5.0.0/24")
    with_network = snapshot(neutron)
    docker.call("IpamDriver.RequestAddress", PoolID=network.pool_id, Address="", Options=None)
    container = docker.run(network)
    docker.sweep_after_grace()
    assert kernel.owners() == {container.id}
    docker.stop(container)
    assert snapshot(neutron) == with_network


@pytest.mark.parametrize("restarted", [False, True])
def test_an_engine_that_gives_nothing_back_leaves_nothing(
    node: Node, neutron: FakeNeutron, kernel: FakeKernel, restarted: bool
) -> None:
    before = snapshot(neutron)
    docker = Docker(node)
    network = docker.create_network("10.5.0.0/24")
    for _ in range(2):
        docker.run(network)
    docker.endpoints.clear()
    docker.networks.clear()
    if restarted:
        docker.restart_driver()
    docker.sweep_after_grace()
    assert (snapshot(neutron), kernel.links) == (before, {})
    docker.node.close()
