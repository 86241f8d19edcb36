"""Telling neighbours who has an address now.

A neighbour remembers for half a minute and more which MAC address an IP address had, and Kuryr's ports come and go
faster than that: a container that is started again with `--ip` has a new port, hence a new MAC address. On a plain
bridge the newcomer's own ARP requests would correct the neighbours, but OVN and ML2's l2population answer these on the
neighbours' behalf. So each address is announced once when its port is wired (RFC 5227, section 2.3: an ARP request in
which sender and target are the announced address).
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address

from kuryr.model import IPAddress

_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = b"\x08\x06"
_ARP_REQUEST = b"\x00\x01\x08\x00\x06\x04\x00\x01"
"""Ethernet, IPv4, lengths 6 and 4, operation "request" (RFC 826)."""


def frames(mac: str, addresses: Iterable[IPAddress]) -> list[bytes]:
    """The Ethernet frames by which the owner of `mac` announces its IPv4 addresses."""
    own = bytes.fromhex(mac.replace(":", ""))
    return [
        _BROADCAST + own + _ETHERTYPE_ARP + _ARP_REQUEST + own + address.packed + bytes(6) + address.packed
        for address in addresses
        if isinstance(address, IPv4Address)
    ]


def send(interface: str, announcements: Iterable[bytes]) -> None:
    """Send the frames from an interface that is up. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packets:
        packets.bind((interface, 0))
        for frame in announcements:
            packets.send(frame)
