"""What is said of a port, in Neutron's words: when it is made, and when it is changed."""

from kuryr.gateway.identity import PORT_OWNER, RESERVED
from kuryr.model import Mark, Network, PortRequest, PortTraits
from kuryr.neutron.ports import PortChanges, PortSpec


def port_spec(request: PortRequest, network: Network, mark: Mark) -> PortSpec:
    """A container port: all that identifies it and all that is said of it, except for its place."""
    traits = request.traits
    spec = PortSpec(
        network_id=network.id,
        name=request.name,
        description=str(mark),
        device_owner=PORT_OWNER,
        device_id=request.owner or RESERVED,
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
    return spec


def port_changes(traits: PortTraits) -> PortChanges:
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
