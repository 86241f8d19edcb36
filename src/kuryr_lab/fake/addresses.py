"""Addresses of a subnet: its pools, and who gets which (neutron.db.ipam_backend_mixin, neutron.ipam)."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.refusals import Refusal, conflict


def specific(subnet: Body, address: str, taken: set[str], *, for_router: bool = False) -> str:
    """A wanted address, if it may be had. A router may have the gateway's even if it is the anycast address."""
    cidr: Any = ip_network(subnet["cidr"])
    wanted = ip_address(address)
    edges = {cidr[0], cidr[-1]} if cidr.version == 4 else {cidr[0]}
    if for_router:
        edges.discard(ip_address(subnet["gateway_ip"]))
    if wanted not in cidr or wanted in edges:
        raise Refusal(400, "InvalidIpForSubnet", f"IP address {wanted} is not a valid IP for the specified subnet.")
    if str(wanted) in taken:
        raise conflict("IpAddressAlreadyAllocated", f"IP address {wanted} already allocated in subnet {subnet['id']}")
    return str(wanted)


def any_of(subnet: Body, taken: set[str]) -> str:
    """The first free address of the pools."""
    for pool in subnet["allocation_pools"]:
        first, last = ip_address(pool["start"]), ip_address(pool["end"])
        for number in range(int(first), int(last) + 1):
            address = str(type(first)(number))
            if address not in taken:
                return address
    raise conflict("IpAddressGenerationFailure", f"No more IP addresses available on network {subnet['network_id']}.")


def default_pools(subnet: Body) -> Iterator[dict[str, str]]:
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


def check_pools(subnet: Body) -> None:
    """Raises Refusal for pools that leave the subnet, overlap, or hold its gateway."""
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
            raise conflict(
                "OverlappingAllocationPools",
                f"Found overlapping allocation pools: {sorted(spans)[number][2]} {name} for subnet {cidr}.",
            )
    gateway = subnet["gateway_ip"]
    for low, high, name in spans:
        if gateway and low <= int(ip_address(gateway)) <= high:
            raise conflict(
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {gateway} conflicts with allocation pool {name}.",
            )
