"""NetworkDriver, the half about endpoints: a container's interface is a port of this host.

Docker holds a lock per network over RequestAddress and CreateEndpoint, but not over Join. So what is slow and local,
plugging, happens in Join; what is slow and far away, making the port, is one request before it.
"""

import logging
from collections.abc import Collection, Iterable, Iterator

from kuryr.docker.driver.choices import Choices, check_lent
from kuryr.docker.driver.outlets import Outlets
from kuryr.docker.options import catalogue, traits
from kuryr.docker.options.addresses import parse_address
from kuryr.docker.options.catalogue import Place
from kuryr.docker.options.exposure import ExposePolicy, exposed_ports
from kuryr.docker.options.gateways import GatewayStyle
from kuryr.docker.options.publishing import Publication
from kuryr.docker.options.settings import Ahead
from kuryr.docker.protocol import messages
from kuryr.docker.protocol.messages import PORT_MAP, Interface
from kuryr.errors import Conflict, InvalidInput, KuryrError
from kuryr.gateway.exposure.floating import FloatingChoice
from kuryr.gateway.identity import INHERITED
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.protocol import Gateway
from kuryr.host.endpoints import Endpoints
from kuryr.model import PortTraits, Subnet, Vif, Wanted

LOG = logging.getLogger(__name__)

Reply = dict[str, object]


class EndpointDriver:
    """Docker's requests about endpoints. Thread-safe."""

    def __init__(
        self,
        gateway: Gateway,
        choices: Choices,
        endpoints: Endpoints,
        outlets: Outlets,
        *,
        expose: bool,
    ) -> None:
        self._networks = gateway.networks
        self._choices = choices
        self._endpoints = endpoints
        self._outlets = outlets
        self._expose = expose

    def create_endpoint(self, request: messages.CreateEndpoint) -> Reply:
        """A container takes the port at its addresses.

        No request to Neutron if Kuryr's IPAM made the port before; one, if its options make it another port, and two
        more when they name groups and a policy that have not been looked up before; one or two for a floating IP.
        """
        values = catalogue.read(request.options, Place.ENDPOINT)
        own, floating_ip = traits.chosen(values), values.get("neutron.floating_ip")
        given = request.interface or Interface()
        bound = self._networks.of_owner(request.network_id)
        style = GatewayStyle.of(bound.anchorage.settings)
        if INHERITED in bound.anchorage.settings:
            _ignore_published_ports(request)
        elif style is not GatewayStyle.ENGINE:
            Publication.of(bound.anchorage.settings).check(request.options)
        if isinstance(floating_ip, FloatingChoice) and style is not GatewayStyle.NEUTRON:
            raise InvalidInput("neutron.floating_ip needs a network with kuryr.gateway=neutron")
        wanted, mac = list(_wanted(bound, given)), given.mac_address.lower() or None
        told = [address for _, address in wanted if address is not None]
        choice = self._choices.at_endpoint(bound, values, told)
        check_lent(own, lent=bool(choice.port) or self._endpoints.borrows(wanted))
        base = traits.of_network(bound)
        if bound.anchorage.keys:
            base = self._endpoints.said(wanted) or base

        ready = Ahead.of(bound.anchorage.settings) is Ahead.AUTO

        def create(made: PortTraits) -> Vif:
            return self._endpoints.create(request.endpoint_id, bound.network.id, wanted, mac, made, choice, ready=ready)

        try:
            vif = self._choices.fulfil(bound, own, base, create)
        except Conflict as error:
            if choice.port and told:
                raise Conflict(error.message, hint=_IN_TIME) from error
            raise
        if isinstance(floating_ip, FloatingChoice):
            try:
                self._outlets.give(floating_ip, vif, bound)
            except KuryrError:
                self.delete_endpoint(messages.Endpoint(request.network_id, request.endpoint_id))
                raise
        return {"Interface": _filled(bound, given, vif)}

    def delete_endpoint(self, request: messages.Endpoint) -> Reply:
        """Remove the interface; the port too, unless Kuryr's IPAM will be asked to. Never waits for Neutron."""
        anchorage = self._networks.anchors.remembered(request.network_id)
        self._outlets.take_back(request.endpoint_id)
        unplugged = self._endpoints.delete(request.endpoint_id, release=anchorage is not None and not anchorage.keys)
        if anchorage is None:
            # Right after a start.
            self._endpoints.when_loaded(lambda: self._give_back(request.network_id, unplugged))
        return {}

    def join(self, request: messages.Endpoint) -> Reply:
        """Plug the interface and tell Docker how to name it and where traffic goes."""
        bound = self._networks.of_owner(request.network_id)
        policy = ExposePolicy.of(bound.anchorage.settings)
        openings = policy.openings(bound.network, exposed_ports(request.options), default=self._expose)
        published = Publication.of(bound.anchorage.settings).openings(request.options)
        joined = self._endpoints.join(request.endpoint_id, (*openings, *published))
        own = {fixed_ip.subnet_id for fixed_ip in joined.vif.fixed_ips}
        subnets = [subnet for subnet in bound.network.subnets if subnet.id in own]
        style = GatewayStyle.of(bound.anchorage.settings)
        reply: Reply = {
            "StaticRoutes": list(_routes(subnets)),
            "DisableGatewayService": style is not GatewayStyle.ENGINE,
        }
        if joined.interface.name:
            reply["InterfaceName"] = {"SrcName": joined.interface.name, "DstPrefix": "eth"}
        if style is GatewayStyle.NEUTRON:
            for name, version in (("Gateway", 4), ("GatewayIPv6", 6)):
                gateways = (each.gateway for each in subnets if each.version == version and each.gateway)
                if gateway := next(gateways, None):
                    reply[name] = str(gateway)
        return reply

    def _give_back(self, network_id: str, port_ids: Collection[str]) -> None:
        if not self._networks.of_owner(network_id).anchorage.keys:
            self._endpoints.give_back(port_ids)


_IN_TIME = "choose an existing port by --ip with its address, or on a network with --ipam-driver null"
"""By then Docker has given the container an address."""


def _wanted(bound: Bound, given: Interface) -> Iterator[Wanted]:
    """The addresses that the port shall have: those Docker tells, or any when it leaves them to Neutron."""
    told = [text for text in (given.address, given.address_ipv6) if text]
    for text in told:
        address = parse_address(text, "address")
        yield bound.subnet_with(address).id, address
    if told:
        return
    if bound.anchorage.keys:
        raise InvalidInput("the endpoint has no address", hint="start the container again")
    for subnet in bound.subnets:
        yield subnet.id, None


def _filled(bound: Bound, given: Interface, vif: Vif) -> Interface:
    """What Docker left open: it refuses an answer that repeats what it said."""
    filled = Interface(mac_address="" if given.mac_address else vif.mac)
    if not given.address and not given.address_ipv6:
        for subnet in bound.subnets:
            if address := vif.address_in(subnet.id):
                field = "address" if subnet.version == 4 else "address_ipv6"
                setattr(filled, field, f"{address}/{subnet.cidr.prefixlen}")
    return filled


def _ignore_published_ports(request: messages.CreateEndpoint) -> None:
    """As kuryr-libnetwork did: its containers shall start as ever."""
    if (request.options or {}).get(PORT_MAP):
        LOG.warning("-p of endpoint %s has no effect on a network of kuryr-libnetwork", request.endpoint_id[:12])


def _routes(subnets: Iterable[Subnet]) -> Iterator[Reply]:
    """Neutron's host routes of the container's own subnets; RouteType 0 goes by a next hop."""
    for subnet in subnets:
        for route in subnet.routes:
            yield {"Destination": str(route.destination), "RouteType": 0, "NextHop": str(route.nexthop)}
