"""A gateway service in the same process: everything of it but HTTP, so that any test can run through it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from fakes.neutron import FakeNeutron
from kuryr.errors import KuryrError
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.gateway.service.calls import Calls
from kuryr.gateway.service.grants import Certificate, Grants
from kuryr.gateway.wire import failures
from kuryr.gateway.wire.calls import Method
from kuryr.suspects import Suspects

EVERYTHING = """
[nodes.vm1]
host = "h1"
networks = "project"
may = ["make-networks", "publish", "borrow-ports", "loosen-ports"]

[nodes.vm2]
host = "h2"
networks = "project"
may = ["make-networks", "publish", "borrow-ports", "loosen-ports"]
"""


def service(neutron: FakeNeutron, grants: Path, clock: Callable[[], float], deployment: str = "test") -> Calls:
    """The part of the service behind its door, with the table of a file."""
    return Calls(
        Grants(grants),
        deployment,
        lambda project: neutron.client(project_id=project or None),
        defaults=Defaults(),
        suspects=lambda: Suspects(60.0, clock),
    )


class MemoryChannel:
    """The way there for whoever shows a certificate of this name."""

    def __init__(self, calls: Calls, name: str, sweep_soon: Callable[[], None] = lambda: None) -> None:
        self._calls = calls
        self._certificate = Certificate(frozenset({name}), "1")
        self._sweep_soon = sweep_soon
        self.sent: list[str] = []

    def call(self, method: Method, arguments: Any) -> Any:
        """See `kuryr.gateway.remote.families.Channel`."""
        return self.send(method, msgspec.json.encode(arguments))

    def send(self, method: Method, body: bytes) -> Any:
        """A call with any body."""
        self.sent.append(str(method))
        node = self._calls.admitted(self._certificate)
        status, reply = self._calls.answer(node, method, body)
        answer = msgspec.json.decode(msgspec.json.encode(reply))
        if answer.get("sweep"):
            self._sweep_soon()
        if "error" in answer:
            error: KuryrError = failures.typed_error(answer["error"])
            assert status in {error.status, 500}
            raise error
        return answer["result"]
