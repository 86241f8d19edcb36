"""What connects networks with one another and with the world outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kuryr.model import ExternalNetworkId, FloatingIPId, IPAddress, RouterId
from kuryr.neutron.resources.reader import Reader


@dataclass(frozen=True)
class RouterResource:
    """A Neutron router."""

    id: RouterId
    name: str = ""
    project_id: str = ""
    description: str = ""
    external_network_id: ExternalNetworkId = ""
    """The network that its gateway is on; "" without one."""
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a router; raises CloudError when it is nonsense."""
        read = Reader("router", body)
        return cls(
            id=read.id,
            name=read.text("name"),
            project_id=read.project_id,
            description=read.text("description"),
            external_network_id=str(read.mapping("external_gateway_info").get("network_id") or ""),
            tags=read.texts("tags"),
        )


@dataclass(frozen=True)
class FloatingIPResource:
    """A Neutron floating IP."""

    id: FloatingIPId
    address: IPAddress
    network_id: str = ""
    """The external network that the address is from."""
    project_id: str = ""
    description: str = ""
    port_id: str = ""
    """Whom it leads to; "" when nobody, or when only some ports of it are forwarded."""
    fixed_address: IPAddress | None = None
    router_id: str = ""
    tags: tuple[str, ...] = ()
    revision: int = 0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a floating IP; raises CloudError when it is nonsense."""
        read = Reader("floating IP", body)
        fixed = body.get("fixed_ip_address")
        return cls(
            id=read.id,
            address=read.address(body.get("floating_ip_address")),
            network_id=read.text("floating_network_id"),
            project_id=read.project_id,
            description=read.text("description"),
            port_id=read.text("port_id"),
            fixed_address=None if fixed is None else read.address(fixed),
            router_id=read.text("router_id"),
            tags=read.texts("tags"),
            revision=read.number("revision_number", 0),
        )


@dataclass(frozen=True)
class PortForwardingResource:
    """One port of a floating IP that leads to one port of a Neutron port's address."""

    id: str
    protocol: str = ""
    external_port: int | None = None
    """None where a range is forwarded, which Kuryr does not make."""
    internal_port: int | None = None
    internal_port_id: str = ""
    internal_address: IPAddress | None = None
    description: str = ""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a port forwarding; raises CloudError when it is nonsense."""
        read = Reader("port forwarding", body)
        internal = body.get("internal_ip_address")
        return cls(
            id=read.id,
            protocol=read.text("protocol"),
            external_port=read.number("external_port", None),
            internal_port=read.number("internal_port", None),
            internal_port_id=read.text("internal_port_id"),
            internal_address=None if internal is None else read.address(internal),
            description=read.text("description"),
        )
