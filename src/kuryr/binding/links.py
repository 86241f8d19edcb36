"""Pairs of virtual Ethernet links, and the claims written on them.

The outer end (`tap…`) stays on the host and is connected to Neutron; the inner end (`t_c…`) waits beside it, down and
without addresses, until an engine moves it into a container. The names are Neutron's and the first Kuryr's.

The claim is the outer end's alias, so the kernel keeps it exactly as long as the interface. A link cannot be born with
an alias (`rtnl_create_link` in the kernel ignores IFLA_IFALIAS), but it can be born in a link group. So every link is
born in a group number made from the deployment's name, and gets its claim with the next message. What dies in between
is a *half*: our group, no alias. Nobody can have been promised a half, so it is always safe to complete or to remove.

The outer end is shut off from the host's own network stack. With a userspace datapath the kernel sees each frame a
second time: it would answer ARP for the host's addresses, route packets past Neutron's security groups, and believe
router advertisements of a container.
"""

import errno
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.ethtool.ioctl import IoctlEthtool
from pyroute2.netlink.exceptions import NetlinkError

from kuryr.binding import announcement
from kuryr.errors import Conflict, InvalidInput, PlugError
from kuryr.model import Claim, Vif

MAX_ALIAS = 254
"""Bytes of an alias: IFALIASZ of the kernel is 256, but its check counts the final zero byte that pyroute2 sends."""

_ID_LENGTH = 11
"""Characters of a port's id in a link's name: 15 (IFNAMSIZ without its zero byte) less those of "tap"."""

_IFF_UP = 1

_OUTER_SETTINGS = (
    ("ipv6", "disable_ipv6", "1"),
    ("ipv4", "arp_ignore", "8"),
    ("ipv4", "rp_filter", "1"),
)
_INNER_SETTINGS = (
    ("ipv6", "disable_ipv6", "1"),
    ("ipv4", "arp_ignore", "8"),
)
"""The kernel forgets these when the link moves into another network namespace: a container can use IPv6."""


def outer_name(port_id: str) -> str:
    """The host's end of a port's pair."""
    return f"tap{port_id[:_ID_LENGTH]}"


def inner_name(port_id: str) -> str:
    """The container's end of a port's pair."""
    return f"t_c{port_id[:_ID_LENGTH]}"


@dataclass(frozen=True)
class _Link:
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

    @classmethod
    def of(cls, message: Any) -> "_Link":
        here = message.get("link_netnsid") is None
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
        )


class Links:
    """The links of one deployment in the network namespace of the calling thread.

    Each call opens its own netlink socket (0.3 ms): a pyroute2 socket belongs to the thread that uses it. Only the
    short step from looking at a claim to writing it is serialised. `sysctl` is where the kernel's settings of links can
    be written: a container sees /proc/sys, but often may not write there.
    """

    def __init__(self, deployment: str, sysctl: Path = Path("/proc/sys/net")) -> None:
        self._prefix = f"kuryr:{deployment} "
        # Never 0, the group of every other link; within 31 bits, so that no tool shows it negative.
        self._group = zlib.crc32(self._prefix.encode()) >> 1 | 1
        self._sysctl = sysctl
        self._claiming = threading.Lock()

    def stage(self, vif: Vif, claim: Claim) -> str:
        """Make or complete the pair of `vif`, claimed by `claim`. Returns the name of the inner end.

        Raises Conflict if somebody else's link or claim is in the way, InvalidInput if the owner's name is too long.
        """
        alias = self._alias(claim)
        outer_end, inner_end = outer_name(vif.port_id), inner_name(vif.port_id)
        with _asking_for(outer_end), IPRoute() as ip, self._claiming:
            outer = _get(ip, ifname=outer_end)
            if outer is None:
                peer = {"ifname": inner_end, "address": vif.mac, "mtu": vif.mtu, "group": self._group}
                self._change(ip.link, "add", ifname=outer_end, kind="veth", mtu=vif.mtu, group=self._group, peer=peer)
                outer = _must(_get(ip, ifname=outer_end))
            else:
                self._refuse_foreign(outer, claim)
            if outer.alias != alias:
                self._change(ip.link, "set", index=outer.index, ifalias=alias)
            self._set_up(outer_end, _OUTER_SETTINGS)
            inner = _get(ip, index=outer.peer) if outer.peer else None
            if inner is not None:
                self._settle(ip, inner, name=inner_end, mac=vif.mac, mtu=vif.mtu, up=False)
                self._set_up(inner_end, _INNER_SETTINGS)
        return inner_end

    def inherit(self, claim: Claim) -> None:
        """Write a claim on a pair of the port that somebody else made and nobody has claimed; if there is one."""
        outer_end = outer_name(claim.port_id)
        with _asking_for(outer_end), IPRoute() as ip, self._claiming:
            outer = _get(ip, ifname=outer_end)
            if outer and outer.kind == "veth" and not outer.alias:
                self._change(ip.link, "set", index=outer.index, ifalias=self._alias(claim))

    def connect(self, vif: Vif, *, userspace: bool) -> Claim:
        """Give both ends the port's MAC and MTU and take the outer end up. Returns the claim that is written on it.

        `userspace`: the frames go to a userspace datapath, which never fills in the checksums that the kernel leaves
        to the hardware. Without this TCP would not connect, although ping works. The setting moves with the link.
        Raises PlugError if the pair is not staged.
        """
        outer_end = outer_name(vif.port_id)
        with _asking_for(outer_end), IPRoute() as ip:
            outer = _get(ip, ifname=outer_end)
            claim = self._claim_on(outer) if outer else None
            if outer is None or claim is None or claim.port_id != vif.port_id:
                raise PlugError(f"port {vif.port_id} has no interface {outer_end} that could be connected")
            inner = _get(ip, index=outer.peer) if outer.peer else None
            if inner is not None:
                self._settle(ip, inner, name=inner.name, mac=vif.mac, mtu=vif.mtu, up=inner.up)
                if userspace:
                    with closing(IoctlEthtool(inner.name)) as offload:
                        self._change(offload.set_offload_flag, "tx-checksumming", False)
            self._settle(ip, outer, name=outer_end, mac=outer.mac, mtu=vif.mtu, up=True)
            return claim

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the inner end, which is up for that moment and down again afterwards.

        An inner end that is in a container already is left alone. Raises PlugError.
        """
        with _asking_for(inner_name(vif.port_id)), IPRoute() as ip:
            inner = _get(ip, ifname=inner_name(vif.port_id))
            if inner is None:
                return
            self._change(ip.link, "set", index=inner.index, state="up")
            try:
                announcements = announcement.frames(vif.mac, (fixed_ip.address for fixed_ip in vif.fixed_ips))
                announcement.send(inner.name, announcements)
            finally:
                self._change(ip.link, "set", index=inner.index, state="down")

    def delete(self, port_id: str) -> None:
        """Remove the pair of a port, wherever its inner end is. Somebody else's link of that name stays."""
        outer_end = outer_name(port_id)
        with _asking_for(outer_end), IPRoute() as ip:
            with self._claiming:
                outer = _get(ip, ifname=outer_end)
                if outer is None:
                    return
                if self._is_half(outer):
                    self._delete(ip, outer)
                    return
            # Outside the lock: the kernel takes some 20 ms, and a link with this port's claim is claimed by no other.
            claim = self._claim_on(outer)
            if claim is not None and claim.port_id == port_id:
                self._delete(ip, outer)

    def exists(self, name: str) -> bool:
        """Whether there is a link `name`, whoever made it."""
        with _asking_for(name), IPRoute() as ip:
            return _get(ip, ifname=name) is not None

    def claims(self) -> list[Claim]:
        """Every claim of this deployment; a half is a claim without owner on the beginning of a port's id."""
        claims = []
        with _asking_for("links"), IPRoute() as ip:
            with self._claiming:
                links = [_Link.of(message) for message in ip.link("dump")]
            for link in links:
                claim = self._claim_on(link)
                if claim is not None:
                    claims.append(claim)
                elif self._is_half(link) and link.name.startswith("tap"):
                    claims.append(Claim(link.name.removeprefix("tap"), ""))
        return claims

    def _alias(self, claim: Claim) -> str:
        alias = f"{self._prefix}{claim.port_id} {claim.owner}"
        if len(alias.encode()) > MAX_ALIAS:
            raise InvalidInput(f"the owner of port {claim.port_id} has too long a name: {claim.owner}")
        return alias

    def _claim_on(self, link: _Link) -> Claim | None:
        if link.kind != "veth" or not link.alias.startswith(self._prefix):
            return None
        port_id, _, owner = link.alias.removeprefix(self._prefix).partition(" ")
        return Claim(port_id, owner)

    def _is_half(self, link: _Link) -> bool:
        return link.kind == "veth" and link.group == self._group and not link.alias

    def _refuse_foreign(self, link: _Link, wanted: Claim) -> None:
        claim = self._claim_on(link)
        if claim is None and not self._is_half(link):
            raise Conflict(f"interface {link.name} exists already and is not Kuryr's", hint="remove or rename it")
        if claim is not None and claim.port_id != wanted.port_id:
            raise Conflict(f"interface {link.name} belongs to port {claim.port_id}")
        if claim is not None and claim.owner not in ("", wanted.owner):
            raise Conflict(f"port {claim.port_id} is in use by {claim.owner} on this host")

    def _settle(self, ip: Any, link: _Link, *, name: str, mac: str, mtu: int, up: bool) -> None:
        wanted: dict[str, object] = {}
        if link.name != name:
            wanted["ifname"] = name
        if link.mac != mac.lower():
            wanted["address"] = mac
        if link.mtu != mtu:
            wanted["mtu"] = mtu
        if link.up != up:
            wanted["state"] = "up" if up else "down"
        if wanted:
            self._change(ip.link, "set", index=link.index, **wanted)

    def _set_up(self, name: str, settings: tuple[tuple[str, str, str], ...]) -> None:
        for family, key, value in settings:
            setting = self._sysctl / family / "conf" / name / key
            # Absent if this kernel was started without IPv6.
            if setting.exists() and setting.read_text().strip() != value:
                self._change(setting.write_text, value)

    def _delete(self, ip: Any, link: _Link) -> None:
        try:
            self._change(ip.link, "del", index=link.index)
        except NetlinkError as failure:
            if failure.code != errno.ENODEV:
                raise

    def _change(self, effect: Callable[..., object], /, *arguments: object, **attributes: object) -> None:
        """The one door through which links are changed: each call is one effect on the kernel, done or not done.

        Tests of crashes kill the process before or after any one passage.
        """
        effect(*arguments, **attributes)


def _get(ip: Any, **key: object) -> _Link | None:
    try:
        (message,) = ip.link("get", **key)
    except NetlinkError as failure:
        if failure.code != errno.ENODEV:
            raise
        return None
    return _Link.of(message)


def _must(link: _Link | None) -> _Link:
    if link is None:
        raise NetlinkError(errno.ENODEV)
    return link


@contextmanager
def _asking_for(name: str) -> Iterator[None]:
    """Turn the kernel's refusal into an error about interface `name`."""
    try:
        yield
    except (NetlinkError, OSError) as failure:
        code = failure.code if isinstance(failure, NetlinkError) else failure.errno
        if code == errno.EEXIST:
            raise Conflict(f"the other end of {name} exists already and is not Kuryr's") from failure
        hint = "Kuryr needs CAP_NET_ADMIN" if code in (errno.EPERM, errno.EACCES) else ""
        raise PlugError(f"the kernel refused a change of {name}: {os.strerror(code or 0)}", hint=hint) from failure
