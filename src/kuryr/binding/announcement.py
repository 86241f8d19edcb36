"""Telling neighbours who has an address now.

A neighbour remembers for half a minute and more which MAC address an IP address had, and Kuryr's ports come and go
faster than that: a container that is started again with `--ip` has a new port, hence a new MAC address. On a plain
bridge the newcomer's own ARP requests would correct the neighbours, but OVN and ML2's l2population answer these on the
neighbours' behalf. So each address is announced once when its port is wired: an IPv4 address by an ARP request in
which sender and target are the announced address (RFC 5227, section 2.3), an IPv6 address by an unsolicited neighbour
advertisement that overrides what is remembered (RFC 4861, section 7.2.6).
"""

import socket
import struct
import threading
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from kuryr.model import IPAddress

_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = b"\x08\x06"
_ARP_REQUEST = b"\x00\x01\x08\x00\x06\x04\x00\x01"
"""Ethernet, IPv4, lengths 6 and 4, operation "request" (RFC 826)."""

_ALL_NODES = IPv6Address("ff02::1").packed
_ALL_NODES_MAC = b"\x33\x33\x00\x00\x00\x01"
_ETHERTYPE_IPV6 = b"\x86\xdd"
_ICMPV6 = 58
_ADVERTISEMENT = 136
_OVERRIDE = 0x20000000
_TARGET_LINK_LAYER = b"\x02\x01"
"""The option's type, and its length in units of 8 bytes."""


def frames(mac: str, addresses: Iterable[IPAddress]) -> list[bytes]:
    """The Ethernet frames by which the owner of `mac` announces its addresses."""
    own = bytes.fromhex(mac.replace(":", ""))
    return [_arp(own, each) if isinstance(each, IPv4Address) else _advertisement(own, each) for each in addresses]


class Announcer:
    """Sends frames from interfaces of the network namespace in which it is first used. Thread-safe.

    It keeps its socket, which receives nothing: the kernel takes 15 ms to close one.
    """

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._packets: socket.socket | None = None

    def send(self, interface: str, announcements: Iterable[bytes]) -> None:
        """Send the frames from an interface that is up. Raises OSError."""
        with self._opening:
            self._packets = self._packets or socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        for frame in announcements:
            self._packets.sendto(frame, (interface, 0))

    def close(self) -> None:
        """Let go of the socket."""
        with self._opening:
            packets, self._packets = self._packets, None
        if packets:
            packets.close()


def _arp(own: bytes, address: IPv4Address) -> bytes:
    return _BROADCAST + own + _ETHERTYPE_ARP + _ARP_REQUEST + own + address.packed + bytes(6) + address.packed


def _advertisement(own: bytes, address: IPv6Address) -> bytes:
    def message(checksum: int) -> bytes:
        head = struct.pack("!BBHI", _ADVERTISEMENT, 0, checksum, _OVERRIDE)
        return head + address.packed + _TARGET_LINK_LAYER + own

    length = len(message(0))
    # RFC 8200, section 8.1: the checksum covers addresses, length and protocol, too.
    pseudo = address.packed + _ALL_NODES + struct.pack("!II", length, _ICMPV6)
    ip = struct.pack("!IHBB", 6 << 28, length, _ICMPV6, 255) + address.packed + _ALL_NODES
    return _ALL_NODES_MAC + own + _ETHERTYPE_IPV6 + ip + message(_checksum(pseudo + message(0)))


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
