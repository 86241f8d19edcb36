"""Ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from kuryr.model import AddressPair, FixedIP
from kuryr.neutron.resources.reader import Reader


@dataclass(frozen=True)
class PortResource:
    """A Neutron port."""

    id: str
    name: str = ""
    network_id: str = ""
    project_id: str = ""
    mac: str = ""
    fixed_ips: tuple[FixedIP, ...] = ()
    device_id: str = ""
    device_owner: str = ""
    description: str = ""
    status: str = ""
    host: str = ""
    """binding:host_id; "" when the port is not bound, or when the credentials may not see it."""
    vif_type: str = ""
    vnic_type: str = "normal"
    details: Mapping[str, Any] = field(default_factory=dict)
    """binding:vif_details: what the mechanism driver tells the host that plugs the port."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    """binding:profile: what the mechanism driver is told; {} when the credentials may not see it."""
    security_groups: tuple[str, ...] = ()
    port_security: bool = True
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    qos_policy_id: str = ""
    dns_name: str = ""
    tags: tuple[str, ...] = ()
    revision: int = 0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a port; raises CloudError when it is nonsense."""
        read = Reader("port", body)
        return cls(
            id=read.id,
            name=read.text("name"),
            network_id=read.text("network_id"),
            project_id=read.project_id,
            mac=read.text("mac_address").lower(),
            fixed_ips=tuple(
                FixedIP(str(fixed.get("subnet_id") or ""), read.address(fixed.get("ip_address")))
                for fixed in read.items("fixed_ips", dict)
            ),
            device_id=read.text("device_id"),
            device_owner=read.text("device_owner"),
            description=read.text("description"),
            status=read.text("status"),
            host=read.text("binding:host_id"),
            vif_type=read.text("binding:vif_type"),
            vnic_type=read.text("binding:vnic_type") or "normal",
            details=read.mapping("binding:vif_details"),
            profile=read.mapping("binding:profile"),
            security_groups=read.texts("security_groups"),
            port_security=read.flag("port_security_enabled", default=True),
            allowed_address_pairs=tuple(
                AddressPair(read.address_or_cidr(pair.get("ip_address")), str(pair.get("mac_address") or "").lower())
                for pair in read.items("allowed_address_pairs", dict)
            ),
            qos_policy_id=read.text("qos_policy_id"),
            dns_name=read.text("dns_name"),
            tags=read.texts("tags"),
            revision=read.number("revision_number", 0),
        )
