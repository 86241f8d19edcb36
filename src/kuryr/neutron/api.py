"""The one door to Neutron: a method and a path go in, JSON comes out, or an error that a person understands.

keystoneauth would ask Neutron for its versions before the first call. That is a request which tells us nothing (the
networking API has had one version, v2.0, ever since), so the endpoint is taken from the catalogue as it stands.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import ClientException, EndpointNotFound

from kuryr.neutron import faults, tracing

LOG = logging.getLogger(__name__)

Params = Mapping[str, str | Sequence[str]]
Json = Mapping[str, Any]

_VERSION = "/v2.0"


@dataclass(frozen=True)
class Call:
    """One finished call, for whoever measures. `status` is 0 when no answer came; `seconds` include authentication."""

    method: str
    resource: str
    """The family in the plural, e.g. "ports"."""
    status: int
    seconds: float
    request_id: str


class Api:
    """Neutron's HTTP interface below `/v2.0`; thread-safe, authenticates in the first call."""

    def __init__(
        self, adapter: Adapter, observe: Callable[[Call], None] | None = None, rights: str = faults.RIGHTS_HINT
    ) -> None:
        self._adapter = adapter
        self._observe = observe
        self._rights = rights

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Json | None = None,
        revision: int | None = None,
    ) -> Json:
        """The JSON object that Neutron answers to `method` on `path` (e.g. "/ports"); {} where it answers nothing.

        Values in `params` may be lists, which are sent as repeated parameters. With `revision` nothing is done unless
        it is still the resource's revision_number (extension revision-if-match). A call is exactly one request to
        Neutron, or two when Neutron refuses an expired token. Raises only `kuryr.errors.KuryrError`.
        """
        request_id = tracing.request_id.get() or tracing.new_request_id()
        began = time.monotonic()
        before = tracing.call_began.set(began)
        status, url = 0, ""
        headers = {"X-Openstack-Request-Id": request_id, "Accept": "application/json"}
        if revision is not None:
            headers["If-Match"] = f"revision_number={revision}"
        try:
            url = self._endpoint() + path
            response = self._adapter.request(
                url,
                method,
                params=params,
                json=json,
                headers=headers,
                raise_exc=False,
                log=False,
            )
            status = response.status_code
            return faults.checked(response, faults.Subject(method, path, json, self._rights))
        except ClientException as error:
            raise faults.unanswered(error, url) from error
        finally:
            tracing.call_began.reset(before)
            self._report(Call(method, path.split("/")[1], status, time.monotonic() - began, request_id))

    def project_id(self) -> str | None:
        """The project that the token is scoped to; None when it has no scope. May call Keystone, never Neutron."""
        before = tracing.call_began.set(time.monotonic())
        try:
            project: str | None = self._adapter.get_project_id()
        except ClientException as error:
            raise faults.unanswered(error) from error
        finally:
            tracing.call_began.reset(before)
        return project

    def _endpoint(self) -> str:
        found: str | None = self._adapter.get_endpoint(skip_discovery=True)
        if not found:
            raise EndpointNotFound
        base = found.rstrip("/")
        return base if base.endswith(_VERSION) else base + _VERSION

    def _report(self, call: Call) -> None:
        LOG.debug(
            "neutron method=%s resource=%s status=%d seconds=%.3f request_id=%s",
            call.method,
            call.resource,
            call.status,
            call.seconds,
            call.request_id,
        )
        if self._observe is not None:
            self._observe(call)
