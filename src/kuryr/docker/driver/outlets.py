"""How a new network is led to the outside: its router, and what its published ports are reached by.

What can be wrong is found before anything is made: names are looked up first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kuryr.docker.options.catalogue import Values
from kuryr.docker.options.gateways import GatewayStyle
from kuryr.docker.options.naming import named
from kuryr.docker.options.publishing import OPTION, Publication, Publish
from kuryr.errors import InvalidInput
from kuryr.gateway.exposure.floating import FloatingChoice, InUse
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.networks.routers import external_of_router
from kuryr.gateway.networks.specs import WayOut
from kuryr.gateway.protocol import FloatingIPs, Routers
from kuryr.host.endpoints import Endpoints
from kuryr.model import FixedIP, Network, Vif

ROUTER = "neutron.router"
EXTERNAL = "neutron.external"

SETTLE = 10.0
"""Seconds that a start waits for what the last container had that is being removed."""


@dataclass(frozen=True)
class Outlet:
    """What a new network shall have: a router to be attached to, a way to publish, and an external network for both.

    Empty ids mean: none.
    """

    router_id: str = ""
    publish: Publish = Publish.NONE
    external_id: str = ""

    @property
    def way(self) -> WayOut:
        """What must be made for a network that Kuryr makes."""
        return WayOut(self.router_id, self.external_id if self.publish is Publish.FORWARDING else "")

    @property
    def settings(self) -> Sequence[str]:
        """What the anchor of such a network says, besides the floating IP that is made with it."""
        through = "" if self.publish is Publish.FORWARDING else self.external_id
        return Publication(self.publish, through).settings


class Outlets:
    """Looks outlets up, gives floating IPs and removes them. Thread-safe."""

    def __init__(self, routers: Routers, floating: FloatingIPs, endpoints: Endpoints) -> None:
        self._routers = routers
        self._floating = floating
        self._endpoints = endpoints

    def chosen(self, values: Values, style: GatewayStyle, *, made: bool) -> Outlet:
        """What the options of a new network say; `made` by Kuryr or existing. At most two requests.

        Raises InvalidInput, NotFound, Conflict when a name means several.
        """
        publish = Publish.chosen(values.get(OPTION))
        router, external = named(values, ROUTER), named(values, EXTERNAL)
        if publish is not Publish.NONE and style is not GatewayStyle.NEUTRON:
            raise InvalidInput(f"{OPTION}={publish.value} needs kuryr.gateway=neutron, not {style.value}")
        if router and style is GatewayStyle.NONE:
            raise InvalidInput(f"{ROUTER} contradicts a network without a gateway", hint="leave one of them out")
        if router and not made:
            raise InvalidInput(
                f"{ROUTER} is for networks that Kuryr makes, this one exists", hint="attach it to a router in Neutron"
            )
        if made and publish is not Publish.NONE and not (router or external):
            raise InvalidInput(
                f"{OPTION}={publish.value} needs a way to the outside", hint=f"give {ROUTER}.name or {EXTERNAL}.name"
            )
        external_id = self._routers.find_external(external) if external else ""
        found = self._routers.find(router) if router else None
        if found and publish is not Publish.NONE:
            external_id = external_id or external_of_router(found)
        return Outlet(found.id if found else "", publish, external_id)

    def led(self, outlet: Outlet, network: Network) -> Publication:
        """How an existing network is published.

        One request for the floating IP of forwardings, two more when the external network must be found. Raises
        NotFound, Conflict, Exhausted.
        """
        through = outlet.external_id
        if outlet.publish is not Publish.NONE and not through:
            through = self._routers.external_of(network)
        if outlet.publish is Publish.FORWARDING:
            through = self._floating.make(through, network.project_id).id
        return Publication(outlet.publish, through)

    def remove(self, settings: Sequence[str]) -> None:
        """Remove what a network stood on; its router's interfaces go with the network itself."""
        if floating_ip := Publication.of(settings).floating_ip:
            self._floating.remove(floating_ip)

    def give(self, choice: FloatingChoice, vif: Vif, bound: Bound) -> None:
        """Lead a floating IP to a container: one request for a new one, two for an existing one. Twice is once.

        More for a lent port, and two more the first time that a network's external network must be found. Raises
        InvalidInput, NotFound, Exhausted, Conflict when it is in use elsewhere.
        """
        inner_address(bound, vif)
        self._endpoints.tie(vif.port_id)
        if not choice:
            self._floating.give_new(vif, self._external_of(bound), bound.network.project_id)
            return
        try:
            self._floating.give(choice, vif, bound.network)
        except InUse as used:
            if not self._endpoints.releases.settle_port(used.port_id, SETTLE):
                raise
            self._floating.give(choice, vif, bound.network)

    def take_back(self, owner: str) -> None:
        """Remove behind what was made for a container that goes. What the user named goes free with its port."""
        if vif := self._endpoints.remembered(owner):
            self._floating.take_back(vif.port_id)

    def kept(self, settings: Iterable[Sequence[str]]) -> set[str]:
        """The floating IPs that networks with such settings stand on."""
        return {Publication.of(each).floating_ip for each in settings} - {""}

    def _external_of(self, bound: Bound) -> str:
        publication = Publication.of(bound.anchorage.settings)
        return publication.external_id or self._routers.external_of(bound.network)


def inner_address(bound: Bound, vif: Vif) -> FixedIP:
    """The IPv4 address of a container, behind a gateway. Raises InvalidInput when it has none."""
    for fixed in vif.fixed_ips:
        subnet = next((each for each in bound.network.subnets if each.id == fixed.subnet_id), None)
        if subnet and subnet.version == 4:
            if subnet.gateway is None:
                raise InvalidInput(f"subnet {subnet.cidr} has no gateway", hint="floating IPs need one")
            return fixed
    raise InvalidInput("the container has no IPv4 address", hint="floating IPs lead to IPv4 addresses only")
