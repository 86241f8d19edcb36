"""Networks and what they are numbered with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kuryr.model import AddressRange, IPAddress, IPNetwork, Route, Subnet, SubnetPoolId
from kuryr.neutron.resources.reader import Reader

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
    port_security: bool = True
    dns_domain: str = ""
    qos_policy_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a network; raises CloudError when it is nonsense."""
        read = Reader("network", body)
        return cls(
            id=read.id,
            name=read.text("name"),
            project_id=read.project_id,
            mtu=read.number("mtu", _DEFAULT_MTU),
            description=read.text("description"),
            shared=read.flag("shared"),
            external=read.flag("router:external"),
            port_security=read.flag("port_security_enabled", default=True),
            dns_domain=read.text("dns_domain"),
            qos_policy_id=read.text("qos_policy_id"),
            subnet_ids=read.texts("subnets"),
            tags=read.texts("tags"),
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
    subnetpool_id: str = ""
    ipv6_address_mode: str = ""
    """ "slaac", "dhcpv6-stateful" or "dhcpv6-stateless"; "" when Neutron leaves it to others."""
    ipv6_ra_mode: str = ""
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a subnet; raises CloudError when it is nonsense."""
        read = Reader("subnet", body)
        cidr = read.cidr(body.get("cidr"))
        return cls(
            id=read.id,
            name=read.text("name"),
            network_id=read.text("network_id"),
            project_id=read.project_id,
            cidr=cidr,
            gateway=read.address(body["gateway_ip"]) if body.get("gateway_ip") else None,
            ip_version=cidr.version,
            enable_dhcp=read.flag("enable_dhcp", default=True),
            description=read.text("description"),
            pools=tuple(
                AddressRange(read.address(pool.get("start")), read.address(pool.get("end")))
                for pool in read.items("allocation_pools", dict)
            ),
            routes=tuple(
                Route(read.cidr(route.get("destination")), read.address(route.get("nexthop")))
                for route in read.items("host_routes", dict)
            ),
            subnetpool_id=read.text("subnetpool_id"),
            ipv6_address_mode=read.text("ipv6_address_mode"),
            ipv6_ra_mode=read.text("ipv6_ra_mode"),
            tags=read.texts("tags"),
        )

    @property
    def subnet(self) -> Subnet:
        """The part of it that containers need."""
        return Subnet(
            id=self.id,
            network_id=self.network_id,
            cidr=self.cidr,
            gateway=self.gateway,
            name=self.name,
            pools=self.pools,
            routes=self.routes,
            dhcp=self.enable_dhcp,
            tags=self.tags,
            subnet_pool=self.subnetpool_id,
        )


@dataclass(frozen=True)
class SubnetPoolResource:
    """A Neutron subnet pool: prefixes from which subnets are cut, none of which overlap."""

    id: SubnetPoolId
    name: str = ""
    project_id: str = ""
    ip_version: int = 4
    prefixes: tuple[IPNetwork, ...] = ()
    default_prefixlen: int = 0
    min_prefixlen: int = 0
    max_prefixlen: int = 0
    shared: bool = False
    is_default: bool = False
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a subnet pool; raises CloudError when it is nonsense."""
        read = Reader("subnet pool", body)
        version = read.number("ip_version", 4)
        return cls(
            id=read.id,
            name=read.text("name"),
            project_id=read.project_id,
            ip_version=version,
            prefixes=tuple(read.cidr(prefix) for prefix in read.texts("prefixes")),
            default_prefixlen=read.number("default_prefixlen", 0),
            min_prefixlen=read.number("min_prefixlen", 0),
            max_prefixlen=read.number("max_prefixlen", 32 if version == 4 else 128),
            shared=read.flag("shared"),
            is_default=read.flag("is_default"),
            tags=read.texts("tags"),
        )
