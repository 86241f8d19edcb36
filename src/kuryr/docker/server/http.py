"""HTTP on a Unix socket: reads, hands over to a lane, writes. Nothing here waits for anything but bytes.

Docker's HTTP is not quite HTTP: engines before 20.10.26 send an empty Host header, no request has a Content-Type, and
errors are read as `Err` by one half of the engine and as `Error` by the other, so every error says both.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from kuryr.docker.protocol import capabilities, messages
from kuryr.docker.protocol.capabilities import LOCAL
from kuryr.docker.server.methods import INSTANT, METHODS, Lane, Method
from kuryr.errors import CloudUnavailable, KuryrError, NotFound
from kuryr.neutron.tracing import new_request_id, request_id
from kuryr.web.asgi import Event, Receive, Send, answer, read

if TYPE_CHECKING:  # the driver is loaded behind the handshake
    from kuryr.docker.driver.assembly import Driver

LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"
METRICS = "/metrics"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LARGEST_BODY = 1 << 20
"""Bytes. Docker's largest request, with hundreds of published ports, has some ten thousand."""
WAITING_LIMIT = 1000
"""Requests that may wait for a thread; more are turned away at once."""

Reply = Mapping[str, object]
Observe = Callable[[str, int, float], None]


class Lanes:
    """A bounded executor per lane, so that work that hangs in one never delays another."""

    def __init__(self, threads: Mapping[Lane, int]) -> None:
        self._executors: dict[Lane, Executor] = {
            lane: ThreadPoolExecutor(count, thread_name_prefix=lane.value) for lane, count in threads.items()
        }
        self._busy = dict.fromkeys(threads, 0)

    async def run(self, lane: Lane, work: Callable[[], Reply]) -> Reply:
        """The result of `work`, done in a thread of `lane`. Raises CloudUnavailable when too much waits already."""
        if self._busy[lane] >= WAITING_LIMIT:
            raise CloudUnavailable(f"{self._busy[lane]} requests are waiting already", hint="is Neutron slow or down?")
        self._busy[lane] += 1
        try:
            context = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(self._executors[lane], context.run, work)
        finally:
            self._busy[lane] -= 1

    def close(self) -> None:
        """Let no more work begin."""
        for executor in self._executors.values():
            executor.shutdown(wait=False, cancel_futures=True)


class Server:
    """An ASGI application: Docker's requests, answered by a driver that may be on its way still; `driver` waits for it.

    `activated` is called when an engine begins anew.
    """

    def __init__(
        self, driver: "Callable[[], Driver]", lanes: Lanes, activated: Callable[[], None], *, scope: str = LOCAL
    ) -> None:
        self._driver = driver
        self._instant: Mapping[str, Reply] = INSTANT | {"NetworkDriver.GetCapabilities": capabilities.network(scope)}
        self._lanes = lanes
        self._activated = activated
        self.observe: Observe = lambda *_: None
        """Told of every answer: method, status, seconds. Metrics are loaded behind the handshake."""
        self.exposition: Callable[[], bytes] = bytes
        """What GET /metrics answers."""

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        verb, path = scope["method"], scope["path"]
        if (verb, path) == ("GET", METRICS):
            status, media_type, body = 200, METRICS_TYPE, self.exposition()
        else:
            name = path.removeprefix("/")
            status, reply = await self._serve(name if verb == "POST" else f"{verb} {name}", receive)
            media_type, body = MEDIA_TYPE, msgspec.json.encode(reply)
        await answer(send, status, media_type, body)

    async def _serve(self, name: str, receive: Receive) -> tuple[int, Reply]:
        """Answer a method, and tell of it."""
        began = time.monotonic()
        request_id.set(new_request_id())
        status, reply = await _guarded(self._answer(name, receive))
        seconds = time.monotonic() - began
        known = name if name in METHODS or name in self._instant else "unknown"
        self.observe(known, status, seconds)
        LOG.log(
            logging.INFO if status == 200 else logging.WARNING,
            "docker method=%s status=%d seconds=%.3f request_id=%s%s",
            known,
            status,
            seconds,
            request_id.get(),
            f" error={reply['Err']}" if status != 200 else "",
        )
        return status, reply

    async def _answer(self, name: str, receive: Receive) -> Reply:
        body = await read(receive, LARGEST_BODY)
        if name == "Plugin.Activate":
            self._activated()
        if name in self._instant:
            return self._instant[name]
        method = METHODS.get(name)
        if method is None:
            raise NotFound(f"Kuryr has no method {name[:64]!r}")
        message = messages.decode(body, method.request)
        LOG.debug("docker method=%s request=%r", name, message)
        return await self._lanes.run(method.lane, lambda: self._call(method, message))

    def _call(self, method: Method, message: msgspec.Struct) -> Reply:
        return method.answer(self._driver(), message)


async def _guarded(answer: Awaitable[Reply]) -> tuple[int, Reply]:
    """The one place where failures become replies."""
    try:
        return 200, await answer
    except KuryrError as error:
        if error.__cause__:
            LOG.debug("the cause of %r", str(error), exc_info=error.__cause__)
        return _failure(error)
    except asyncio.CancelledError:
        # The process ends. Without an answer Docker would repeat the request, and without its body.
        return _failure(CloudUnavailable("the Kuryr driver is being stopped", hint="run the command again"))
    except Exception as error:
        LOG.exception("a defect of Kuryr")
        text = f"Kuryr failed: {type(error).__name__} (its log has the rest; please report it)"
        return 500, {"Err": text, "Error": text}


def _failure(error: KuryrError) -> tuple[int, Reply]:
    return error.status, {"Err": str(error), "Error": str(error)}
