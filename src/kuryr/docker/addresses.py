"""Addresses as people write them: read strictly, refused in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    ip_address,
    ip_interface,
)

from kuryr.errors import InvalidInput
from kuryr.model import AddressRange

NOT_YET = "Kuryr serves IPv4 only so far"


def parse_cidr(text: str, what: str) -> IPv4Network:
    """A network such as 10.1.0.0/24. Raises InvalidInput, also for host bits that are set."""
    try:
        interface = ip_interface(text)
    except ValueError as error:
        raise InvalidInput(f"{what} {text!r} is not a network", hint="write it like 10.1.0.0/24") from error
    if not isinstance(interface, IPv4Interface):
        raise InvalidInput(f"{what} {text} is an IPv6 network", hint=NOT_YET)
    if "/" not in text:
        raise InvalidInput(f"{what} {text} has no prefix length", hint="write it like 10.1.0.0/24")
    if interface.ip != interface.network.network_address:
        raise InvalidInput(f"{what} {text} has host bits set", hint=f"did you mean {interface.network}?")
    return interface.network


def parse_address(text: str, what: str) -> IPv4Address:
    """An address such as 10.1.0.5; a prefix length behind it is ignored. Raises InvalidInput."""
    try:
        address = ip_address(text.partition("/")[0])
    except ValueError as error:
        raise InvalidInput(f"{what} {text!r} is not an address") from error
    if not isinstance(address, IPv4Address):
        raise InvalidInput(f"{what} {text} is an IPv6 address", hint=NOT_YET)
    return address


def host_address(text: str, what: str, cidr: IPv4Network) -> IPv4Address:
    """An address that a host of `cidr` can have. Raises InvalidInput."""
    address = parse_address(text, what)
    if address not in cidr:
        raise InvalidInput(f"{what} {address} is outside of {cidr}")
    if cidr.prefixlen < 31 and address in {cidr.network_address, cidr.broadcast_address}:
        raise InvalidInput(f"{what} {address} is the network or broadcast address of {cidr}")
    return address


@dataclass(frozen=True)
class HostRange:
    """Addresses that containers may have; both ends are included."""

    first: IPv4Address
    last: IPv4Address


def host_range(cidr: IPv4Network, within: IPv4Network | None = None) -> HostRange:
    """All addresses that hosts of `cidr` can have, or those of them that lie `within` a part of it."""
    part = within or cidr
    first, last = part.network_address, part.broadcast_address
    if cidr.prefixlen < 31:
        first = max(first, cidr.network_address + 1)
        last = min(last, cidr.broadcast_address - 1)
    return HostRange(first, last)


def without(whole: HostRange, excluded: Iterable[IPv4Address]) -> Iterator[AddressRange]:
    """The ranges that are left of `whole` when some addresses are taken out."""
    first = whole.first
    for address in sorted(set(excluded)):
        if not first <= address <= whole.last:
            continue
        if first < address:
            yield AddressRange(first, address - 1)
        first = address + 1
    if first <= whole.last:
        yield AddressRange(first, whole.last)
