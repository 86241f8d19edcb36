"""What of a host's containers is reached from outside, and where: read from Neutron alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from kuryr.gateway.identity import PORT_OWNER
from kuryr.model import IPAddress, Mark
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import FloatingIPResource, PortResource


@dataclass(frozen=True)
class Published:
    """One way in. Protocol and ports are empty for a floating IP that leads to a container as a whole."""

    owner: str
    """Who uses the port, as written in Neutron."""
    network_id: str
    outer: IPAddress
    inner: IPAddress | None
    protocol: str = ""
    outer_port: int | None = None
    inner_port: int | None = None


def published(neutron: Neutron, mark: Mark) -> list[Published]:
    """All ways in to the containers that bear the mark; also by floating IPs that users gave them.

    One request for the ports, one or two for the floating IPs, one more for each that forwards.
    """
    listed = neutron.ports.list(description=str(mark), device_owner=PORT_OWNER)
    ports = {port.id: port for port in listed if port.host == mark.host}
    found = neutron.floating_ips.list(port_id=sorted(ports))
    found += neutron.floating_ips.list(description=str(mark), project_id=neutron.project_id)
    ways = [way for each in {one.id: one for one in found}.values() for way in _ways(neutron, each, ports)]
    return sorted(ways, key=lambda way: (str(way.outer), way.protocol, way.outer_port or 0))


def _ways(neutron: Neutron, floating: FloatingIPResource, ports: dict[str, PortResource]) -> Iterator[Published]:
    if port := ports.get(floating.port_id):
        yield Published(port.device_id, port.network_id, floating.address, floating.fixed_address)
    elif floating.router_id and not floating.port_id:
        for each in neutron.floating_ips.port_forwardings(floating.id).list():
            if port := ports.get(each.internal_port_id):
                yield Published(
                    port.device_id,
                    port.network_id,
                    floating.address,
                    each.internal_address,
                    each.protocol,
                    each.external_port,
                    each.internal_port,
                )
