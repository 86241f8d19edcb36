"""Addresses as people write them: read strictly, refused in words."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_interface

from kuryr.errors import InvalidInput
from kuryr.model import AddressRange, IPAddress, IPNetwork

EXAMPLE = "write it like 10.1.0.0/24 or fd00:1::/64"


def parse_cidr(text: str, what: str) -> IPNetwork:
    """A network such as 10.1.0.0/24. Raises InvalidInput, also for host bits that are set."""
    try:
        interface = ip_interface(text)
    except ValueError as error:
        raise InvalidInput(f"{what} {text!r} is not a network", hint=EXAMPLE) from error
    if "/" not in text:
        raise InvalidInput(f"{what} {text} has no prefix length", hint=EXAMPLE)
    if interface.ip != interface.network.network_address:
        raise InvalidInput(f"{what} {text} has host bits set", hint=f"did you mean {interface.network}?")
    return interface.network


def parse_address(text: str, what: str) -> IPAddress:
    """An address such as 10.1.0.5; a prefix length behind it is ignored. Raises InvalidInput."""
    try:
        return ip_address(text.partition("/")[0])
    except ValueError as error:
        raise InvalidInput(f"{what} {text!r} is not an address") from error


def host_address(text: str, what: str, cidr: IPNetwork) -> IPAddress:
    """An address that a host of `cidr` can have. Raises InvalidInput."""
    address = parse_address(text, what)
    if address not in cidr:
        raise InvalidInput(f"{what} {address} is outside of {cidr}")
    if address not in _whole_range(cidr):
        raise InvalidInput(f"{what} {address} is the network or broadcast address of {cidr}")
    return address


def host_range(cidr: IPNetwork, within: IPNetwork | None = None) -> AddressRange:
    """All addresses that hosts of `cidr` can have, or those of them that lie `within` a part of it."""
    whole = _whole_range(cidr)
    if within is None:
        return whole
    first = max(int(whole.first), int(within.network_address))
    last = min(int(whole.last), int(within.broadcast_address))
    return AddressRange(_like(cidr, first), _like(cidr, last))


def without(whole: AddressRange, excluded: Iterable[IPAddress]) -> Iterator[AddressRange]:
    """The ranges that are left of `whole` when some addresses are taken out."""
    first = whole.first
    for address in sorted(set(excluded), key=int):
        if address not in AddressRange(first, whole.last):
            continue
        if first != address:
            yield AddressRange(first, address - 1)
        first = address + 1
    if int(first) <= int(whole.last):
        yield AddressRange(first, whole.last)


def _whole_range(cidr: IPNetwork) -> AddressRange:
    """IPv4 keeps the first and the last address (RFC 3021: not of a /31), IPv6 only the first (RFC 4291, 2.6.1)."""
    first, last = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.prefixlen < cidr.max_prefixlen - 1:
        first += 1
        last -= cidr.version == 4
    return AddressRange(_like(cidr, first), _like(cidr, last))


def _like(cidr: IPNetwork, number: int) -> IPAddress:
    return type(cidr.network_address)(number)


def is_within(part: IPNetwork, whole: IPNetwork) -> bool:
    """Whether all of `part` lies in `whole`."""
    return part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]
