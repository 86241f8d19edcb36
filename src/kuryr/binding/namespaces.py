"""The network namespaces that this one knows by a number.

When a link moves out of a namespace, the kernel gives the namespace that it moves to a number in the one that it
leaves (`dev_change_net_namespace` in net/core/dev.c, for the RTM_DELLINK that says where to). By that number the links
there can be read and removed (IFLA_TARGET_NETNSID), without a path or a process of that namespace, and as long as it
lives. pyroute2 asks for one namespace's number, but not for all.
"""

import socket
import struct
from collections.abc import Iterator

_HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_ATTRIBUTE = struct.Struct("=HH")
_FAMILY = bytes(4)
"""rtgenmsg: AF_UNSPEC, with its padding."""

_RTM_GETNSID = 90
_DUMP = 0x301
_DONE, _ERROR = 3, 2
_NETNSA_NSID = 1


def known() -> list[int]:
    """The numbers of all namespaces that the calling thread's one has numbers for. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(_FAMILY), _RTM_GETNSID, _DUMP, 1, 0) + _FAMILY)
        numbers: list[int] = []
        while True:
            for kind, content in _messages(kernel.recv(65536)):
                if kind == _DONE:
                    return numbers
                if kind == _ERROR:
                    code = -struct.unpack_from("=i", content)[0]
                    raise OSError(code, "the kernel does not list its network namespaces")
                numbers += _numbers(content[len(_FAMILY) :])


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[_aligned(length) :]


def _numbers(attributes: bytes) -> Iterator[int]:
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _NETNSA_NSID:
            (number,) = struct.unpack_from("=i", attributes, _ATTRIBUTE.size)
            if number >= 0:
                yield number
        attributes = attributes[_aligned(length) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
