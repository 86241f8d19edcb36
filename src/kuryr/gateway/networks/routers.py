"""Routers, which belong to the user: networks of Kuryr's are attached to them, and led to the outside by them.

An interface is Neutron's own port, which bears no mark. It is an edge of a network of Kuryr's, and goes with it.
"""

from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.gateway.naming import Names
from kuryr.model import Named, Network
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import RouterResource
from kuryr.neutron.routers import INTERFACES


class Routers:
    """Finds routers and external networks, and attaches networks to routers. Thread-safe."""

    def __init__(self, neutron: Neutron) -> None:
        self._neutron = neutron
        self._names = Names(neutron)

    def find(self, named: Named) -> RouterResource:
        """The router of Kuryr's project that is meant: one request. Raises NotFound, Conflict when several are."""
        found = self._names.find(self._neutron.routers, named)
        own = [router for router in found if router.project_id == self._neutron.project_id]
        return self._names.only(own, "router", named, "neutron.router.uuid")

    def find_external(self, named: Named) -> str:
        """The id of the external network that is meant: one request. Raises NotFound, Conflict when several are."""
        found = self._names.find(self._neutron.networks, named)
        external = [network for network in found if network.external]
        return self._names.only(external, "external network", named, "neutron.external.uuid").id

    def attach(self, router_id: str, network: Network) -> None:
        """Give the router an interface in every subnet that has a gateway: one request for each.

        Raises InvalidInput when a subnet overlaps another of the router's.
        """
        for subnet in network.subnets:
            if subnet.gateway:
                self._neutron.routers.add_interface(router_id, subnet.id)

    def external_of(self, network: Network) -> str:
        """The id of the external network that a network is led to: two requests.

        Raises NotFound when there is none, Conflict when there are several.
        """
        ports = self._neutron.ports.list(network_id=network.id, device_owner=INTERFACES)
        routers = self._neutron.routers.list(id=sorted({port.device_id for port in ports}))
        found = {router.external_network_id for router in routers if router.external_network_id}
        label = network.name or network.id
        if not found:
            raise NotFound(
                f"network {label} has no router with a gateway that this project can see",
                hint="attach one in Neutron, or name the external network by -o neutron.external.name",
            )
        if len(found) > 1:
            raise Conflict(
                f"network {label} is led to {len(found)} external networks",
                hint="choose one by -o neutron.external.uuid",
            )
        return found.pop()


def external_of_router(router: RouterResource) -> str:
    """The id of the external network that a router leads to. Raises InvalidInput."""
    if not router.external_network_id:
        raise InvalidInput(
            f"router {router.name or router.id} leads to no external network", hint="give it a gateway in Neutron"
        )
    return router.external_network_id


def detach_last(neutron: Neutron, network_id: str) -> None:
    """Take routers off a network that nobody else is on any more: one request when none is on it."""
    interfaces = neutron.ports.list(network_id=network_id, device_owner=INTERFACES)
    if not interfaces:
        return
    if all(port.device_owner.startswith("network:") for port in neutron.ports.list(network_id=network_id)):
        for port in interfaces:
            for fixed_ip in port.fixed_ips:
                neutron.routers.remove_interface(port.device_id, fixed_ip.subnet_id)
