"""The way to the gateway service: HTTPS with a certificate of this host's own, on connections that are kept.

A service that is down is known to be down within seconds, as Neutron is (`neutron.transport`). A request is sent
again, once, when its connection broke and twice is once.
"""

import logging
import ssl
import time
from collections.abc import Callable
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import msgspec
import requests
from oslo_config import cfg

from kuryr.errors import CloudError, CloudUnavailable, InvalidInput
from kuryr.gateway.wire import failures
from kuryr.gateway.wire.calls import Method
from kuryr.neutron.tracing import call_began, new_request_id, request_id
from kuryr.neutron.transport import Transport, causes, why

LOG = logging.getLogger(__name__)

SLACK = 5.0
"""Seconds beyond the service's own patience that its answer may take."""

_TRUST_HINT = "check [gateway] ca, and the names in the service's certificate"
_CERTIFICATE_HINT = "check [gateway] certificate and key"
_CLOSED_HINT = "does it accept [gateway] certificate? Its log says why not"
_DOWN_HINT = "is it running?"


class HttpsChannel:
    """Sends calls to the service at `url`. Thread-safe.

    `sweep_soon` is called when the service says that something may have been left behind.
    """

    def __init__(
        self,
        url: str,
        ca: str,
        certificate: tuple[str, str],
        sweep_soon: Callable[[], None],
        *,
        connect_timeout: float = 2.0,
        read_timeout: float = 65.0,
    ) -> None:
        self._url = url.rstrip("/")
        self._sweep_soon = sweep_soon
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = ca
        self._http.cert = certificate
        self._http.mount("https://", Transport(connect_timeout, read_timeout))

    @classmethod
    def configured(cls, conf: cfg.ConfigOpts, sweep_soon: Callable[[], None]) -> "HttpsChannel":
        """The channel of section [gateway]. Raises InvalidInput, naming what is missing."""
        given = conf.gateway
        if missing := [name for name in ("ca", "certificate", "key") if not given[name]]:
            raise InvalidInput(
                f"[gateway] url is set, but {', '.join(missing)} is not",
                hint="the gateway service serves only who shows a certificate; see docs/gateway.md",
            )
        for name in ("ca", "certificate", "key"):
            try:
                Path(given[name]).read_bytes()
            except OSError as error:
                raise InvalidInput(f"[gateway] {name}: {given[name]} cannot be read: {error.strerror}") from error
        return cls(
            given.url,
            given.ca,
            (given.certificate, given.key),
            sweep_soon,
            connect_timeout=conf.neutron.connect_timeout,
            read_timeout=given.timeout + SLACK,
        )

    def close(self) -> None:
        """Close the connections that are kept."""
        self._http.close()

    def call(self, method: Method, arguments: Any) -> Any:
        """What the service answered, as JSON's types. Raises the error that it answered, or CloudError."""
        body = msgspec.json.encode(arguments)
        began = time.monotonic()
        status = 0
        try:
            response = self._sent(method, body)
            status = response.status_code
        except requests.RequestException as error:
            raise self._unanswered(error) from error
        finally:
            LOG.debug("gateway method=%s status=%d seconds=%.3f", method, status, time.monotonic() - began)
        return self._read(method, response)

    def _sent(self, method: Method, body: bytes) -> requests.Response:
        try:
            return self._send(method, body)
        except (requests.Timeout, requests.exceptions.SSLError):
            raise
        except requests.ConnectionError:
            if not method.repeatable:
                raise
            return self._send(method, body)

    def _send(self, method: Method, body: bytes) -> requests.Response:
        id_ = request_id.get() or new_request_id()
        headers = {"Content-Type": "application/json", "X-Openstack-Request-Id": id_}
        before = call_began.set(time.monotonic())
        url = f"{self._url}/v1/{method.family}/{method.name}"
        try:
            # Elsewhere nobody has shown the service's certificate.
            return self._http.post(url, data=body, headers=headers, allow_redirects=False)
        finally:
            call_began.reset(before)

    def _unanswered(self, error: requests.RequestException) -> CloudError:
        where = f"the gateway service at {self._url.removeprefix('https://')}"
        for cause in causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return CloudUnavailable(f"{where} cannot be trusted: {cause.verify_message}", hint=_TRUST_HINT)
            if isinstance(cause, RemoteDisconnected | ConnectionResetError | ssl.SSLEOFError):
                # A server of asyncio's says nothing to whom it does not let in.
                return CloudUnavailable(f"{where} closes the connection", hint=_CLOSED_HINT)
        if isinstance(error, requests.exceptions.SSLError):
            return CloudUnavailable(f"{where} cannot be reached: TLS failed", hint=_CERTIFICATE_HINT)
        if isinstance(error, requests.ReadTimeout):
            return CloudUnavailable(f"{where} did not answer in time", hint=_DOWN_HINT)
        return CloudUnavailable(f"{where} cannot be reached: {why(error)}", hint=_DOWN_HINT)

    def _read(self, method: Method, response: requests.Response) -> Any:
        try:
            answer = msgspec.json.decode(response.content)
            if answer.get("sweep"):
                self._sweep_soon()
            if response.status_code == 200:
                return answer["result"]
            error = failures.typed_error(answer["error"])
        except (msgspec.DecodeError, KeyError, AttributeError, TypeError) as unreadable:
            raise CloudError(
                f"{self._url} answered {method} with status {response.status_code} and nothing that can be read",
                hint="is [gateway] url the gateway service, and of the same version?",
            ) from unreadable
        raise error
