"""ASGI, the interface between a Python web server and what it serves: half a dozen events, so no framework."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kuryr.errors import InvalidInput

Event = Mapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]


async def read(receive: Receive, largest: int) -> bytes:
    """The body of a request. Raises InvalidInput when it has more bytes than `largest`, or does not end."""
    body, more = bytearray(), True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise InvalidInput("the client hung up in the middle of a request")
        body += event.get("body", b"")
        if len(body) > largest:
            raise InvalidInput("the request is too large")
        more = event.get("more_body", False)
    return bytes(body)


async def answer(send: Send, status: int, media_type: str, body: bytes) -> None:
    """Answer a request."""
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
