"""Networks and what they are numbered with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kuryr.model import AddressRange, IPAddress, IPNetwork, Route, Subnet
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
            tags=read.texts("tags"),
        )

    @property
    def subnet(self) -> Subnet:
        """The part of it that containers need."""
        return Subnet(self.id, self.network_id, self.cidr, self.gateway, self.name, self.pools, self.routes, self.tags)
