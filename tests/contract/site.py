"""One place to run the contract at: a client, what is true of the cloud behind it, and a tidy end."""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import TypedDict, Unpack

from kuryr.model import AddressPair, IPAddress
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import (
    NetworkResource,
    PortResource,
    RouterResource,
    SecurityGroupResource,
    SubnetPoolResource,
    SubnetResource,
)
from kuryr.neutron.routers import INTERFACES

DEAD_HOST = "no-such-host"


class PortOptions(TypedDict, total=False):
    """What few ports have."""

    project_id: str
    security_groups: Sequence[str]
    port_security: bool
    allowed_address_pairs: Sequence[AddressPair]
    qos_policy_id: str
    dns_name: str
    vnic_type: str
    tags: Sequence[str]


@dataclass
class Site:
    """Makes things that all carry the test's own mark as their description."""

    neutron: Neutron
    """As Kuryr's identity: roles `member` and `service` in its project."""
    member: Neutron
    """As a plain member of the same project."""
    stranger: Neutron
    """As somebody else, in another project."""
    host: str
    """A host with a working agent."""
    mark: str = field(default_factory=lambda: f"contract:{uuid.uuid4()}")
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def network(self, name: str = "contract") -> NetworkResource:
        """A new network."""
        return self.neutron.networks.create(name=name, description=self.mark)

    def subnet(
        self, network: NetworkResource, cidr: str | IPv4Network | IPv6Network = "10.77.0.0/24"
    ) -> SubnetResource:
        """A new subnet with Neutron's defaults."""
        return self.neutron.subnets.create(
            network_id=network.id, name="contract", description=self.mark, cidr=ip_network(cidr)
        )

    def port(
        self,
        network: NetworkResource,
        fixed_ips: Sequence[tuple[str, IPAddress | None]] = (),
        *,
        device_id: str = "",
        mac: str | None = None,
        host: str | None = None,
        name: str = "",
        **more: Unpack[PortOptions],
    ) -> PortResource:
        """A new port, without addresses unless they are given."""
        return self.neutron.ports.create(
            network_id=network.id,
            description=self.mark,
            device_id=device_id or f"device-{next(self._numbers)}",
            device_owner="compute:kuryr",
            fixed_ips=fixed_ips,
            mac=mac,
            host=host,
            name=name,
            **more,
        )

    def pool(self, prefixes: Sequence[str], default_prefixlen: int) -> SubnetPoolResource:
        """A new subnet pool."""
        body = {"name": "pool", "description": self.mark, "prefixes": prefixes}
        made = self.neutron.api.request(
            "POST", "/subnetpools", json={"subnetpool": {**body, "default_prefixlen": default_prefixlen}}
        )
        return SubnetPoolResource.parse(made["subnetpool"])

    def group(self, name: str = "web") -> SecurityGroupResource:
        """A new security group."""
        return self.neutron.security_groups.create(name=name, description=self.mark)

    def strange_network(self, *, shared: bool) -> NetworkResource:
        """A network of the stranger's, with one subnet."""
        body = {"name": "strange", "description": self.mark, "shared": shared}
        made = self.stranger.api.request("POST", "/networks", json={"network": body})
        network = NetworkResource.parse(made["network"])
        self.stranger.subnets.create(
            network_id=network.id, name="strange", description=self.mark, cidr=ip_network("10.79.0.0/24")
        )
        return network

    def external(self) -> NetworkResource:
        """A network of the stranger's that leads outside, with 13 addresses."""
        body = {"name": "external", "description": self.mark, "router:external": True}
        made = NetworkResource.parse(self.stranger.api.request("POST", "/networks", json={"network": body})["network"])
        self.stranger.subnets.create(
            network_id=made.id,
            name="external",
            description=self.mark,
            cidr=ip_network("192.0.2.0/28"),
            enable_dhcp=False,
        )
        return made

    def router(self, external_id: str = "") -> RouterResource:
        """A new router."""
        return self.neutron.routers.create(name="router", description=self.mark, external_network_id=external_id)

    def pair(self, cidr: str = "10.77.0.0/24") -> tuple[NetworkResource, SubnetResource]:
        """A new network with one subnet."""
        network = self.network()
        return network, self.subnet(network, cidr)


@contextmanager
def tidied(neutron: Neutron, member: Neutron, stranger: Neutron, host: str) -> Iterator[Site]:
    """A site whose things are removed at the end, and seen to be gone."""
    site = Site(neutron, member, stranger, host)
    try:
        yield site
    finally:
        for floating in neutron.floating_ips.list(description=site.mark):
            forwardings = neutron.floating_ips.port_forwardings(floating.id)
            for one in forwardings.list():
                forwardings.delete(one.id)
            neutron.floating_ips.delete(floating.id)
        for router in neutron.routers.list(description=site.mark):
            for port in neutron.ports.list(device_id=router.id, device_owner=INTERFACES):
                neutron.routers.remove_interface(router.id, port.fixed_ips[0].subnet_id)
            neutron.routers.delete(router.id)
        for trunk in neutron.trunks.list(description=site.mark):
            neutron.trunks.delete(trunk.id)
        for port in neutron.ports.list(description=site.mark):
            neutron.ports.delete(port.id)
        for group in neutron.security_groups.list(description=site.mark):
            neutron.security_groups.delete(group.id)
        for network in neutron.networks.list(description=site.mark):
            owner = neutron if network.project_id == neutron.project_id else stranger
            owner.networks.delete(network.id)
        for pool in neutron.subnet_pools.list(description=site.mark):
            neutron.subnet_pools.delete(pool.id)
    assert not neutron.networks.list(description=site.mark)


def address(text: str) -> IPv4Address:
    """A short name for a long one."""
    return IPv4Address(text)
