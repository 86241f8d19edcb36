"""The links of the calling thread's network namespace, read and changed one effect at a time.

Each conversation opens its own netlink socket (0.3 ms): a pyroute2 socket belongs to the thread that uses it.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.ethtool.ioctl import IoctlEthtool
from pyroute2.netlink.exceptions import NetlinkError

from kuryr.binding import namespaces
from kuryr.errors import Conflict, PlugError

_IFF_UP = 1
_WITH_FUNCTIONS = 1
"""RTEXT_FILTER_VF of the kernel's rtnetlink.h."""
_NAMESPACE = "IFLA_IF_NETNSID"
"""pyroute2's name of IFLA_TARGET_NETNSID, before Linux 5.0 gave it that."""
_CARRIED = frozenset({"UP", "UNKNOWN"})
"""States of RFC 2863 in which a link passes frames on; some kinds of link know no other than the second."""
_CARRIER_TIMEOUT, _CARRIER_PAUSE = 1.0, 0.001
"""Seconds. The kernel's link watch takes a millisecond, and a second when it has much to do."""

SYSCTL = Path("/proc/sys/net")

EXISTS = errno.EEXIST

Setting = tuple[str, str, str]
"""A network setting of one link: address family, key, value."""


@dataclass(frozen=True)
class Link:
    """A link as the kernel shows it; `peer` is the index of the other end, or 0 if that is in another namespace."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    alias: str
    group: int
    peer: int
    master: int
    """The index of the bridge that it is a port of, or 0."""
    carried: bool
    """Whether the kernel has dealt with its being up and connected: a bridge forwards nothing of a port before."""
    altnames: tuple[str, ...] = ()
    """Further names; each is unique in its namespace."""
    namespace: int | None = None
    """The number of the network namespace that it is in, unless that is the calling thread's own."""

    @classmethod
    def of(cls, message: Any, namespace: int | None = None) -> "Link":
        """Read the kernel's message."""
        here, properties = message.get("link_netnsid") is None, message.get("prop_list")
        return cls(
            index=message["index"],
            name=message.get("ifname"),
            kind=message.get(("linkinfo", "kind")) or "",
            mac=message.get("address") or "",
            mtu=message.get("mtu"),
            up=bool(message["flags"] & _IFF_UP),
            alias=message.get("ifalias") or "",
            group=message.get("group") or 0,
            peer=(message.get("link") or 0) if here else 0,
            master=message.get("master") or 0,
            carried=message.get("operstate") in _CARRIED,
            altnames=tuple(properties.get_attrs("IFLA_ALT_IFNAME")) if properties else (),
            namespace=namespace,
        )


class Netlink:
    """One conversation with the kernel; see `talking`. `sysctl` is where settings of links can be written."""

    def __init__(self, ip: Any, sysctl: Path) -> None:
        self._ip = ip
        self._sysctl = sysctl

    def get(self, name: str) -> Link | None:
        """The link of this name, whoever made it."""
        return self._get(ifname=name)

    def at(self, index: int) -> Link | None:
        """The link of this index; None for index 0."""
        return self._get(index=index) if index else None

    def all(self) -> list[Link]:
        """Every link."""
        return [Link.of(message) for message in self._ip.link("dump")]

    def elsewhere(self) -> list[Link]:
        """Every link of each namespace that one has moved to from here."""
        links: list[Link] = []
        for number in namespaces.known():
            # A namespace may end while it is read.
            with suppress(NetlinkError):
                found = self._ip.link("dump", dump_filter=None, **{_NAMESPACE: number})
                links += [Link.of(message, number) for message in found]
        return links

    def add(self, name: str, kind: str, **attributes: object) -> Link:
        """Make a link; all that is given is so from its birth on."""
        self.change(self._ip.link, "add", ifname=name, kind=kind, **attributes)
        made = self.get(name)
        if made is None:
            raise NetlinkError(errno.ENODEV)
        return made

    def set(self, link: Link, **attributes: object) -> None:
        """Change a link."""
        self.change(self._ip.link, "set", index=link.index, **attributes)

    def settle(self, link: Link, **wanted: object) -> None:
        """Make a link what is wanted (fields of `Link`), in one message; none if it is that already."""
        differing = {key: value for key, value in wanted.items() if getattr(link, key) != value}
        if "up" in differing:
            differing["state"] = "up" if differing.pop("up") else "down"
        if differing:
            self.set(link, **{_ATTRIBUTES.get(key, key): value for key, value in differing.items()})

    def the(self, name: str) -> Link:
        """The link of this name. Raises PlugError if there is none."""
        link = self.get(name)
        if link is None:
            raise PlugError(f"interface {name} is gone", hint="start the container again")
        return link

    def await_carrier(self, link: Link) -> None:
        """Wait a little until the other end of a pair carries frames, which is so some time after both ends are up."""
        until = time.monotonic() + _CARRIER_TIMEOUT
        while (peer := self.at(link.peer)) and not peer.carried and time.monotonic() < until:
            time.sleep(_CARRIER_PAUSE)

    def enslave(self, name: str, bridge: str) -> None:
        """Make a link a port of a bridge. Raises PlugError if one of them is gone."""
        self.settle(self.the(name), master=self.the(bridge).index)

    def name_also(self, link: Link, name: str) -> None:
        """Give a link another name besides. Raises NetlinkError with the code `EXISTS` if any link has it."""
        self.change(self._ip.link, "property_add", index=link.index, altname=name)

    def function(self, card: str, number: int) -> tuple[str, int]:
        """The MAC address and VLAN that a network card has for one of its virtual functions; "" and 0 for none."""
        (message,) = self._ip.link("get", ifname=card, ext_mask=_WITH_FUNCTIONS)
        functions = message.get("vfinfo_list")
        for function in functions.get_attrs("IFLA_VF_INFO") if functions else ():
            mac, vlan = function.get_attr("IFLA_VF_MAC"), function.get_attr("IFLA_VF_VLAN")
            if mac and mac["vf"] == number:
                return str(mac["mac"]), int(vlan["vlan"]) if vlan else 0
        return "", 0

    def set_function(self, card: str, number: int, mac: str, vlan: int) -> None:
        """Tell a network card the MAC address and VLAN of one of its virtual functions."""
        self.set(self.the(card), vf={"vf": number, "mac": mac, "vlan": vlan})

    def write(self, name: str, *settings: Setting) -> None:
        """Change the network settings of a link; those that this kernel does not have are passed over."""
        for family, key, value in settings:
            setting = self._sysctl / family / "conf" / name / key
            # Absent if this kernel was started without IPv6.
            if setting.exists() and setting.read_text().strip() != value:
                self.change(setting.write_text, value)

    def compute_checksums(self, name: str) -> None:
        """Have frames leave this link with their checksums, instead of leaving these to hardware."""
        with closing(IoctlEthtool(name)) as offload:
            self.change(offload.set_offload_flag, "tx-checksumming", False)

    def delete(self, link: Link) -> None:
        """Remove a link; gone already is no error."""
        where = {} if link.namespace is None else {_NAMESPACE: link.namespace}
        try:
            self.change(self._ip.link, "del", index=link.index, **where)
        except NetlinkError as failure:
            if failure.code != errno.ENODEV:
                raise

    def change(self, effect: Callable[..., object], /, *arguments: object, **attributes: object) -> None:
        """The one door through which links are changed: each call is one effect on the kernel, done or not done.

        Tests of crashes kill the process before or after any one passage.
        """
        effect(*arguments, **attributes)

    def _get(self, **key: object) -> Link | None:
        try:
            (message,) = self._ip.link("get", **key)
        except NetlinkError as failure:
            if failure.code != errno.ENODEV:
                raise
            return None
        return Link.of(message)


_ATTRIBUTES = {"name": "ifname", "mac": "address", "alias": "ifalias"}
"""Our words and netlink's, where they differ."""


@contextmanager
def talking(about: str, sysctl: Path = SYSCTL) -> Iterator[Netlink]:
    """A conversation about interface `about`: the kernel's refusals become PlugError, or Conflict if one is there."""
    try:
        # Without groups: nothing is read of what others change meanwhile.
        with IPRoute(groups=0) as ip:
            yield Netlink(ip, sysctl)
    except (NetlinkError, OSError) as failure:
        code = failure.code if isinstance(failure, NetlinkError) else failure.errno
        if code == errno.EEXIST:
            raise Conflict(f"the other end of {about} exists already and is not Kuryr's") from failure
        hint = "Kuryr needs CAP_NET_ADMIN" if code in (errno.EPERM, errno.EACCES) else ""
        raise PlugError(f"the kernel refused a change of {about}: {os.strerror(code or 0)}", hint=hint) from failure
