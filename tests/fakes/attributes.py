"""Which attributes Neutron's resources have, what may be given and asked for, and what is refused at the door.

The tables follow neutron_lib.api.definitions (2026.2, with the extensions that ML2/OVN loads), cut down to what Kuryr
uses; the words of the refusals follow neutron_lib.api.attributes and validators.
"""

import uuid
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

Body = dict[str, Any]

MAX_MTU = 1442
"""Of Geneve over Ethernet's 1500 bytes."""


class Refusal(Exception):
    """An answer of Neutron's that is an error."""

    def __init__(self, status: int, type_: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"NeutronError": {"type": type_, "message": message, "detail": ""}}


@dataclass(frozen=True)
class Attributes:
    """`post` and `put`: what may be given, with defaults; `required`: what must be; `filters`: what a list filters."""

    required: frozenset[str]
    post: Body
    put: frozenset[str]
    filters: frozenset[str]


_COMMON_FILTERS = {"id", "name", "description", "project_id", "tenant_id", "revision_number", "tags"}

TABLES = {
    "network": Attributes(
        frozenset(),
        {"name": "", "description": "", "mtu": MAX_MTU, "admin_state_up": True, "shared": False},
        frozenset({"name", "description", "mtu", "admin_state_up"}),
        frozenset(_COMMON_FILTERS | {"mtu", "admin_state_up", "shared", "router:external", "status"}),
    ),
    "subnet": Attributes(
        frozenset({"network_id", "cidr", "ip_version"}),
        {"name": "", "description": "", "enable_dhcp": True, "host_routes": [], "dns_nameservers": []},
        frozenset({"name", "description", "enable_dhcp", "host_routes", "dns_nameservers"}),
        frozenset(_COMMON_FILTERS | {"network_id", "cidr", "ip_version", "gateway_ip", "enable_dhcp"}),
    ),
    "port": Attributes(
        frozenset({"network_id"}),
        {
            "name": "",
            "description": "",
            "device_id": "",
            "device_owner": "",
            "admin_state_up": True,
            "binding:host_id": "",
            "binding:vnic_type": "normal",
        },
        frozenset({"name", "description", "device_id", "device_owner", "admin_state_up", "fixed_ips"}),
        frozenset(
            _COMMON_FILTERS
            | {"network_id", "mac_address", "fixed_ips", "device_id", "device_owner", "admin_state_up", "status"}
            | {"binding:host_id"}
        ),
    ),
}

_WITHOUT_DEFAULT = {
    "network": set[str](),
    "subnet": {"gateway_ip", "allocation_pools"},
    "port": {"mac_address", "fixed_ips", "security_groups"},
}
"""May be given; when it is not, Neutron computes a value."""

_UUIDS = {"network_id"}
_TEXTS = {"name", "description", "device_id", "device_owner"}


def bad_request(message: str) -> Refusal:
    """What Neutron answers to a body or a filter that it does not even try."""
    return Refusal(400, "HTTPBadRequest", message)


def invalid(message: str) -> Refusal:
    """What Neutron answers to a body that is well formed but impossible."""
    return Refusal(400, "InvalidInput", f"Invalid input for operation: {message}.")


def forbidden(rule: str) -> Refusal:
    """What Neutron answers to somebody without the right."""
    return Refusal(403, "PolicyNotAuthorized", f"rule:{rule} is disallowed by policy")


def not_found(kind: str, id_: str) -> Refusal:
    """What Neutron answers about something that does not exist, or is not visible."""
    name = kind.capitalize()
    return Refusal(404, f"{name}NotFound", f"{name} {id_} could not be found.")


def check_post(kind: str, body: Body) -> Body:
    """The body with its defaults. Raises Refusal when an attribute is unknown, missing or malformed."""
    table = TABLES[kind]
    _refuse_unknown(body, set(table.post) | table.required | _WITHOUT_DEFAULT[kind] | {"project_id"})
    for name in sorted(table.required - body.keys()):
        raise bad_request(f"Failed to parse request. Required attribute '{name}' not specified")
    _check_values(body)
    return {**table.post, **body}


def check_put(kind: str, body: Body) -> None:
    """Raises Refusal when an attribute cannot be changed or is malformed."""
    _refuse_unknown(body, set(TABLES[kind].put))
    _check_values(body)


def _refuse_unknown(body: Body, known: set[str]) -> None:
    unknown = sorted(body.keys() - known)
    if unknown:
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(unknown)}'")


def _check_values(body: Body) -> None:
    for name in _UUIDS & body.keys():
        if not _is_uuid(body[name]):
            raise _malformed(name, f"'{body[name]}' is not a valid UUID")
    for name in _TEXTS & body.keys():
        if len(body[name]) > 255:
            raise _malformed(name, f"'{body[name]}' exceeds maximum length of 255")
    for fixed in body.get("fixed_ips", []):
        if not _is_uuid(fixed.get("subnet_id", str(uuid.UUID(int=0)))):
            raise _malformed("fixed_ips", f"'{fixed['subnet_id']}' is not a valid UUID")
        if "ip_address" in fixed:
            ip_address(fixed["ip_address"])


def _malformed(name: str, reason: str) -> Refusal:
    return bad_request(f"Invalid input for {name}. Reason: {reason}.")


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
