"""HTTP on mutual TLS: knows who calls, bounds what a call may cost, and hands it to a thread.

A machine whose certificate was stolen must not keep the others from their answers. So nobody has more than his share of
the threads, a thread that hangs in Neutron counts as his until it is free, and a body must come soon and be small.
"""

import asyncio
import contextvars
import logging
import re
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from kuryr.errors import CloudRefused, CloudUnavailable, InvalidInput, KuryrError, NotFound
from kuryr.gateway.service.calls import Calls, find
from kuryr.gateway.service.grants import Certificate
from kuryr.gateway.service.node import Node
from kuryr.gateway.wire import failures
from kuryr.gateway.wire.calls import Method
from kuryr.neutron.tracing import new_request_id, request_id
from kuryr.web.asgi import Event, Receive, Send, answer, read

LOG = logging.getLogger(__name__)

LARGEST_BODY = 256 << 10
"""Bytes. A network with hundreds of published ports has some ten thousand."""
BODY_PATIENCE = 10.0
"""Seconds until a body must have come."""

_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Reply = tuple[int, Mapping[str, Any]]


class Door:
    """The service's ASGI application. `threads` work on calls, at most `node_threads` on those of one machine."""

    def __init__(self, calls: Calls, *, threads: int, node_threads: int, timeout: float) -> None:
        self._calls = calls
        self._share = node_threads
        self._timeout = timeout
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="call")
        self._busy: Counter[str] = Counter()

    def close(self) -> None:
        """Let no more work begin."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        began = time.monotonic()
        request_id.set(_request_id(scope))
        # What a client sends may be anything, line breaks too.
        called, who = f"{scope['method']} {scope['path']!r:.100}", "nobody"
        status: int
        reply: Mapping[str, Any]
        try:
            node = self._calls.admitted(_certificate(scope))
            who = node.grant.name
            method = _method(scope["method"], scope["path"])
            called = str(method)
            status, reply = await self._answer(node, method, await _body(receive))
        except KuryrError as error:
            status, reply = error.status, {"error": failures.plain(error)}
        LOG.log(
            logging.INFO if status == 200 else logging.WARNING,
            "gateway node=%s method=%s status=%d seconds=%.3f request_id=%s%s",
            who,
            called,
            status,
            time.monotonic() - began,
            request_id.get(),
            f" error={reply['error']['said']['message']}" if "error" in reply else "",
        )
        await answer(send, status, "application/json", msgspec.json.encode(reply))

    async def _answer(self, node: Node, method: Method, body: bytes) -> Reply:
        who = node.grant.name
        if self._busy[who] >= self._share:
            raise CloudUnavailable(f"{self._busy[who]} calls of {who} are under way already", hint="try again")
        self._busy[who] += 1
        context = contextvars.copy_context()
        work = asyncio.get_running_loop().run_in_executor(
            self._executor, context.run, self._calls.answer, node, method, body
        )
        work.add_done_callback(lambda _: self._freed(who))
        done, _ = await asyncio.wait([work], timeout=self._timeout)
        if not done:
            raise CloudUnavailable(f"no answer within {self._timeout:g} s", hint="is Neutron slow or down?")
        return work.result()

    def _freed(self, who: str) -> None:
        self._busy[who] -= 1
        if not self._busy[who]:
            del self._busy[who]


def _request_id(scope: Event) -> str:
    """The client's own, by which Neutron's log shows what is done for him; a new one if that is none."""
    told = dict(scope["headers"]).get(b"x-openstack-request-id", b"").decode(errors="replace")
    return told if _REQUEST_ID.fullmatch(told) else new_request_id()


def _method(verb: str, path: str) -> Method:
    """The method that is called. Raises NotFound."""
    match [verb, *path.split("/")]:
        case ["POST", "", "v1", family, name]:
            return find(family, name)
        case _:
            raise NotFound(f"the gateway service has no {verb:.16} {path!r:.64}")


def _certificate(scope: Event) -> Certificate:
    """What the client has shown. Raises CloudRefused when it has expired since."""
    peer = scope["state"]["peer"]
    if not peer or ssl.cert_time_to_seconds(peer["notAfter"]) < time.time():
        raise CloudRefused("the client's certificate has expired", hint="ask the gateway service's operator")
    return Certificate.read(peer)


async def _body(receive: Receive) -> bytes:
    try:
        return await asyncio.wait_for(read(receive, LARGEST_BODY), BODY_PATIENCE)
    except TimeoutError as error:
        raise InvalidInput(f"the body of the call did not come within {BODY_PATIENCE:g} s") from error
