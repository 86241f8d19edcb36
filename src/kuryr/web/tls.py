"""Mutual TLS: a server that lets in whoever shows a certificate of the right authority, and nobody else."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg

from kuryr.errors import InvalidInput

LOG = logging.getLogger(__name__)

_MISMATCH = "KEY_VALUES_MISMATCH"
"""OpenSSL's name for a key that is another certificate's."""


@dataclass(frozen=True)
class Files:
    """The names of the options of a section that name the PEM files of a server."""

    section: str
    certificate: str
    key: str
    authorities: str

    def missing(self, conf: cfg.ConfigOpts) -> list[str]:
        """Those that are not set."""
        return [name for name in (self.certificate, self.key, self.authorities) if not conf[self.section][name]]

    def context(self, conf: cfg.ConfigOpts) -> ssl.SSLContext:
        """The server's TLS. Raises InvalidInput for files that cannot be used."""
        given = conf[self.section]
        certificate = _pem(self, self.certificate, given[self.certificate], "CERTIFICATE")
        key = _pem(self, self.key, given[self.key], "PRIVATE KEY")
        authorities = _pem(self, self.authorities, given[self.authorities], "CERTIFICATE")
        return _context(self, certificate, key, authorities)


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


def _pem(files: Files, option: str, path: str, wanted: str) -> Path:
    """The file, which holds what the option asks for."""
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"[{files.section}] {option}: {path} cannot be read: {error.strerror}") from error
    if f"{wanted}-----".encode() not in content:
        raise InvalidInput(f"[{files.section}] {option}: {path} holds no {wanted.lower()} in PEM format")
    return file


def _context(files: Files, certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Door
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    # What is listed is trusted: an intermediate authority without its root, or one engine's own certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    def passphrase() -> str:
        # OpenSSL would ask for it at the terminal.
        raise InvalidInput(
            f"[{files.section}] {files.key}: {key} is encrypted", hint="store it without a passphrase, mode 0600"
        )

    try:
        context.load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as error:
        why = "it is another certificate's" if error.reason == _MISMATCH else f"they are damaged ({_reason(error)})"
        raise InvalidInput(
            f"[{files.section}] {files.key} {key} does not fit {files.certificate} {certificate}: {why}"
        ) from error
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:
        raise InvalidInput(
            f"[{files.section}] {files.authorities}: {authorities} is damaged ({_reason(error)})"
        ) from error
    return context


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "no PEM").replace("_", " ").lower()
