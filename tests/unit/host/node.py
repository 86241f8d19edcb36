"""A host without an engine: Kuryr's own host and cloud sides on an in-memory Neutron and an in-memory kernel.

Making a second `Node` on the same cloud and kernel is a restart after kill -9: nothing else is handed over.
"""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, cast

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from fakes.transport import MemoryChannel
from fakes.transport import service as fake_service
from kuryr.behind import Behind, Task
from kuryr.gateway.assembly import LocalGateway
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.gateway.remote.assembly import RemoteGateway
from kuryr.gateway.service.calls import Calls
from kuryr.host.demand import Sizes
from kuryr.host.endpoints import Endpoints
from kuryr.host.reconcile import Reconciler
from kuryr.host.timing import Timing
from kuryr.model import Mark
from kuryr.suspects import Suspects

MARK = Mark("test", "h1")
GRACE = 60.0
NO_SIZES = Sizes(most=0)
"""Ready ports have tests of their own."""


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SteppedBehind(Behind):
    """Work behind whose delays pass at once, when `pass_time` is called."""

    def __init__(self) -> None:
        super().__init__(threads=2)
        self._later: list[Task] = []

    def later(self, delay: float, task: Task) -> None:
        self._later.append(task)

    def pass_time(self) -> None:
        """Run what was to come later, and wait for everything."""
        due, self._later = self._later, []
        for task in due:
            self.soon(task)
        assert self.drain(10)


class Node:
    """One process on one host."""

    def __init__(
        self,
        neutron: FakeNeutron,
        kernel: FakeKernel,
        *,
        clock: Clock | None = None,
        mark: Mark = MARK,
        sizes: Sizes = NO_SIZES,
    ):
        self.neutron = neutron
        self.kernel = kernel
        self.mark = mark
        self.clock = clock or Clock()
        self.sizes = sizes
        self.sweeps_asked = 0
        self.behind = SteppedBehind()
        self.gateway = self.reached(neutron)
        self.networks = self.gateway.networks
        self.cloud = self.gateway.ports
        self.binding = kernel.binding()
        self.alive: set[str] = set()
        """The owners that the engine knows when it is asked for one."""
        timing = Timing(ready=1, settle=0.2, clock=self.clock)
        self.endpoints = Endpoints(
            self.cloud,
            self.binding,
            self.behind,
            timing,
            lambda owner: owner in self.alive,
            self.ask_for_sweep,
            sizes,
            self.gateway.neighbours,
        )
        self.reconciler = Reconciler(self.cloud, self.binding, self.endpoints)
        self.suspects, self._suspects = self.new_suspects(), self.new_suspects()

    def reached(self, neutron: FakeNeutron) -> LocalGateway:
        """The cloud's side."""
        return LocalGateway(neutron.client(), self.mark, self.behind, self.ask_for_sweep, Defaults())

    def ask_for_sweep(self) -> None:
        self.sweeps_asked += 1

    def new_suspects(self) -> Suspects:
        """Nobody yet, by this node's clock."""
        return Suspects(GRACE, self.clock)

    def restarted(self) -> "Node":
        """A new process, after this one was killed."""
        self.behind.close()
        new = Node(self.neutron, self.kernel, clock=self.clock, mark=self.mark, sizes=self.sizes)
        new.alive = self.alive
        return new

    def sweep(self, *alive: str) -> int:
        """One look at the containers' side."""
        return self.reconciler.sweep(alive, self._suspects)

    def sweep_after_grace(self, *alive: str) -> int:
        """Two looks, as far apart as the grace period."""
        self.sweep(*alive)
        self.clock.now += GRACE
        return self.sweep(*alive)

    def close(self) -> None:
        self.behind.close()


class RemoteNode(Node):
    """A process without credentials: it reaches the cloud through a service, which lives on when it is killed."""

    def __init__(
        self,
        neutron: FakeNeutron,
        kernel: FakeKernel,
        grants: Path,
        *,
        clock: Clock | None = None,
        service: Calls | None = None,
        sizes: Sizes = NO_SIZES,
    ) -> None:
        self._grants = grants
        clock = clock or Clock()
        self.service = service or fake_service(neutron, grants, clock)
        super().__init__(neutron, kernel, clock=clock, sizes=sizes)

    def reached(self, neutron: FakeNeutron) -> LocalGateway:
        """The cloud's side, through the service; of what only the local one has, no test with this node makes use."""
        channel = MemoryChannel(self.service, "vm1", self.ask_for_sweep)
        return cast("LocalGateway", RemoteGateway(channel, self.behind, self.ask_for_sweep))

    def restarted(self) -> "RemoteNode":
        """A new process, after this one was killed."""
        self.behind.close()
        return RemoteNode(
            self.neutron, self.kernel, self._grants, clock=self.clock, service=self.service, sizes=self.sizes
        )


@dataclass(frozen=True)
class Site:
    """A Neutron network with a subnet that somebody has made."""

    network_id: str
    subnet_id: str
    cidr: IPv4Network

    def __getitem__(self, number: int) -> IPv4Address:
        return self.cidr[number]


def site(neutron: FakeNeutron, cidr: str = "10.1.0.0/24", **network: object) -> Site:
    """Make a network with one subnet, as its tenant would. Not counted as a call."""
    made = neutron.cloud.create("network", [{"name": "blue", **network}], neutron.project_id)[0]
    body = {"network_id": made["id"], "cidr": cidr, "ip_version": 4, "name": "sub"}
    subnet = neutron.cloud.create("subnet", [body], str(made["project_id"]))[0]
    return Site(made["id"], subnet["id"], IPv4Network(cidr))


def snapshot(neutron: FakeNeutron) -> dict[str, dict[str, Any]]:
    """Everything in the cloud, by kind and id, without the default groups that every project has from the start."""
    resources = neutron.cloud.resources
    default = {group["id"] for group in resources["security_group"].values() if group["name"] == "default"}
    found = {
        kind: {id_: body for id_, body in kept.items() if body.get("security_group_id", id_) not in default}
        for kind, kept in resources.items()
    }
    return copy.deepcopy({kind: kept for kind, kept in found.items() if kept or kind in {"network", "subnet", "port"}})


def now(neutron: FakeNeutron) -> dict[str, dict[str, Any]]:
    """What a user would compare: everything but the revisions."""
    return as_it_was(snapshot(neutron))


def as_it_was(before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A snapshot without the revisions."""
    return {
        kind: {
            id_: {key: value for key, value in body.items() if key != "revision_number"} for id_, body in each.items()
        }
        for kind, each in before.items()
    }


def calls(neutron: FakeNeutron) -> list[str]:
    """What was asked of the cloud, in order: method and collection."""
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def ports(neutron: FakeNeutron, description: str = str(MARK)) -> list[dict[str, Any]]:
    """The ports that bear this mark."""
    return [port for port in snapshot(neutron)["port"].values() if port["description"] == description]


def fail_call(neutron: FakeNeutron, number: int, *, applied: bool, drop: bool = False) -> None:
    """Fail the call of this number, counted from now; `applied`: Neutron does what was asked, its answer gets lost."""

    def arm() -> None:
        if drop:
            neutron.drop_next(applied=applied)
        else:
            neutron.fail_next(applied=applied)

    numbers = itertools.count(1)

    def count(request: object) -> None:
        if next(numbers) == number - 1:
            arm()

    neutron.on_request = count
    if number == 1:
        arm()


def during(neutron: FakeNeutron, method: str, path: str, act: Callable[[], object]) -> None:
    """Do something once, when a request of this kind has reached Neutron and before it is answered."""

    def watch(request: Any) -> None:
        if request.method == method and request.path.startswith(path):
            neutron.on_request = None
            act()

    neutron.on_request = watch
