"""From a certificate and a body to an answer: finds the machine, does the call, and turns what fails into a reply."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kuryr.errors import CloudError, InvalidInput, KuryrError, NotFound
from kuryr.gateway.networks.subnet_pools import Defaults
from kuryr.gateway.service.grants import Certificate, Grant, Grants
from kuryr.gateway.service.node import Node
from kuryr.gateway.wire import failures
from kuryr.gateway.wire.calls import METHODS, Method
from kuryr.neutron.client import Neutron
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


class Calls:
    """Answers calls for all machines of the table. Thread-safe.

    `neutron` gives a client for a project, "" for the service's own. Each sweep has `suspects` of its own.
    """

    def __init__(
        self,
        grants: Grants,
        deployment: str,
        neutron: Callable[[str], Neutron],
        *,
        defaults: Defaults,
        suspects: Callable[[], Suspects],
    ) -> None:
        self._grants = grants
        self._deployment = deployment
        self._neutron = neutron
        self._defaults = defaults
        self._suspects = suspects
        self._lock = threading.Lock()
        self._nodes: dict[str, Node] = {}

    def admitted(self, certificate: Certificate) -> Node:
        """The machine that shows this certificate. Raises CloudRefused when it may do nothing; sends nothing."""
        try:
            grant = self._grants.of(certificate)
        except InvalidInput as error:
            LOG.error("%s", error)  # noqa: TRY400  (the line says all)
            raise CloudError("the gateway service's table of grants cannot be read", hint="its log says why") from None
        with self._lock:
            node = self._nodes.get(grant.name)
            if node is None or node.grant != grant:
                node = self._nodes[grant.name] = self._made(grant)
        return node

    def answer(self, node: Node, method: Method, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Status and reply."""
        reply: dict[str, Any] = {}
        status = 200
        try:
            reply["result"] = node.call(method, _decoded(body))
        except KuryrError as error:
            if error.__cause__:
                LOG.debug("the cause of %r", str(error), exc_info=error.__cause__)
            status, reply["error"] = error.status, failures.plain(error)
        except Exception as error:
            LOG.exception("a defect of Kuryr")
            told = CloudError(f"the gateway service failed: {type(error).__name__}", hint="its log has the rest")
            status, reply["error"] = 500, failures.plain(told)
        if node.sweep_wanted():
            reply["sweep"] = True
        return status, reply

    def _made(self, grant: Grant) -> Node:
        neutron = self._neutron(grant.project_id)
        return Node(grant, self._deployment, neutron, self._defaults, self._suspects)


def find(family: str, name: str) -> Method:
    """The method that is called. Raises NotFound."""
    method = METHODS.get(family, {}).get(name)
    if method is None:
        raise NotFound(f"the gateway service has no method {family[:32]}.{name[:32]}")
    return method


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("the body of the call is not JSON") from error
