"""Container ports: reserved, given a user, given back. `model.Cloud` in the process that holds the credentials.

A port is born in one request with all that identifies it and all that is said of it, bound to this host, in the
network's own project and, unless something else is said, with that project's default security group.
"""

from collections.abc import Collection, Sequence

from kuryr.errors import InvalidInput, NotFound
from kuryr.gateway.identity import PORT_OWNER, RESERVED, owner_of
from kuryr.gateway.openings import Openings
from kuryr.gateway.topology import Topology
from kuryr.model import USUAL_PORT, Mark, Network, Opening, PortRequest, PortTraits, Vif, Wanted
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortChanges, PortSpec
from kuryr.neutron.resources import PortResource


class LocalCloud:
    """The cloud as seen from one host, through a Neutron client of the same process. Thread-safe."""

    def __init__(self, neutron: Neutron, topology: Topology, openings: Openings, mark: Mark) -> None:
        self._neutron = neutron
        self._topology = topology
        self._openings = openings
        self._mark = mark

    def reserve(self, request: PortRequest, count: int = 1) -> Sequence[Vif]:
        """Make `count` ports in one request, all or none.

        Raises Conflict when a wanted address is taken, Exhausted when none is left.
        """
        network, traits = self._topology.network(request.network_id), request.traits
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
            security_groups=traits.security_groups,
            port_security=traits.port_security,
            qos_policy_id=traits.qos_policy or None,
        )
        if traits.dns_name:
            spec["dns_name"] = traits.dns_name
        if traits.allowed_address_pairs:
            spec["allowed_address_pairs"] = traits.allowed_address_pairs
        ports = [self._neutron.ports.create(**spec)] if count == 1 else self._neutron.ports.create_many([spec] * count)
        try:
            return [self._vif(_named(port, traits), network) for port in ports]
        except InvalidInput:
            for port in ports:
                self._neutron.ports.delete(port.id)
            raise

    def readdress(self, port_id: str, fixed_ips: Sequence[Wanted]) -> Vif:
        """Give the port exactly these addresses: one request. Raises NotFound, Conflict, Exhausted."""
        port = self._neutron.ports.update(port_id, fixed_ips=fixed_ips)
        if port is None:
            raise NotFound(f"port {port_id} is gone", hint="run the command again")
        return self._vif(port, self._topology.network(port.network_id))

    def identify(
        self, vif: Vif, owner: str, name: str, traits: PortTraits = USUAL_PORT, openings: Collection[Opening] = ()
    ) -> Vif | None:
        """Write on the port who uses it, and what it shall be besides: one request; None when the port is gone.

        More requests when a group of the openings is not known yet. Raises NotFound when a group or policy is gone.
        """
        network = self._topology.network(vif.network_id)
        base = vif.traits.security_groups if traits.security_groups is None else traits.security_groups
        changes = PortChanges(device_id=owner, name=name) | _changes(traits)
        if not openings or not base:
            return self._changed(vif.port_id, changes, network, traits)
        try:
            changes["security_groups"] = [*base, *self._openings.groups(network, openings)]
            return self._changed(vif.port_id, changes, network, traits)
        except NotFound:
            # Another host may have swept a group that is remembered here.
            self._openings.forget(network.id)
            changes["security_groups"] = [*base, *self._openings.groups(network, openings)]
            return self._changed(vif.port_id, changes, network, traits)

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

    def _changed(self, port_id: str, changes: PortChanges, network: Network, traits: PortTraits) -> Vif | None:
        port = self._neutron.ports.update(port_id, **changes)
        return self._vif(_named(port, traits), network) if port else None

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
            traits=PortTraits(
                security_groups=port.security_groups,
                port_security=port.port_security,
                qos_policy=port.qos_policy_id,
                dns_name=port.dns_name,
                allowed_address_pairs=port.allowed_address_pairs,
            ),
        )


def _named(port: PortResource, wanted: PortTraits) -> PortResource:
    """The port, if it has the name it should have. Neutron without the extension driver `dns` takes and drops it."""
    if wanted.dns_name and not port.dns_name:
        raise InvalidInput("this cloud keeps no DNS names of ports", hint="leave neutron.dns_name out")
    return port


def _changes(traits: PortTraits) -> PortChanges:
    """What must be said to Neutron of traits that are not left to it."""
    changes = PortChanges()
    if traits.security_groups is not None:
        changes["security_groups"] = traits.security_groups
    if traits.port_security is not None:
        changes["port_security"] = traits.port_security
    if traits.qos_policy:
        changes["qos_policy_id"] = traits.qos_policy
    if traits.dns_name:
        changes["dns_name"] = traits.dns_name
    if traits.allowed_address_pairs:
        changes["allowed_address_pairs"] = traits.allowed_address_pairs
    return changes
