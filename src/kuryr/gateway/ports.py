"""Container ports: reserved, given a user, given back. `model.Cloud` in the process that holds the credentials.

A port is born in one request with all that identifies it, bound to this host, in the network's own project and
with that project's default security group.
"""

from collections.abc import Sequence

from kuryr.errors import NotFound
from kuryr.gateway.identity import PORT_OWNER, RESERVED, owner_of
from kuryr.gateway.topology import Topology
from kuryr.model import Mark, Network, PortRequest, Vif, Wanted
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortSpec
from kuryr.neutron.resources import PortResource


class LocalCloud:
    """The cloud as seen from one host, through a Neutron client of the same process. Thread-safe."""

    def __init__(self, neutron: Neutron, topology: Topology, mark: Mark) -> None:
        self._neutron = neutron
        self._topology = topology
        self._mark = mark

    def reserve(self, request: PortRequest, count: int = 1) -> Sequence[Vif]:
        """Make `count` ports in one request, all or none.

        Raises Conflict when a wanted address is taken, Exhausted when none is left.
        """
        network = self._topology.network(request.network_id)
        spec = PortSpec(
            network_id=network.id,
            name=request.name,
            description=str(self._mark),
            device_owner=PORT_OWNER,
            device_id=request.owner or RESERVED,
            host=self._mark.host,
            fixed_ips=request.fixed_ips,
            mac=request.mac,
            project_id=network.project_id,
        )
        if count == 1:
            return [self._vif(self._neutron.ports.create(**spec), network)]
        return [self._vif(port, network) for port in self._neutron.ports.create_many([spec] * count)]

    def readdress(self, port_id: str, fixed_ips: Sequence[Wanted]) -> Vif:
        """Give the port exactly these addresses: one request. Raises NotFound, Conflict, Exhausted."""
        port = self._neutron.ports.update(port_id, fixed_ips=fixed_ips)
        if port is None:
            raise NotFound(f"port {port_id} is gone", hint="run the command again")
        return self._vif(port, self._topology.network(port.network_id))

    def identify(self, port_id: str, owner: str, name: str) -> None:
        """Write on the port who uses it: one request. A port that is gone is no error."""
        self._neutron.ports.update(port_id, device_id=owner, name=name)

    def release(self, port_id: str) -> None:
        """Delete the port: one request. A port that is gone is no error."""
        self._neutron.ports.delete(port_id)

    def held(self) -> Sequence[Vif]:
        """Every container port of this host: one request, and two more for networks not read before."""
        listed = self._neutron.ports.list(description=str(self._mark), device_owner=PORT_OWNER)
        # A description is anybody's to write; the host is not.
        ports = [port for port in listed if port.host == self._mark.host]
        networks = self._topology.networks({port.network_id for port in ports})
        return [self._vif(port, networks[port.network_id]) for port in ports if port.network_id in networks]

    def _vif(self, port: PortResource, network: Network) -> Vif:
        return Vif(
            port_id=port.id,
            network_id=port.network_id,
            mac=port.mac,
            mtu=network.mtu,
            fixed_ips=port.fixed_ips,
            vif_type=port.vif_type,
            vnic_type=port.vnic_type,
            details=port.details,
            owner=owner_of(port.device_id),
        )
