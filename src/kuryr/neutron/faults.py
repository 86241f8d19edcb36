"""The one door for failures: what Neutron, Keystone or the network said becomes one line for a person.

A message names the object and gives Neutron's own reason, which is usually the best there is. What did not come from
Neutron's own code (a proxy's page, a library's exception text, which may quote URLs with passwords) is never
repeated; the original stays as `__cause__` for the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from keystoneauth1 import exceptions as ks
from requests import Response
from requests import exceptions as http

from kuryr.errors import (
    CloudError,
    CloudRefused,
    CloudUnavailable,
    Conflict,
    Exhausted,
    InvalidInput,
    KuryrError,
    NotFound,
    OverQuota,
    Overtaken,
)
from kuryr.neutron.transport import causes, why

_EXHAUSTED = frozenset(
    {
        "AllowedAddressPairExhausted",  # with status 400: Neutron's option max_allowed_address_pair, by default 10
        "ExternalIpAddressExhausted",
        "IpAddressGenerationFailure",
        "IpAddressGenerationFailureAllSubnets",
        "NoNetworkAvailable",
        "SubnetAllocationError",  # with status 500: a subnet pool has no such range, or no range left
    }
)
"""Neutron's error types (neutron_lib.exceptions, neutron.ipam.exceptions) that mean: nothing is left."""

_BY_STATUS: Mapping[int, type[KuryrError]] = {400: InvalidInput, 404: NotFound, 409: Conflict, 412: Overtaken}
"""Every other status is a CloudError."""

_VERBS = {"POST": "create", "GET": "read", "PUT": "change", "DELETE": "delete"}

_WORDS = {"floatingip": "floating IP", "subnetpool": "subnet pool", "policie": "QoS policy"}
"""What people call a kind of resource where it is not what its path says."""

_CREDENTIALS_HINT = "check the credentials in section [neutron] of kuryr.conf, in clouds.yaml or in OS_* variables"
RIGHTS_HINT = "Kuryr's user needs the roles `member` and `service` (or `admin`) on the project"
_DOWN_HINT = "check that the service runs and can be reached from this host"
_TLS_HINT = "check `cafile` in section [neutron] of kuryr.conf"


class SubjectGone(NotFound):
    """The very resource that a call was about does not exist, rather than one that its body names."""


class SegmentTaken(Conflict):
    """A trunk has given the VLAN that was asked for to another port."""


_BY_TYPE: Mapping[str, type[KuryrError]] = {
    "DuplicateSubPort": SegmentTaken,
    "OverQuota": OverQuota,
    "DuplicateAddressPairInRequest": Overtaken,  # also when two writers of a port's pairs meet in the database
}
"""Neutron's error types that are errors of their own."""


_STRANGE_PROJECT = "other than the authenticated project"
"""In what is said to a plain member who makes something for another project: 400, and yet a matter of rights
(neutron_lib.api.attributes)."""

_HINTS: Mapping[str, str] = {
    "InvalidVirtualMACAddress": "ML2/OVN takes no other MAC address than the port's own: containers of a virtual "
    "machine take mode vlan or ipvlan"
}
"""By Neutron's error types: what its reason does not say."""


@dataclass(frozen=True)
class Subject:
    """What a call was about, so that its failure can name it."""

    method: str
    path: str
    json: Mapping[str, Any] | None = None
    rights: str = RIGHTS_HINT
    """What to do when it is forbidden."""

    @property
    def id(self) -> str:
        """The resource that the path names; "" for a whole collection."""
        return (*self._steps, "")[1]

    def __str__(self) -> str:
        """E.g. `create port "web"`, `delete network 5e0f…`, `list ports`."""
        family, id_, action = (*self._steps, "", "")[:3]
        kind = family.removesuffix("s").replace("-", "_")
        words = _WORDS.get(kind) or kind.replace("_", " ")
        if id_:
            return f"{'change' if action else _VERBS[self.method]} {words} {id_}"
        if self.method == "GET":
            return f"list {words}s"
        body = (self.json or {}).get(kind)
        if not isinstance(body, Mapping):
            return f"create {words}s"
        label = body.get("cidr") or body.get("name")
        return f'create {words} "{label}"' if label else f"create {words}"

    @property
    def _steps(self) -> list[str]:
        """Family, id and action; of a resource within another one, its own."""
        steps = self.path.removeprefix("/qos").strip("/").split("/")
        return steps[2:] if steps[2:3] == ["port_forwardings"] else steps


def checked(response: Response, subject: Subject) -> Mapping[str, Any]:
    """The JSON object in Neutron's answer, {} if it is empty. Raises the error that a failure stands for."""
    if response.status_code >= 300:
        raise _failed(response, subject)
    if response.content in {b"", b"null"}:
        return {}
    body = _json(response)
    if not isinstance(body, dict):
        raise CloudError(
            f"cannot {subject}: what answers at {_authority(response.url)} is not Neutron",
            hint="check the endpoint in the catalogue, or `endpoint_override` in section [neutron] of kuryr.conf",
        )
    return body


def unanswered(error: ks.ClientException, url: str = "") -> KuryrError:
    """The error for a call that got no answer of Neutron's: Keystone refused, or a server could not be reached.

    `url` is what Neutron was asked for, if it came to that.
    """
    if isinstance(error, ks.CatalogException):
        return CloudError(
            "the cloud's catalogue has no network service here",
            hint="check `region_name` and `valid_interfaces` in section [neutron] of kuryr.conf",
        )
    if isinstance(error, ks.HttpError):
        return _keystone_answered(error)
    for cause in causes(error):
        if isinstance(cause, http.RequestException) and not isinstance(cause, http.InvalidJSONError):
            return _unreachable(cause, url)
        if isinstance(cause, ks.HttpError):
            return _keystone_answered(cause)
    if isinstance(error, ks.MissingAuthPlugin | ks.AuthPluginException):
        return InvalidInput("the OpenStack credentials cannot be used", hint=_CREDENTIALS_HINT)
    return CloudError("Keystone's answer could not be understood", hint="check `auth_url`")


def _failed(response: Response, subject: Subject) -> KuryrError:
    status = response.status_code
    kind, said = _neutron_error(response)
    message = f"cannot {subject}: {said or f'HTTP status {status}'}"
    if kind in _EXHAUSTED or kind in _BY_TYPE:
        return _BY_TYPE.get(kind, Exhausted)(message)
    if status == 404 and subject.id and (kind == "HTTPNotFound" or subject.id in (said or "")):
        return SubjectGone(message)
    if status == 401:
        return CloudRefused(f"cannot {subject}: Neutron does not accept Keystone's token", hint=_CREDENTIALS_HINT)
    if status == 403 or (status == 400 and _STRANGE_PROJECT in (said or "")):
        return CloudRefused(message, hint=subject.rights)
    if status in {502, 503, 504} and not said:
        return CloudUnavailable(f"{message} of a proxy, Neutron itself does not answer", hint=_DOWN_HINT)
    return _BY_STATUS.get(status, CloudError)(message, hint=_HINTS.get(kind, ""))


def _keystone_answered(error: ks.HttpError) -> KuryrError:
    match error.http_status:
        case 401 | 403:
            return CloudRefused("Keystone refused the credentials", hint=_CREDENTIALS_HINT)
        case 404:
            return CloudError("there is no Keystone at `auth_url`", hint="it should end in /v3")
        case 502 | 503 | 504:
            return CloudUnavailable(f"Keystone does not answer: HTTP status {error.http_status}", hint=_DOWN_HINT)
        case status:
            return CloudError(f"Keystone failed: HTTP status {status}")


def _unreachable(error: http.RequestException, neutron_url: str) -> KuryrError:
    url = (error.request.url if error.request is not None else None) or neutron_url
    authority = _authority(url)
    where = ("Neutron" if "/v2.0/" in url else "Keystone") + (f" at {authority}" if authority else "")
    if isinstance(error, http.SSLError):
        return CloudUnavailable(f"{where} cannot be trusted: TLS failed", hint=_TLS_HINT)
    if isinstance(error, http.ReadTimeout):
        return CloudUnavailable(f"{where} did not answer in time", hint=_DOWN_HINT)
    return CloudUnavailable(f"{where} cannot be reached: {why(error)}", hint=_DOWN_HINT)


def _neutron_error(response: Response) -> tuple[str, str | None]:
    """Type and message of the error in an answer; ("", None) when the answer is not Neutron's own."""
    body = _json(response)
    error = body.get("NeutronError") if isinstance(body, dict) else None
    if isinstance(error, str):
        return "", error
    if not isinstance(error, dict):
        return "", None
    return str(error.get("type", "")), str(error.get("message", "")) or None


def _json(response: Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _authority(url: str) -> str:
    """Host and port of a URL, without the password that it may carry."""
    return urlsplit(url).netloc.rpartition("@")[2]
