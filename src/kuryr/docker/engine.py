"""What Docker itself knows, asked through its own socket: which networks and endpoints are alive.

Only lists and network inspections are asked for: inspecting a container blocks inside a driver's call, and while the
daemon boots, it accepts connections and answers nothing (docker-protocol facts of 20.10 to 29). So every request is
bounded by a second, and no answer means: not now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from kuryr.errors import KuryrError

TIMEOUT = 1.0

BUILT_IN = frozenset({"bridge", "host", "null", "overlay", "macvlan", "ipvlan"})
"""Drivers of Docker's own. All others are asked about: what Kuryr itself remembers of its networks may be incomplete,
and an endpoint that is not seen here will be removed."""


class EngineSilent(KuryrError):
    """Docker does not answer: it is down, or it boots."""


@dataclass(frozen=True)
class EngineView:
    """The ids of all networks, and of all endpoints that could be Kuryr's."""

    networks: frozenset[str]
    endpoints: frozenset[str]


class Engine:
    """Docker's API on a Unix socket, as far as Kuryr asks."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def view(self) -> EngineView:
        """What is alive now. Raises EngineSilent."""
        transport = httpx.HTTPTransport(uds=self._socket)
        with httpx.Client(transport=transport, base_url="http://docker", timeout=TIMEOUT) as http:
            try:
                networks = _get(http, "/networks")
                alive = frozenset(str(network["Id"]) for network in networks)
                ours = [network["Id"] for network in networks if network.get("Driver") not in BUILT_IN]
                return EngineView(alive, frozenset(each for network in ours for each in _endpoints(http, network)))
            except (AttributeError, KeyError, TypeError) as error:
                raise EngineSilent(f"what answers at {self._socket} is not Docker") from error

    def may_know(self, endpoint: str) -> bool:
        """Whether the endpoint is alive, or Docker does not say."""
        try:
            return endpoint in self.view().endpoints
        except EngineSilent:
            return True


def _endpoints(http: httpx.Client, network: str) -> Iterator[str]:
    # A network that went meanwhile has no endpoints.
    found = _get(http, f"/networks/{network}", missing={})
    for container in (found.get("Containers") or {}).values():
        yield str(container["EndpointID"])


def _get(http: httpx.Client, path: str, *, missing: object = None) -> Any:
    try:
        answer = http.get(path)
        if answer.status_code == 404:
            return missing
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise EngineSilent(f"Docker does not answer {path}: {error or type(error).__name__}") from error
