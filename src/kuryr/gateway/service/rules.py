"""What a machine may ask with names that are its own: a pure table of rights, looked up before anything is done."""

from collections.abc import Iterator, Mapping
from typing import Any

from kuryr.errors import CloudRefused, InvalidInput
from kuryr.gateway.identity import Anchorage, is_reserved
from kuryr.gateway.networks.specs import NO_WAY_OUT, NetworkSpec, WayOut
from kuryr.gateway.service.grants import Grant, Right
from kuryr.gateway.wire import codec
from kuryr.gateway.wire.calls import Method
from kuryr.model import PortRequest, PortTraits

MOST_PORTS = 50
"""Made by one call."""
LONGEST_WAIT = 60.0
"""Seconds that a call may ask to be kept waiting."""

_METHODS: Mapping[str, Right] = {
    "networks.create": Right.MAKE_NETWORKS,
    "subnet_pools.find": Right.MAKE_NETWORKS,
    "subnet_pools.default": Right.MAKE_NETWORKS,
    "subnet_pools.free_range": Right.MAKE_NETWORKS,
    "routers.find": Right.PUBLISH,
    "routers.find_external": Right.PUBLISH,
    "routers.external_of": Right.PUBLISH,
    "floating.make": Right.PUBLISH,
    "floating.give_new": Right.PUBLISH,
    "floating.give": Right.PUBLISH,
    "forwardings.make": Right.PUBLISH,
}
"""Methods that need more than the least grant. What only removes a machine's own needs nothing."""

_ONE_PORT = {"networks.create", "networks.adopt", "reservations.keep"}
"""Methods that make a port that is no container's."""


def check(grant: Grant, method: Method, arguments: Mapping[str, Any]) -> None:
    """Raises CloudRefused when a right is missing, InvalidInput for what no machine may ask."""
    for right in _needed(method, arguments):
        if right not in grant.rights:
            raise CloudRefused(
                f"the gateway service does not grant {grant.name} the right {right.value}", hint="ask its operator"
            )
    for trouble in _forbidden(method, arguments):
        raise InvalidInput(f"through the gateway service {trouble}", hint="see docs/gateway.md")


def ports_made(method: Method, arguments: Mapping[str, Any]) -> int:
    """How many ports there are more in Neutron, at most, when this has been done."""
    if str(method) == "ports.reserve":
        return int(arguments.get("count", 1))
    return int(str(method) in _ONE_PORT)


def _needed(method: Method, arguments: Mapping[str, Any]) -> Iterator[Right]:
    if right := _METHODS.get(str(method)):
        yield right
    for part in _parts(arguments):
        match part:
            case PortTraits(port_security=False):
                yield Right.LOOSEN
            case PortTraits() if part.allowed_address_pairs:
                yield Right.LOOSEN
            case PortRequest() if part.choice:
                yield Right.BORROW
            case WayOut() if part != NO_WAY_OUT:
                yield Right.PUBLISH


def _forbidden(method: Method, arguments: Mapping[str, Any]) -> Iterator[str]:
    owners, words = [arguments.get("owner", "")], [*arguments.get("settings", ())]
    for part in _parts(arguments):
        match part:
            case Anchorage():
                owners.append(part.owner)
                words += part.settings
            case NetworkSpec(shared=True):
                yield "no network is made that all projects may use"
    if any("." in owner for owner in owners) or any(map(is_reserved, words)) or arguments.get("everywhere"):
        yield "nobody is a swarm's manager, or kuryr-libnetwork's heir"
    if not 1 <= arguments.get("count", 1) <= MOST_PORTS:
        yield f"{method} makes from 1 to {MOST_PORTS} ports"
    if not 0 <= arguments.get("timeout", 0) <= LONGEST_WAIT:
        yield f"{method} waits at most {LONGEST_WAIT:g} s"
    if any(tag.startswith("kuryr") for tag in arguments.get("tags", ())):
        yield "no tag begins with kuryr"


def _parts(arguments: Mapping[str, Any]) -> Iterator[object]:
    for value in arguments.values():
        yield from codec.parts(value)
