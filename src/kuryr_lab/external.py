"""The way out of the cloud and in again for a test: an external network, routers on it, floating IPs.

Their wires (`physnet1`, `br-ex`, the machine outside) are there as long as the lab is; these are made per test.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kuryr_lab.backend import PHYSICAL_NETWORK
from kuryr_lab.client import Resource
from kuryr_lab.temporary import Temporary

if TYPE_CHECKING:
    from kuryr_lab.lab import Lab


class ExternalNetwork(Temporary):
    """The administrator's external network, with the machine outside as its gateway. A lab has one at a time."""

    def __init__(self, lab: "Lab", *, name: str = "external") -> None:
        self.lab = lab
        self.name = name
        self._neutron = lab.neutron("admin")
        provider = {"provider:network_type": "flat", "provider:physical_network": PHYSICAL_NETWORK}
        self.id = str(self._neutron.create("network", name=name, **{"router:external": True}, **provider)["id"])
        try:
            subnet = self._neutron.create(
                "subnet",
                name=name,
                network_id=self.id,
                ip_version=4,
                cidr=str(lab.layout.external),
                gateway_ip=lab.layout.outside_address,
                enable_dhcp=False,
            )
        except BaseException:
            self.delete()
            raise
        self.subnet_id = str(subnet["id"])

    def delete(self) -> None:
        """Delete the network. A router or floating IP that was left on it is an error: Neutron answers 409."""
        self._neutron.delete("network", self.id)


class Router(Temporary):
    """A router of project `demo` from `subnets` (their ids) to the external network."""

    def __init__(
        self, lab: "Lab", external: ExternalNetwork, subnets: Sequence[str] = (), *, name: str = "router"
    ) -> None:
        self.name = name
        self._neutron = lab.neutron("demo")
        gateway = {"network_id": external.id}
        router = self._neutron.create("router", name=name, external_gateway_info=gateway)
        self.id = str(router["id"])
        self.address = str(router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"])
        try:
            for subnet in subnets:
                self.attach(subnet)
        except BaseException:
            self.delete()
            raise

    def attach(self, subnet: str) -> None:
        """Add an interface in a subnet, with the subnet's gateway address."""
        self._neutron.adapter.put(f"/routers/{self.id}/add_router_interface", json={"subnet_id": subnet})

    def detach(self, subnet: str) -> None:
        """Remove the interface in a subnet."""
        self._neutron.adapter.put(f"/routers/{self.id}/remove_router_interface", json={"subnet_id": subnet})

    @property
    def interfaces(self) -> list[Resource]:
        """Its ports in the tenant's networks."""
        return self._neutron.find("port", device_id=self.id, device_owner="network:router_interface")

    def delete(self) -> None:
        """Delete the router with its interfaces."""
        for port in self.interfaces:
            interface = {"port_id": port["id"]}
            self._neutron.adapter.put(f"/routers/{self.id}/remove_router_interface", json=interface)
        self._neutron.delete("router", self.id)


class FloatingIP(Temporary):
    """A floating IP of project `demo`, for `port` (its id) or free."""

    def __init__(self, lab: "Lab", external: ExternalNetwork, port: str | None = None) -> None:
        self._neutron = lab.neutron("demo")
        made = self._neutron.create("floatingip", floating_network_id=external.id, port_id=port)
        self.id = str(made["id"])
        self.address = str(made["floating_ip_address"])

    def forward(self, port: Resource, inside: int, outside: int, protocol: str = "tcp") -> None:
        """Forward the floating IP's port `outside` to `inside` of a Neutron port's first address."""
        forwarding = {
            "internal_port_id": port["id"],
            "internal_ip_address": port["fixed_ips"][0]["ip_address"],
            "internal_port": inside,
            "external_port": outside,
            "protocol": protocol,
        }
        self._neutron.adapter.post(f"/floatingips/{self.id}/port_forwardings", json={"port_forwarding": forwarding})

    def delete(self) -> None:
        """Delete it, and before it its port forwardings: with one left Neutron answers 409."""
        path = f"/floatingips/{self.id}/port_forwardings"
        for forwarding in self._neutron.adapter.get(path).json()["port_forwardings"]:
            self._neutron.adapter.delete(f"{path}/{forwarding['id']}")
        self._neutron.delete("floatingip", self.id)
