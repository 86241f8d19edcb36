"""Publishing ports when Docker says so: it tells the one endpoint by which a container reaches the outside.

Docker calls ProgramExternalConnectivity after Join, and again when another network of the container becomes its way
out; an error there fails the start. Revoke comes before every Leave, and when another network takes over. Mostly the
container is about to go, and takes its forwardings along; so what is revoked is only looked at a moment later.
"""

import threading
from collections.abc import Callable

from kuryr.behind import Behind
from kuryr.docker.driver.outlets import SETTLE, Outlets, inner_address
from kuryr.docker.options.gateways import GatewayStyle
from kuryr.docker.options.publishing import Publication, Publish, published_ports
from kuryr.docker.protocol import messages
from kuryr.errors import NotFound
from kuryr.gateway.exposure.floating import FloatingChoice
from kuryr.gateway.exposure.forwarding import Forward, PortTaken
from kuryr.gateway.identity import INHERITED
from kuryr.gateway.protocol import Gateway
from kuryr.host.endpoints import Endpoints
from kuryr.model import IPAddress, Vif

Reply = dict[str, object]

LINGER = 2.0
"""Seconds after which what was revoked is withdrawn, if its container still lives."""


class Publisher:
    """Docker's requests about connectivity with the outside. Thread-safe."""

    def __init__(
        self,
        gateway: Gateway,
        endpoints: Endpoints,
        outlets: Outlets,
        behind: Behind,
    ) -> None:
        self._networks = gateway.networks
        self._endpoints = endpoints
        self._outlets = outlets
        self._forwardings = gateway.forwardings
        self._behind = behind
        self._lock = threading.Lock()
        self._programmed: set[str] = set()

    def program(self, request: messages.Connectivity) -> Reply:
        """Publish the endpoint's ports: one request for each forwarding, or one for the floating IP. Twice is once."""
        wanted = published_ports(request.options)
        if not wanted:
            return {}
        bound = self._networks.of_owner(request.network_id)
        if GatewayStyle.of(bound.anchorage.settings) is GatewayStyle.ENGINE:
            return {}
        if INHERITED in bound.anchorage.settings:
            return {}
        publication = Publication.of(bound.anchorage.settings)
        publication.check(request.options)
        self._endpoints.load()
        vif = self._endpoints.remembered(request.endpoint_id)
        if vif is None:
            raise NotFound(f"endpoint {request.endpoint_id[:12]} has no port here", hint="start the container again")
        if publication.style is Publish.FLOATING:
            self._outlets.give(FloatingChoice(), vif, bound)
            return {}
        with self._lock:
            self._programmed.add(request.endpoint_id)
        try:
            self._forward(publication.floating_ip, vif, inner_address(bound, vif).address, wanted)
        except BaseException:
            self._forget(request.endpoint_id)
            raise
        return {}

    def revoke(self, request: messages.Endpoint) -> Reply:
        """The endpoint is not its container's way out any more. Never waits for Neutron."""
        programmed = self._forget(request.endpoint_id)
        anchorage = self._networks.anchors.remembered(request.network_id)
        floating_ip = Publication.of(anchorage.settings).floating_ip if anchorage else ""
        if programmed and floating_ip:
            self._behind.later(LINGER, self._withdrawal(floating_ip, request.endpoint_id))
        return {}

    def _forward(self, floating_ip: str, vif: Vif, address: IPAddress, wanted: frozenset[Forward]) -> None:
        self._endpoints.tie(vif.port_id)
        try:
            self._forwardings.make(floating_ip, vif, address, wanted)
        except PortTaken as taken:
            if not self._endpoints.releases.settle_port(taken.port_id, SETTLE):
                raise
            self._forwardings.make(floating_ip, vif, address, wanted)

    def _forget(self, endpoint_id: str) -> bool:
        with self._lock:
            known = endpoint_id in self._programmed
            self._programmed.discard(endpoint_id)
        return known

    def _withdrawal(self, floating_ip: str, endpoint_id: str) -> Callable[[], None]:
        def withdraw() -> None:
            with self._lock:
                again = endpoint_id in self._programmed
            vif = None if again else self._endpoints.remembered(endpoint_id)
            if vif:
                self._forwardings.withdraw(floating_ip, vif.port_id)

        return withdraw
