"""How Kuryr's own objects are recognised in Neutron, by anybody, at any time, after any crash.

Everything carries the mark of its deployment and host as `description`, in the very call that makes it. Six kinds
of ports tell the rest by their device_owner and device_id, which Neutron filters by:

    container port  device_owner compute:kuryr                device_id  its user, or `RESERVED` until he is known
    lent port       device_owner compute:kuryr:<deployment>   device_id  likewise
    nested port     device_owner kuryr:nested                 device_id  likewise
    idle port       device_owner kuryr:idle                   device_id  ""
    anchor          device_owner kuryr:network                device_id  <owner>:<key>.<subnet>,…:<setting>,…
    reservation     device_owner kuryr:address                device_id  the key of its pool

A lent port outlives its user: only its binding, device_owner and device_id are his, and are cleared when he goes.
Somebody else's port has an empty device_owner before and after; one of Kuryr's own, sticky or made ahead of time, is
idle. So are ports that keep an address for whichever host will use it: they bear the mark of their keeper instead of a
host's. The keeper is the owner of an anchor, and the anchors of all who use such ports have the setting
keeper=<keeper>.

An anchor is an addressless port that records "this host's engine uses this Neutron network". It stands in the place
of tags, of which Neutron allows fifty on a network, far fewer than a network may have hosts
(neutron/extensions/tagging.py, MAX_TAGS_COUNT); and it never changes a network that is not ours.

`compute:` makes a container port look like a virtual machine's to every Neutron plugin; `network:` must never be
used, because Neutron trusts such ports and leaves anti-spoofing off. A container of a virtual machine has a nested
port: a plain member may make ports of `compute:`, but not delete them (neutron.conf.policies.port). While it is on a
trunk, Neutron calls it `trunk:subport`, and then nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from kuryr.model import USUAL_PORT, Mark, PortTraits, Word

PORT_OWNER = "compute:kuryr"
NESTED_OWNER = "kuryr:nested"
IDLE_OWNER = "kuryr:idle"
ANCHOR_OWNER = "kuryr:network"
RESERVATION_OWNER = "kuryr:address"
RESERVED = "kuryr:reserved"

Setting = Annotated[str, re.compile(r"[^,\s]{0,128}")]
"""One of the words that an anchor keeps."""

_KEEPER, _FREED = "keeper=", "freed"
_THROUGH = "through="
INHERITED = "libnetwork"
"""The setting of an anchor that took a network over from kuryr-libnetwork."""

DEVICE_ID_LIMIT = 255
"""Longest device_id that Neutron stores (neutron_lib.db.constants, DEVICE_ID_FIELD_SIZE)."""


@dataclass(frozen=True)
class Berth:
    """One subnet of the engine's network. `key` is that by which its addresses are asked for, "" if they never are."""

    key: Word
    subnet: Word
    """The beginning of the subnet's id: enough within one network, and an anchor must be short."""

    @classmethod
    def at(cls, key: str, subnet_id: str) -> "Berth":
        """The berth at a subnet."""
        return cls(key, subnet_id[:8])

    def __str__(self) -> str:
        return f"{self.key}.{self.subnet}"

    @classmethod
    def parse(cls, text: str) -> "Berth":
        """The reverse of `str()`."""
        key, _, subnet = text.partition(".")
        return cls(key, subnet)


@dataclass(frozen=True)
class Anchorage:
    """What an anchor's device_id says: the engine's network, and what Neutron has no other place for.

    `berths` are its subnets, in the engine's order; `settings` are words of the front end.
    """

    owner: Word
    berths: tuple[Berth, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Those by which addresses are asked for."""
        return tuple(berth.key for berth in self.berths if berth.key)

    @property
    def keeper(self) -> str:
        """Who keeps the network's addresses for its users, "" if nobody does."""
        return next((word.removeprefix(_KEEPER) for word in self.settings if word.startswith(_KEEPER)), "")

    @property
    def keeps(self) -> bool:
        """Whether that is the owner itself: not a user of the addresses, but whoever hands them out to users."""
        return self.keeper == self.owner

    @property
    def is_freed(self) -> bool:
        """Whether the owner keeps nothing any more, and what is left of it is being removed."""
        return _FREED in self.settings

    def freed(self) -> "Anchorage":
        """The same when its owner has stopped keeping anything."""
        return self if self.is_freed else replace(self, settings=(*self.settings, _FREED))

    def __str__(self) -> str:
        return ":".join([self.owner, ",".join(map(str, self.berths)), ",".join(self.settings)]).removesuffix(":")

    @classmethod
    def parse(cls, device_id: str) -> "Anchorage":
        """The reverse of `str()`."""
        # Settings may have colons of their own, as IPv6 addresses have.
        owner, berths, settings, *_ = (*device_id.split(":", 2), "", "")
        return cls(owner, tuple(Berth.parse(each) for each in _words(berths)), _words(settings))


@dataclass(frozen=True)
class Anchor:
    """One network of the engine, standing on one network of Neutron."""

    port_id: str
    network_id: str
    anchorage: Anchorage
    template: PortTraits = USUAL_PORT


def name_for(owner: str) -> str:
    """How what is made for a network of the engine is called; names are for people and need not be unique."""
    return f"kuryr-{owner[:12]}"


def is_reserved(setting: str) -> bool:
    """Whether a setting is one by which the cloud's side knows whom it belongs to, and not a front end's word."""
    return setting.startswith((_KEEPER, _FREED)) or setting == INHERITED


def through_words(id_: str) -> tuple[str, ...]:
    """The setting of an anchor whose network is published through a floating IP or an external network, if any."""
    return (f"{_THROUGH}{id_}",) if id_ else ()


def through(settings: Iterable[str]) -> str:
    """What such a setting says; "" if there is none."""
    return next((word.removeprefix(_THROUGH) for word in settings if word.startswith(_THROUGH)), "")


def keeper_words(keeper: str) -> tuple[str, ...]:
    """The setting of an anchor whose addresses are the keeper's; none if nobody keeps them."""
    return (f"{_KEEPER}{keeper}",) if keeper else ()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def lent_owner(mark: Mark) -> str:
    """The device_owner of ports that are lent to containers of this deployment."""
    return f"{PORT_OWNER}:{mark.deployment}"


def is_own(description: str, mark: Mark) -> bool:
    """Whether something was made by this deployment, be it for a host or ahead of time."""
    return description == mark.of_deployment or is_sticky(description, mark)


def is_sticky(description: str, mark: Mark) -> bool:
    """Whether an idle or lent port was made by a host of this deployment: that is only done for sticky keys."""
    return description.startswith(mark.beginning)


def owner_of(device_id: str) -> str:
    """Who uses a container port: "" while it is only reserved."""
    return "" if device_id == RESERVED else device_id
