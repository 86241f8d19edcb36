"""What Docker itself knows, asked through its own socket: which networks and endpoints are alive.

Inspecting a container blocks inside a driver's call, so during one only lists and network inspections are asked for.
And while the daemon boots, it accepts connections and answers nothing (docker-protocol facts of 20.10 to 29). So every
request is bounded by a second, and no answer means: not now.
"""

import contextlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any

import httpx

from kuryr.errors import KuryrError
from kuryr.model import IPAddress, PortRange
from kuryr.web.unix import client

TIMEOUT = 1.0

BUILT_IN = frozenset({"bridge", "host", "null", "overlay", "macvlan", "ipvlan"})
"""Drivers of Docker's own. All others are asked about: what Kuryr itself remembers of its networks may be incomplete,
and an endpoint that is not seen here will be removed."""


class EngineSilent(KuryrError):
    """Docker does not answer: it is down, or it boots."""


OWN_IPAM = frozenset({"", "default", "null"})
"""IPAM drivers of Docker's own."""


@dataclass(frozen=True)
class EngineView:
    """The ids of all networks and endpoints that could be Kuryr's."""

    networks: frozenset[str]
    endpoints: frozenset[str]
    addresses: frozenset[IPAddress] = frozenset()
    """All that are in use, by a container or as auxiliary address, where an IPAM driver could be Kuryr."""
    swarm: frozenset[str] | None = frozenset()
    """Those networks that belong to a swarm; None if this engine is in one, but no manager: it knows only some."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of networks that could be Kuryr's and have any."""


@dataclass(frozen=True)
class Outlook:
    """At which of its ports a container on a network is to be reached: by whom, is the network's to say."""

    network: str
    exposed: frozenset[PortRange] = frozenset()
    published: frozenset[PortRange] = frozenset()


class Engine:
    """Docker's API on a Unix socket, as far as Kuryr asks. `swarm`: whether the engine may be in one."""

    def __init__(self, socket: str, *, swarm: bool = False) -> None:
        self._socket = socket
        self._swarm = swarm

    def view(self) -> EngineView:
        """What is alive now. Raises EngineSilent."""
        with self._http() as http:
            try:
                networks = _get(http, "/networks")
                concerned = [str(each["Id"]) for each in networks if _concerns(each)]
                inspected = [_get(http, f"/networks/{each}", missing={}) for each in concerned]
                return EngineView(
                    frozenset(concerned),
                    frozenset(str(each["EndpointID"]) for network in inspected for each in _containers(network)),
                    frozenset(each for network in inspected for each in _addresses(network)),
                    _of_swarm(http, networks) if self._swarm else frozenset(),
                    labels={str(each["Id"]): dict(each["Labels"]) for each in inspected if each.get("Labels")},
                )
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise self._strange() from error

    def labels(self, container: str) -> Mapping[str, str]:
        """The labels of the container of this name; none if there is no such container. Raises EngineSilent."""
        # Docker takes names for regular expressions, and finds them with and without the slash that they begin with.
        filters = json.dumps({"name": [f"^/{re.escape(container)}$"]})
        with self._http() as http:
            try:
                found = _get(http, "/containers/json", missing=[], all="true", filters=filters)
                named = [each for each in found if f"/{container}" in each["Names"]]
                return dict(named[0].get("Labels") or {}) if len(named) == 1 else {}
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise self._strange() from error

    def network_labels(self, network: str) -> Mapping[str, str]:
        """The labels of a network; none if there is no such network. Raises EngineSilent."""
        with self._http() as http:
            try:
                return dict(_get(http, f"/networks/{network}", missing={}).get("Labels") or {})
            except (AttributeError, TypeError, ValueError) as error:
                raise self._strange() from error

    def outlooks(self, endpoints: Collection[str]) -> Mapping[str, Outlook]:
        """What Docker was told of the containers that have these endpoints; nothing of those that are gone or starting.

        Raises EngineSilent. Never to be asked while Docker waits for an answer: it would wait for itself.
        """
        found: dict[str, Outlook] = {}
        with self._http() as http:
            try:
                for listed in filter(_concerns, _get(http, "/networks")):
                    network = _get(http, f"/networks/{listed['Id']}", missing={})
                    for container, each in (network.get("Containers") or {}).items():
                        if each["EndpointID"] in endpoints:
                            with contextlib.suppress(EngineSilent):
                                inspected = _get(http, f"/containers/{container}/json")
                                found |= {each["EndpointID"]: _outlook(listed["Id"], inspected)} if inspected else {}
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise self._strange() from error
        return found

    def may_know(self, endpoint: str) -> bool:
        """Whether the endpoint is alive, or Docker does not say."""
        try:
            return endpoint in self.view().endpoints
        except EngineSilent:
            return True

    def _http(self) -> httpx.Client:
        return client(self._socket, TIMEOUT)

    def _strange(self) -> EngineSilent:
        return EngineSilent(f"what answers at {self._socket} is not Docker")


def _concerns(network: Mapping[str, Any]) -> bool:
    """Whether Kuryr may be the driver or the IPAM driver of a network, as it is listed."""
    return network.get("Driver") not in BUILT_IN or _ipam(network).get("Driver", "") not in OWN_IPAM


def _ipam(network: Mapping[str, Any]) -> Mapping[str, Any]:
    return network.get("IPAM") or {}


def _containers(network: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Those on a network; a network that went meanwhile has none."""
    return (network.get("Containers") or {}).values()


def _addresses(network: Mapping[str, Any]) -> Iterator[IPAddress]:
    if _ipam(network).get("Driver", "") in OWN_IPAM:
        return
    for container in _containers(network):
        for text in (container.get("IPv4Address"), container.get("IPv6Address")):
            if text:
                yield ip_interface(text).ip
    for pool in _ipam(network).get("Config") or []:
        for text in (pool.get("AuxiliaryAddresses") or {}).values():
            yield ip_interface(text).ip


def _of_swarm(http: httpx.Client, networks: Iterable[Mapping[str, Any]]) -> frozenset[str] | None:
    state = _get(http, "/info")["Swarm"]
    if state["LocalNodeState"] != "inactive" and not state["ControlAvailable"]:
        return None
    return frozenset(str(network["Id"]) for network in networks if network.get("Scope") == "swarm")


def _outlook(network: str, container: Mapping[str, Any]) -> Outlook:
    config, host = container.get("Config") or {}, container.get("HostConfig") or {}
    exposed = frozenset(map(_port, config.get("ExposedPorts") or {}))
    published = frozenset(map(_port, host.get("PortBindings") or {}))
    return Outlook(network, exposed, exposed | published if host.get("PublishAllPorts") else published)


def _port(text: str) -> PortRange:
    """`80/tcp`, as Docker writes it."""
    number, _, protocol = text.partition("/")
    return PortRange(protocol, int(number), int(number))


def _get(http: httpx.Client, path: str, *, missing: object = None, **params: str) -> Any:
    try:
        answer = http.get(path, params=params)
        if answer.status_code == 404:
            return missing
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise EngineSilent(f"Docker does not answer {path}: {error or type(error).__name__}") from error
