"""Neutron in memory, served over HTTP, as slow as a large cloud's: `python -m kuryr_lab.fake.server --port 9696`.

Requests wait side by side, as they do at a cloud with many workers, and are then answered one at a time. Whoever asks
is a member of one project, and its service; any token will do, there is no Keystone.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs

import typer
import uvicorn

from kuryr_lab.fake.answers import Answers, Request
from kuryr_lab.fake.cloud import Cloud
from kuryr_lab.fake.refusals import Refusal
from kuryr_lab.fake.rights import Rights

PROJECT = "5e1f0000000000000000000000000001"
_VERSION = "/v2.0"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that requests take."""

    create: float = 0.0
    another: float = 0.0
    """For each resource of a bulk after the first."""
    update: float = 0.0
    delete: float = 0.0
    read: float = 0.0

    def of(self, asked: Request) -> float:
        """How long a request takes."""
        match asked.method:
            case "POST":
                bulk = max((len(value) for value in (asked.json or {}).values() if isinstance(value, list)), default=1)
                return self.create + (bulk - 1) * self.another
            case "PUT":
                return self.update
            case "DELETE":
                return self.delete
        return self.read


LARGE_CLOUD = Latency(create=0.6, another=0.2, update=0.3, delete=0.3, read=0.4)
"""What Rally measured of 200 compute nodes under load; ML2/OVN takes 0.2 s more for each further port of a bulk."""


class Server:
    """Neutron as an ASGI application."""

    def __init__(self, latency: Latency, cloud: Cloud) -> None:
        self._latency = latency
        self._answers = Answers(cloud, Rights(cloud, PROJECT, service=True, admin=False), None)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = await _read(scope, receive)
        await asyncio.sleep(self._latency.of(asked))
        try:
            status, answer = self._answers.answer(asked)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        body = b"" if answer is None else json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _read(scope: Message, receive: Receive) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Request(
        scope["method"],
        scope["path"].removeprefix(_VERSION),
        parse_qs(scope["query_string"].decode(), keep_blank_values=True),
        json.loads(body) if body else None,
        {name.decode().title(): value.decode() for name, value in scope["headers"]},
    )


def main(
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.")],
    create: Annotated[float, typer.Option(help="Seconds that making a resource takes.")] = LARGE_CLOUD.create,
    another: Annotated[float, typer.Option(help="The same for each further one of a bulk.")] = LARGE_CLOUD.another,
    update: Annotated[float, typer.Option(help="Seconds that a change takes.")] = LARGE_CLOUD.update,
    delete: Annotated[float, typer.Option(help="Seconds that a removal takes.")] = LARGE_CLOUD.delete,
    read: Annotated[float, typer.Option(help="Seconds that a look takes.")] = LARGE_CLOUD.read,
) -> None:
    """Serve Neutron's API until SIGTERM."""
    latency = Latency(create, another, update, delete, read)
    uvicorn.run(
        Server(latency, Cloud()), host="127.0.0.1", port=port, lifespan="off", log_level="warning", access_log=False
    )


if __name__ == "__main__":
    typer.run(main)
