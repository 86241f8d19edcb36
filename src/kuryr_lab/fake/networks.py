"""Networks and subnets (neutron.db.db_base_plugin_v2, neutron.db.ipam_backend_mixin)."""

from ipaddress import ip_network
from typing import Any

from kuryr_lab.fake.addresses import any_of, check_pools, default_pools
from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.pools import check_affinity, cut
from kuryr_lab.fake.refusals import conflict, invalid
from kuryr_lab.fake.rules import Rules
from kuryr_lab.fake.tables import MAX_MTU

_NEUTRONS_OWN = {"network:dhcp", "network:distributed"}


class NetworkRules(Rules):
    """Networks."""

    def complete(self, network: Body) -> None:
        if network["mtu"] is not None and network["mtu"] > MAX_MTU:
            raise invalid(f"Requested MTU is too big, maximum is {MAX_MTU}")
        network["status"] = "ACTIVE"

    def follow(self, network: Body) -> None:
        """OVN serves metadata to VMs from a port of its own in every network."""
        port = {"network_id": network["id"], "device_owner": "network:distributed", "security_groups": []}
        self.cloud.create("port", [{**port, "device_id": f"ovnmeta-{network['id']}"}], network["project_id"])

    def remove(self, network: Body) -> None:
        ports = self.cloud.where("port", network_id=network["id"])
        users = [port["id"] for port in ports if port["device_owner"] not in _NEUTRONS_OWN]
        if users:
            raise conflict(
                "NetworkInUse",
                f"Unable to complete operation on network {network['id']}. There are one or more ports still in use "
                f"on the network, id for these ports is: {','.join(users)}.",
            )
        for port in ports:
            del self.cloud.resources["port"][port["id"]]
        for subnet in self.cloud.where("subnet", network_id=network["id"]):
            del self.cloud.resources["subnet"][subnet["id"]]

    def shown(self, network: Body) -> Body:
        subnets = [subnet["id"] for subnet in self.cloud.where("subnet", network_id=network["id"])]
        return {**super().shown(network), "subnets": subnets}


class SubnetRules(Rules):
    """Subnets."""

    def complete(self, subnet: Body) -> None:
        network = self.cloud.get("network", subnet["network_id"])
        if subnet["subnetpool_id"]:
            pool = self.cloud.get("subnetpool", subnet["subnetpool_id"])
            taken = [ip_network(one["cidr"]) for one in self.cloud.where("subnet", subnetpool_id=pool["id"])]
            subnet["cidr"] = cut(pool, subnet, taken)
        check_affinity(subnet, self._subnets_of(network["id"]))
        try:
            cidr = ip_network(subnet["cidr"], strict=False)
        except ValueError:
            raise invalid(f"{subnet['cidr']} is not in a CIDR format") from None
        subnet["cidr"] = str(cidr)
        if subnet["ip_version"] != cidr.version:
            raise invalid(f"cidr '{cidr}' does not match the ip_version '{subnet['ip_version']}'")
        if subnet["enable_dhcp"] and cidr.prefixlen > cidr.max_prefixlen - 2:
            raise invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
        _complete_gateway(subnet, cidr)
        if any(ip_network(other["cidr"]).overlaps(cidr) for other in self._subnets_of(network["id"])):
            raise invalid(
                f"Requested subnet with cidr: {cidr} for network: {network['id']} overlaps with another subnet"
            )
        if "allocation_pools" in subnet:
            check_pools(subnet)
        else:
            subnet["allocation_pools"] = list(default_pools(subnet))

    def follow(self, subnet: Body) -> None:
        """The metadata port takes the first free address of every IPv4 subnet with DHCP."""
        if not subnet["enable_dhcp"] or subnet["ip_version"] != 4:
            return
        for port in self.cloud.where("port", network_id=subnet["network_id"], device_owner="network:distributed"):
            own = {"subnet_id": subnet["id"], "ip_address": any_of(subnet, set())}
            port["fixed_ips"] = [*port["fixed_ips"], own]
            port["revision_number"] += 1

    def remove(self, subnet: Body) -> None:
        users = [port for port in self.cloud.resources["port"].values() if _uses(port, subnet["id"])]
        if any(port["device_owner"] not in _NEUTRONS_OWN for port in users):
            raise conflict(
                "SubnetInUse",
                f"Unable to complete operation on subnet {subnet['id']}: One or more ports have an IP allocation from "
                "this subnet.",
            )
        for port in users:
            port["fixed_ips"] = [fixed for fixed in port["fixed_ips"] if fixed["subnet_id"] != subnet["id"]]

    def _subnets_of(self, network_id: str) -> list[Body]:
        return self.cloud.where("subnet", network_id=network_id)


def _complete_gateway(subnet: Body, cidr: Any) -> None:
    # Of IPv6 it is the subnet-router anycast address (RFC 4291, 2.6.1).
    gateway = subnet.setdefault("gateway_ip", str(cidr[1 if cidr.version == 4 and cidr.num_addresses > 1 else 0]))
    if cidr.version == 4 and gateway and gateway in {str(cidr[0]), str(cidr[-1])} and cidr.num_addresses > 2:
        raise invalid("Gateway is not valid on subnet")


def _uses(port: Body, subnet_id: str) -> bool:
    return any(fixed["subnet_id"] == subnet_id for fixed in port["fixed_ips"])
