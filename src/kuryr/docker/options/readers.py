"""How the text of an option becomes a value: each reader raises ValueError with what the text should have been."""

import re
import uuid
from collections.abc import Callable
from ipaddress import IPv4Address, ip_network
from typing import TypeVar

from kuryr.docker.options.addresses import parse_address, parse_cidr
from kuryr.errors import InvalidInput
from kuryr.gateway.exposure.floating import FloatingChoice
from kuryr.model import ANYWHERE, AddressPair, IPNetwork

Value = TypeVar("Value")

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,254}}$){_LABEL}(\.{_LABEL})*\.?", re.IGNORECASE)


def truth(text: str) -> bool:
    """`true` or `false`."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def mtu(text: str) -> int:
    """Bytes that fit into a packet; every link carries 68 (RFC 791)."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 68 <= int(text) <= 65535:
        raise ValueError("a number of bytes from 68 to 65535")
    return int(text)


def dns_name(text: str) -> str:
    """A name as DNS knows it, with or without dots."""
    if not _DNS_NAME.fullmatch(text):
        raise ValueError("a DNS name")
    return text


def dns_domain(text: str) -> str:
    """The same with a dot at its end, as Neutron wants it."""
    return dns_name(text).rstrip(".") + "."


def groups(text: str) -> tuple[str, ...]:
    """Names or ids with commas between them; () for `none`."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names) or ("none" in names and len(names) > 1):
        raise ValueError("names or ids of security groups, with commas between them, or none")
    return () if names == ("none",) else names


def sources(text: str) -> frozenset[IPNetwork]:
    """CIDRs with commas between them, or `any`."""
    return ANYWHERE if text == "any" else frozenset(_each(text, _source, "any, or CIDRs with commas between them"))


def address_pairs(text: str) -> tuple[AddressPair, ...]:
    """Addresses or CIDRs with commas between them, each with `=<mac>` behind it if it has a MAC address of its own."""
    return tuple(_each(text, _address_pair, "ip[/length][=mac], several with commas between them"))


def floating_ip(text: str) -> FloatingChoice:
    """`auto`, or the address or id of an existing one."""
    if text == "auto":
        return FloatingChoice()
    try:
        return FloatingChoice(address=IPv4Address(text)) if "." in text else FloatingChoice(id=str(uuid.UUID(text)))
    except ValueError:
        raise ValueError("auto, or the address or UUID of a floating IP") from None


def _each(text: str, read: Callable[[str], Value], expected: str) -> list[Value]:
    try:
        return list(dict.fromkeys(read(part.strip()) for part in text.split(",")))
    except (InvalidInput, ValueError):
        raise ValueError(expected) from None


def _source(text: str) -> IPNetwork:
    return ip_network(text) if "/" not in text else parse_cidr(text, "source")


def _address_pair(text: str) -> AddressPair:
    address, separator, mac = text.partition("=")
    if separator and not _MAC.fullmatch(mac.lower()):
        raise ValueError(mac)
    return AddressPair(parse_cidr(address, "pair") if "/" in address else parse_address(address, "pair"), mac.lower())
