"""Neutron's resources as plain immutable values, read from its JSON.

Clouds differ in their extensions: an attribute that is missing reads as its empty value, one that is unknown is
ignored. Only what cannot be meant (no id, an address that is none) is an error, and it is the cloud's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Self

from kuryr.errors import CloudError
from kuryr.model import AddressRange, FixedIP, IPAddress, IPNetwork, Route, Subnet

_DEFAULT_MTU = 1500
"""Ethernet's; Neutron without the net-mtu extension tells none."""


@dataclass(frozen=True)
class NetworkResource:
    """A Neutron network."""

    id: str
    name: str = ""
    project_id: str = ""
    mtu: int = _DEFAULT_MTU
    description: str = ""
    shared: bool = False
    external: bool = False
    subnet_ids: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a network; raises CloudError when it is nonsense."""
        read = _Reader("network", body)
        return cls(
            id=read.id,
            name=read.text("name"),
            project_id=read.project_id,
            mtu=read.number("mtu", _DEFAULT_MTU),
            description=read.text("description"),
            shared=bool(body.get("shared")),
            external=bool(body.get("router:external")),
            subnet_ids=tuple(str(one) for one in read.items("subnets", str)),
        )


@dataclass(frozen=True)
class SubnetResource:
    """A Neutron subnet."""

    id: str
    name: str
    network_id: str
    project_id: str
    cidr: IPNetwork
    gateway: IPAddress | None
    ip_version: int
    enable_dhcp: bool = True
    description: str = ""
    pools: tuple[AddressRange, ...] = ()
    routes: tuple[Route, ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a subnet; raises CloudError when it is nonsense."""
        read = _Reader("subnet", body)
        cidr = read.cidr(body.get("cidr"))
        return cls(
            id=read.id,
            name=read.text("name"),
            network_id=read.text("network_id"),
            project_id=read.project_id,
            cidr=cidr,
            gateway=read.address(body["gateway_ip"]) if body.get("gateway_ip") else None,
            ip_version=cidr.version,
            enable_dhcp=bool(body.get("enable_dhcp", True)),
            description=read.text("description"),
            pools=tuple(
                AddressRange(read.address(pool.get("start")), read.address(pool.get("end")))
                for pool in read.items("allocation_pools", dict)
            ),
            routes=tuple(
                Route(read.cidr(route.get("destination")), read.address(route.get("nexthop")))
                for route in read.items("host_routes", dict)
            ),
            tags=tuple(read.items("tags", str)),
        )

    @property
    def subnet(self) -> Subnet:
        """The part of it that containers need."""
        return Subnet(self.id, self.network_id, self.cidr, self.gateway, self.name, self.pools, self.routes, self.tags)


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
    revision: int = 0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a port; raises CloudError when it is nonsense."""
        read = _Reader("port", body)
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
            revision=read.number("revision_number", 0),
        )


class _Reader:
    """Reads typed values out of one JSON object and blames the cloud, by name, for those that cannot be meant."""

    def __init__(self, kind: str, body: Mapping[str, Any]) -> None:
        self._kind = kind
        self._body = body
        if not isinstance(body, Mapping) or not isinstance(body.get("id"), str) or not body["id"]:
            raise CloudError(f"Neutron described a {kind} without an id")
        self.id: str = body["id"]

    @property
    def project_id(self) -> str:
        return self.text("project_id") or self.text("tenant_id")

    def text(self, key: str) -> str:
        value = self._body.get(key)
        if value is not None and not isinstance(value, str):
            raise self._nonsense(key, value)
        return value or ""

    def number(self, key: str, default: int) -> int:
        value = self._body.get(key)
        if value is None:
            return default
        if not isinstance(value, int):
            raise self._nonsense(key, value)
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        value = self._body.get(key) or {}
        if not isinstance(value, dict):
            raise self._nonsense(key, value)
        return value

    def items(self, key: str, kind: type[Any]) -> list[Any]:
        value = self._body.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            raise self._nonsense(key, value)
        return value

    def address(self, value: object) -> IPAddress:
        try:
            return ip_address(str(value))
        except ValueError as error:
            raise self._nonsense("an address", value) from error

    def cidr(self, value: object) -> IPNetwork:
        try:
            return ip_network(str(value))
        except ValueError as error:
            raise self._nonsense("a CIDR", value) from error

    def _nonsense(self, what: str, value: object) -> CloudError:
        return CloudError(f"Neutron gave {value!r:.100} as {what} of {self._kind} {self.id}, which cannot be read")
