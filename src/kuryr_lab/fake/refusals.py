"""Neutron's answers that are errors; their words are those of neutron, neutron_lib.exceptions and its validators."""


class Refusal(Exception):
    """An answer of Neutron's that is an error."""

    def __init__(self, status: int, type_: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"NeutronError": {"type": type_, "message": message, "detail": ""}}


_NAMES = {"subnetpool": "SubnetPool", "floatingip": "FloatingIP", "policy": "QosPolicy"}
_WORDS = {
    "policy": "QoS policy",
    "floatingip": "Floating IP",
    "subnetpool": "Subnet pool",
    "security_group": "Security group",
    "port_forwarding": "Port Forwarding",
}


def bad_request(message: str) -> Refusal:
    """To a body or a filter that Neutron does not even try."""
    return Refusal(400, "HTTPBadRequest", message)


def malformed(name: str, reason: str) -> Refusal:
    """To an attribute that is not of its type."""
    return bad_request(f"Invalid input for {name}. Reason: {reason}.")


def invalid(message: str) -> Refusal:
    """To a body that is well formed but impossible."""
    return Refusal(400, "InvalidInput", f"Invalid input for operation: {message}.")


def conflict(type_: str, message: str) -> Refusal:
    """To what is impossible as things are."""
    return Refusal(409, type_, message)


def forbidden(rule: str) -> Refusal:
    """To somebody without the right."""
    return Refusal(403, "PolicyNotAuthorized", f"rule:{rule} is disallowed by policy")


def strange_project() -> Refusal:
    """To a plain member who makes something for another project: no policy is asked (neutron_lib.api.attributes)."""
    said = (
        "Specifying 'project_id' other than the authenticated project in request is not allowed for the current user."
    )
    return Refusal(400, "HTTPBadRequest", said)


def not_found(kind: str, id_: str) -> Refusal:
    """About something that does not exist, or is not visible."""
    name = _NAMES.get(kind) or "".join(word.capitalize() for word in kind.split("_"))
    gone = "does not exist" if kind.startswith("security_group") else "could not be found."
    return Refusal(404, f"{name}NotFound", f"{_WORDS.get(kind, kind.capitalize())} {id_} {gone}")
