"""One client's connection: whose certificate it has shown, and how much it may cost before a call is known.

Whatever comes before a call's body nobody reads but the parser, which would remember a header without end; and who has
all connections keeps the others out without calling at all. So a head is small, and nobody has more than his share.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kuryr.gateway.service.grants import Certificate

LOG = logging.getLogger(__name__)

MOST_CONNECTIONS = 100
"""Of one client: twice as many as a driver keeps."""
LARGEST_HEAD = 16 << 10
"""Bytes until a request's body begins."""


class PeerProtocol(HttpToolsProtocol):
    """Tells the application whose certificate a connection has shown."""

    peer: Mapping[str, Any] | None = None
    _names: frozenset[str] = frozenset()
    _head: int | None = 0
    """Bytes of a head that has not ended; None while a body comes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has passed TLS."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self.peer = tls.getpeercert() if tls else None
        self._names = Certificate.read(self.peer).names
        own = sum(each._names == self._names for each in self.connections if isinstance(each, PeerProtocol))
        if own > MOST_CONNECTIONS:
            LOG.warning("%s has %d connections already", ", ".join(sorted(self._names)) or "nobody", own - 1)
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """More of a request, or of the next one."""
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response("the head of the request is too large")

    def on_message_begin(self) -> None:
        """A request begins; uvicorn makes its scope here."""
        self._head = 0
        super().on_message_begin()
        self.scope["state"]["peer"] = self.peer

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. A body in chunks could have further ones behind it: no driver sends such."""
        if name.lower() == b"transfer-encoding":
            raise ValueError("a body in chunks")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body comes next; uvicorn hands the request to the application."""
        self._head = None
        super().on_headers_complete()

    def shutdown(self) -> None:
        """The process ends. A client notices a polite end of TLS only when it calls next, so none is waited for."""
        super().shutdown()
        if self.transport.is_closing():
            self.transport.abort()
