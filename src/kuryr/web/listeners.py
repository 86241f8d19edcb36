"""Sockets that listen for HTTP, and TCP ones in particular."""

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from kuryr.errors import InvalidInput, KuryrError

BACKLOG = 512


@dataclass(frozen=True)
class Listener:
    """A socket that listens; whoever connects must pass `tls`, if there is any."""

    socket: socket.socket
    tls: ssl.SSLContext | None = None


def address(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[IPv6]:port`. Raises InvalidInput for anything else, a URL too."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.netloc != text or parts.username is not None:
        raise InvalidInput(f"{text!r} is not host:port", hint="such as 192.0.2.1:2376 or [2001:db8::1]:2376")
    return host, port


def bound(host: str, port: int) -> socket.socket:
    """A TCP socket that listens there. Raises KuryrError."""
    try:
        family, _, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Idle connections are kept open: the kernel must find those whose other end is gone.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.bind(where)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise KuryrError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return made
