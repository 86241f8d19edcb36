"""The state and the rules of an in-memory Neutron: what is refused, what is handed out, what goes along with what.

Only rules that Kuryr leans on are here. Statuses, error types and messages are those of Neutron 2026.2 with ML2/OVN
(neutron.db.db_base_plugin_v2, neutron.db.ipam_backend_mixin, neutron.ipam.exceptions).
"""

import copy
import random
import uuid
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from fakes.attributes import MAX_MTU, Body, Refusal, check_post, check_put, invalid, not_found

_NEUTRONS_OWN = {"network:dhcp", "network:distributed"}
_FAILED, _UNBOUND, _BOUND = "binding_failed", "unbound", "ovs"


class Cloud:
    """Networks, subnets and ports. Not thread-safe: one request at a time."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Body]] = {"network": {}, "subnet": {}, "port": {}}
        self.dead_hosts: set[str] = set()
        """Hosts without a working agent: binding a port to them fails."""
        self._macs = random.Random(0)  # noqa: S311 - just different ones

    def create(self, kind: str, bodies: Sequence[Body], project_id: str) -> list[Body]:
        """Make all or none of `bodies`."""
        before = copy.deepcopy(self.resources)
        try:
            return [self._create(kind, check_post(kind, body), project_id) for body in bodies]
        except Refusal:
            self.resources = before
            raise

    def _create(self, kind: str, body: Body, project_id: str) -> Body:
        made = {"id": str(uuid.uuid4()), "project_id": project_id, "revision_number": 0, **body}
        made["tenant_id"] = made["project_id"]
        {"network": self._complete_network, "subnet": self._complete_subnet, "port": self._complete_port}[kind](made)
        self.resources[kind][made["id"]] = made
        if kind == "network":
            self._add_metadata_port(made)
        if kind == "subnet":
            self._address_metadata_port(made)
        return self.shown(kind, made)

    def get(self, kind: str, id_: str) -> Body:
        """One resource as it is kept; raises Refusal 404."""
        found = self.resources[kind].get(id_)
        if found is None:
            raise not_found(kind, id_)
        return found

    def update(self, kind: str, id_: str, changes: Body) -> Body:
        """Change attributes of one resource."""
        found = self.get(kind, id_)
        check_put(kind, changes)
        if "fixed_ips" in changes:
            others = {**found, "fixed_ips": []}
            self.resources[kind][id_] = others
            try:
                changes = {**changes, "fixed_ips": self._allocate(found["network_id"], changes["fixed_ips"])}
            finally:
                self.resources[kind][id_] = found
        found.update(changes)
        found["revision_number"] += 1
        return self.shown(kind, found)

    def delete(self, kind: str, id_: str) -> None:
        """Remove one resource, and a network's subnets with it; raises Refusal 404 or 409."""
        self.get(kind, id_)
        if kind == "network":
            self._empty_network(id_)
        if kind == "subnet":
            self._empty_subnet(id_)
        del self.resources[kind][id_]

    def shown(self, kind: str, body: Body) -> Body:
        """A resource as it is answered."""
        shown = copy.deepcopy(body)
        if kind == "network":
            shown["subnets"] = [subnet["id"] for subnet in self._subnets_of(body["id"])]
        return shown

    def _complete_network(self, network: Body) -> None:
        if network["mtu"] is not None and network["mtu"] > MAX_MTU:
            raise invalid(f"Requested MTU is too big, maximum is {MAX_MTU}")
        network.update({"status": "ACTIVE", "router:external": False})

    def _complete_subnet(self, subnet: Body) -> None:
        network = self.get("network", subnet["network_id"])
        try:
            cidr = ip_network(subnet["cidr"], strict=False)
        except ValueError:
            raise invalid(f"{subnet['cidr']} is not in a CIDR format") from None
        subnet["cidr"] = str(cidr)
        if subnet["ip_version"] != cidr.version:
            raise invalid(f"cidr '{cidr}' does not match the ip_version '{subnet['ip_version']}'")
        if subnet["enable_dhcp"] and cidr.prefixlen > cidr.max_prefixlen - 2:
            raise invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
        # Of IPv6 it is the subnet-router anycast address (RFC 4291, 2.6.1).
        gateway = subnet.setdefault("gateway_ip", str(cidr[1 if cidr.version == 4 and cidr.num_addresses > 1 else 0]))
        if cidr.version == 4 and gateway and gateway in {str(cidr[0]), str(cidr[-1])} and cidr.num_addresses > 2:
            raise invalid("Gateway is not valid on subnet")
        if any(ip_network(other["cidr"]).overlaps(cidr) for other in self._subnets_of(network["id"])):
            raise invalid(
                f"Requested subnet with cidr: {cidr} for network: {network['id']} overlaps with another subnet"
            )
        if "allocation_pools" in subnet:
            _check_pools(subnet)
        else:
            subnet["allocation_pools"] = list(_default_pools(subnet))

    def _complete_port(self, port: Body) -> None:
        network = self.get("network", port["network_id"])
        neighbours = [other for other in self.resources["port"].values() if other["network_id"] == network["id"]]
        taken = {other["mac_address"] for other in neighbours}
        if "mac_address" in port:
            port["mac_address"] = port["mac_address"].lower()
            if port["mac_address"] in taken:
                raise Refusal(
                    409,
                    "MacAddressInUse",
                    f"Unable to complete operation for network {network['id']}. "
                    f"The mac address {port['mac_address']} is in use.",
                )
        else:
            port["mac_address"] = next(mac for mac in self._random_macs() if mac not in taken)
        port["fixed_ips"] = self._allocate(network["id"], port.get("fixed_ips", []))
        port.setdefault("security_groups", [str(uuid.uuid5(uuid.NAMESPACE_OID, port["project_id"]))])
        port["status"] = "DOWN"
        self._bind(port)

    def _bind(self, port: Body) -> None:
        host = port["binding:host_id"]
        kind = _UNBOUND if not host else _FAILED if host in self.dead_hosts else _BOUND
        port["binding:vif_type"] = kind
        port["binding:vif_details"] = (
            {"port_filter": True, "connectivity": "l2", "bridge_name": "br-int", "datapath_type": "netdev"}
            | {"ovs_create_tap": True, "bound_drivers": {"0": "ovn"}}
            if kind == _BOUND
            else {}
        )

    def _allocate(self, network_id: str, wanted: Sequence[Body]) -> list[Body]:
        given: list[Body] = []
        for want in wanted:
            subnet = self.get("subnet", want["subnet_id"])
            if subnet["network_id"] != network_id:
                raise invalid(
                    f"Failed to create port on network {network_id}, because fixed_ips included invalid subnet "
                    f"{subnet['id']}"
                )
            taken = {*self._allocated(subnet["id"]), *(one["ip_address"] for one in given)}
            address = _specific(subnet, want["ip_address"], taken) if "ip_address" in want else _any(subnet, taken)
            given.append({"subnet_id": subnet["id"], "ip_address": address})
        return given

    def _allocated(self, subnet_id: str) -> Iterator[str]:
        for port in self.resources["port"].values():
            yield from (fixed["ip_address"] for fixed in port["fixed_ips"] if fixed["subnet_id"] == subnet_id)

    def _subnets_of(self, network_id: str) -> list[Body]:
        return [subnet for subnet in self.resources["subnet"].values() if subnet["network_id"] == network_id]

    def _empty_network(self, id_: str) -> None:
        ports = [port for port in self.resources["port"].values() if port["network_id"] == id_]
        users = [port["id"] for port in ports if port["device_owner"] not in _NEUTRONS_OWN]
        if users:
            raise Refusal(
                409,
                "NetworkInUse",
                f"Unable to complete operation on network {id_}. There are one or more ports still in use on the "
                f"network, id for these ports is: {','.join(users)}.",
            )
        for port in ports:
            del self.resources["port"][port["id"]]
        for subnet in self._subnets_of(id_):
            del self.resources["subnet"][subnet["id"]]

    def _empty_subnet(self, id_: str) -> None:
        users = [port for port in self.resources["port"].values() if _uses(port, id_)]
        if any(port["device_owner"] not in _NEUTRONS_OWN for port in users):
            raise Refusal(
                409,
                "SubnetInUse",
                f"Unable to complete operation on subnet {id_}: One or more ports have an IP allocation from this "
                "subnet.",
            )
        for port in users:
            port["fixed_ips"] = [fixed for fixed in port["fixed_ips"] if fixed["subnet_id"] != id_]

    def _add_metadata_port(self, network: Body) -> None:
        """OVN serves metadata to VMs from a port of its own in every network."""
        port = {"network_id": network["id"], "device_owner": "network:distributed", "security_groups": []}
        self._create(
            "port", check_post("port", {**port, "device_id": f"ovnmeta-{network['id']}"}), network["project_id"]
        )

    def _address_metadata_port(self, subnet: Body) -> None:
        """The metadata port takes the first free address of every IPv4 subnet with DHCP."""
        if not subnet["enable_dhcp"] or subnet["ip_version"] != 4:
            return
        for port in self.resources["port"].values():
            if port["network_id"] == subnet["network_id"] and port["device_owner"] == "network:distributed":
                port["fixed_ips"].append({"subnet_id": subnet["id"], "ip_address": _any(subnet, set())})
                port["revision_number"] += 1

    def _random_macs(self) -> Iterator[str]:
        while True:
            yield "fa:16:3e:" + ":".join(f"{self._macs.randrange(256):02x}" for _ in range(3))


def _uses(port: Body, subnet_id: str) -> bool:
    return any(fixed["subnet_id"] == subnet_id for fixed in port["fixed_ips"])


def _specific(subnet: Body, address: str, taken: set[str]) -> str:
    cidr = ip_network(subnet["cidr"])
    wanted = ip_address(address)
    edges = {cidr[0], cidr[-1]} if cidr.version == 4 else {cidr[0]}
    if wanted not in cidr or wanted in edges:
        raise Refusal(400, "InvalidIpForSubnet", f"IP address {wanted} is not a valid IP for the specified subnet.")
    if str(wanted) in taken:
        raise Refusal(
            409,
            "IpAddressAlreadyAllocated",
            f"IP address {wanted} already allocated in subnet {subnet['id']}",
        )
    return str(wanted)


def _any(subnet: Body, taken: set[str]) -> str:
    for pool in subnet["allocation_pools"]:
        first, last = ip_address(pool["start"]), ip_address(pool["end"])
        for number in range(int(first), int(last) + 1):
            address = str(type(first)(number))
            if address not in taken:
                return address
    raise Refusal(
        409, "IpAddressGenerationFailure", f"No more IP addresses available on network {subnet['network_id']}."
    )


def _default_pools(subnet: Body) -> Iterator[dict[str, str]]:
    """Every address that a host may have, but the gateway's."""
    cidr = ip_network(subnet["cidr"])
    first, last = int(cidr[0]), int(cidr[-1])
    if cidr.version == 6 and cidr.num_addresses > 1:
        first += 1
    elif cidr.prefixlen <= 30:
        first, last = first + 1, last - 1
    make = type(cidr[0])
    gateway = int(ip_address(subnet["gateway_ip"])) if subnet["gateway_ip"] else -1
    parts = [(first, gateway - 1), (gateway + 1, last)] if first <= gateway <= last else [(first, last)]
    for low, high in parts:
        if low <= high:
            yield {"start": str(make(low)), "end": str(make(high))}


def _check_pools(subnet: Body) -> None:
    cidr: Any = ip_network(subnet["cidr"])
    spans = []
    for pool in subnet["allocation_pools"]:
        first, last = ip_address(pool["start"]), ip_address(pool["end"])
        name = f"{first}-{last}"
        if first not in cidr or last not in cidr or first == cidr[0] or (cidr.version == 4 and last == cidr[-1]):
            raise Refusal(
                400, "OutOfBoundsAllocationPool", f"The allocation pool {name} spans beyond the subnet cidr {cidr}."
            )
        spans.append((int(first), int(last), name))
    for number, (low, _, name) in enumerate(sorted(spans)[1:]):
        if low <= sorted(spans)[number][1]:
            raise Refusal(
                409,
                "OverlappingAllocationPools",
                f"Found overlapping allocation pools: {sorted(spans)[number][2]} {name} for subnet {cidr}.",
            )
    gateway = subnet["gateway_ip"]
    for low, high, name in spans:
        if gateway and low <= int(ip_address(gateway)) <= high:
            raise Refusal(
                409,
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {gateway} conflicts with allocation pool {name}.",
            )
