"""TCP, for an engine that cannot reach the driver's Unix socket: mutual TLS, or nothing.

Whoever may send requests has the driver's rights in Neutron and on the host's interfaces. The mode of the Unix socket
guards them there; over TCP only a certificate can. So there is no plain TCP, and no TLS that lets in just anybody.
"""

import logging
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from oslo_config import cfg

from kuryr.docker.server.sockets import BACKLOG, Listener
from kuryr.errors import InvalidInput, KuryrError

LOG = logging.getLogger(__name__)

FILES = ("tls_cert", "tls_key", "tls_client_ca")

_MISMATCH = "KEY_VALUES_MISMATCH"
"""OpenSSL's name for a key that is another certificate's."""


class _Door(ssl.SSLObject):
    """One connection. Says why somebody was not let in, because asyncio closes it without a word to either side."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            LOG.warning("a connection over TCP was refused: %s", _reason(error))
            raise


def listen(conf: cfg.ConfigOpts) -> Listener | None:
    """The listener of [docker] listen_tcp; None if that is not set.

    Raises InvalidInput for settings that cannot be used, KuryrError when the address cannot be listened at.
    """
    given = conf.docker
    if not given.listen_tcp:
        return None
    if missing := [name for name in FILES if not given[name]]:
        raise InvalidInput(
            f"[docker] listen_tcp is set, but {', '.join(missing)} is not",
            hint="there is no TCP without certificates on both sides",
        )
    try:
        host, port = address(given.listen_tcp)
    except InvalidInput as error:
        raise InvalidInput(f"[docker] listen_tcp: {error.message}", hint=error.hint) from error
    tls = _context(*(_pem(name, given[name]) for name in FILES))
    return Listener(_bound(host, port), tls)


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


def _pem(option: str, path: str) -> Path:
    """The file, which holds what the option asks for."""
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"[docker] {option}: {path} cannot be read: {error.strerror}") from error
    wanted = "PRIVATE KEY" if option == "tls_key" else "CERTIFICATE"
    if f"{wanted}-----".encode() not in content:
        raise InvalidInput(f"[docker] {option}: {path} holds no {wanted.lower()} in PEM format")
    return file


def _context(certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Door
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    # What is listed is trusted: an intermediate authority without its root, or one engine's own certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    def passphrase() -> str:
        # OpenSSL would ask for it at the terminal.
        raise InvalidInput(f"[docker] tls_key: {key} is encrypted", hint="store it without a passphrase, mode 0600")

    try:
        context.load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as error:
        why = "it is another certificate's" if error.reason == _MISMATCH else f"they are damaged ({_reason(error)})"
        raise InvalidInput(f"[docker] tls_key {key} does not fit tls_cert {certificate}: {why}") from error
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:
        raise InvalidInput(f"[docker] tls_client_ca: {authorities} is damaged ({_reason(error)})") from error
    return context


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "no PEM").replace("_", " ").lower()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Docker's connections are never closed for idleness: the kernel must find those whose engine is gone.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.bind(where)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise KuryrError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return made
