"""One machine as the service sees it: the cloud's side in its name, and what it may ask of that.

Host, marks, project and parent port of everything that is made are the grant's. What a call names is checked before
anything is done (`knowledge`), and what else it wants as well (`rules`). While a call works on a port, no other call
does: a port that is just given back may be somebody else's in the next moment.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from kuryr.behind import Afterwards
from kuryr.errors import NotFound
from kuryr.gateway.assembly import Bounds, LocalGateway
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.gateway.service import rules
from kuryr.gateway.service.allowance import Allowance
from kuryr.gateway.service.grants import Grant, Right
from kuryr.gateway.service.knowledge import Knowledge
from kuryr.gateway.wire.calls import METHODS, Method
from kuryr.locks import KeyedLocks
from kuryr.model import Kind, Mark, Network, Parent, Vif
from kuryr.neutron.client import Neutron
from kuryr.suspects import Suspects

_RELEASE = METHODS["ports"]["release"]


class Node:
    """Answers the calls of one machine. Thread-safe.

    `neutron` is a client for the grant's project. Its sweeps have `suspects` of the service's own.
    """

    def __init__(
        self,
        grant: Grant,
        deployment: str,
        neutron: Neutron,
        defaults: Defaults,
        suspects: Callable[[], Suspects],
    ) -> None:
        self.grant = grant
        mark = Mark(deployment, grant.host)

        def covers(network: Network) -> bool:
            return grant.covers(network, project_id=neutron.project_id, mark=str(mark))

        bounds = Bounds(covers, lends=Right.BORROW in grant.rights, inherits=False)
        self._work = Afterwards()
        parent = Parent(grant.nesting, link="", mac="", port_id=grant.parent) if grant.parent else None
        self._gateway = LocalGateway(neutron, mark, self._work, self._sweep_soon, defaults, bounds, parent)
        self._allowance = Allowance(grant, lambda: len(neutron.ports.list(description=str(mark))))
        self._leftovers = self._gateway.leftovers(suspects)
        self._knowledge = Knowledge(grant, mark, neutron, self._gateway, covers)
        self._order = KeyedLocks()
        self._guard = threading.Lock()
        self._sweep = False

    def call(self, method: Method, body: object) -> Any:
        """What a method answers, as JSON's types. Raises KuryrError."""
        with ExitStack() as held:
            for port_id in sorted(_ports_named(method, body)):
                held.enter_context(self._order(port_id))
            try:
                arguments = method.read(body, self._knowledge.named)
            except NotFound:
                if method.forgiving:
                    return method.result(None)
                raise
            rules.check(self.grant, method, arguments)
            if method is _RELEASE:
                self._forget(arguments.values())
            held.enter_context(self._allowance.taking(rules.ports_made(method, arguments)))
            result = self._do(method, arguments)
            return method.result(result, self._knowledge.told)

    def sweep_wanted(self) -> bool:
        """Whether the machine should look for leftovers; says so once."""
        with self._guard:
            wanted, self._sweep = self._sweep, False
        return wanted

    def _do(self, method: Method, arguments: Mapping[str, Any]) -> Any:
        family = self._leftovers if method.family == "leftovers" else getattr(self._gateway, method.family)
        try:
            return getattr(family, method.name)(**arguments)
        finally:
            self._work.finish()

    def _forget(self, released: Iterable[object]) -> None:
        for each in released:
            if isinstance(each, Vif):
                self._knowledge.forget(Kind.PORT, each.port_id)

    def _sweep_soon(self) -> None:
        with self._guard:
            self._sweep = True


def _ports_named(method: Method, body: object) -> set[str]:
    ports: set[str] = set()

    def note(kind: Kind, name: str) -> object:
        if kind is Kind.PORT:
            ports.add(name)
        return name

    method.read(body, note)
    return ports
