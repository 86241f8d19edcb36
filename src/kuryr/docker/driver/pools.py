"""Pools between RequestPool and CreateNetwork, and the ids by which Docker speaks of them ever after.

RequestPool comes first and carries no network id; CreateNetwork carries no pool id. What links them is the CIDR: one
pool of a CIDR is pending at a time. A pool id says all that is known of the pool, so that it can be read without any
memory; its key is recorded on the network's anchor and leads back to the network.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network

from kuryr.docker.options.addresses import host_range
from kuryr.errors import Conflict, InvalidInput
from kuryr.gateway.topology import Existing
from kuryr.model import IPAddress, IPNetwork, Named, Network, Subnet, is_uuid

VERSION = "kuryr1"
ID_FORM = re.compile(rf"{VERSION},([^,]+),([^,]*),([^,]+),([^,]*)")


@dataclass(frozen=True)
class PoolId:
    """`kuryr1,<cidr>,<ip range>,<key>,<subnet uuid>`; the range and the uuid may be empty."""

    cidr: IPNetwork
    ip_range: IPNetwork | None
    key: str
    subnet_id: str = ""

    def __str__(self) -> str:
        return ",".join([VERSION, str(self.cidr), str(self.ip_range or ""), self.key, self.subnet_id])

    @property
    def no_gateway(self) -> IPAddress:
        """What Docker is told when a subnet has no gateway: it insists on an address, and this one is nobody's."""
        return self.cidr.network_address

    @classmethod
    def parse(cls, text: str) -> "PoolId":
        """The reverse of `str()`. Raises InvalidInput."""
        match = ID_FORM.fullmatch(text)
        try:
            cidr, ip_range, key, subnet_id = match.groups() if match else ("", "", "", "")
            return cls(ip_network(cidr), ip_network(ip_range) if ip_range else None, key, subnet_id)
        except ValueError as error:
            raise InvalidInput(f"pool {text[:100]!r} is not one of Kuryr's") from error


@dataclass(frozen=True)
class InheritedPool:
    """A pool that Docker got from kuryr-libnetwork: the id of a Neutron subnet pool, which says nothing else."""

    key: str


def parse(text: str) -> PoolId | InheritedPool:
    """A pool by the id that Docker gives. Raises InvalidInput."""
    return InheritedPool(text) if is_uuid(text) else PoolId.parse(text)


def check_range(ip_range: IPNetwork, subnet: Subnet) -> None:
    """An existing subnet hands out addresses from its own pools. Raises InvalidInput when `--ip-range` is not one."""
    if host_range(subnet.cidr, ip_range) not in subnet.pools:
        ranges = ", ".join(f"{each.first}-{each.last}" for each in subnet.pools)
        raise InvalidInput(
            f"--ip-range {ip_range} is not an allocation pool of the existing subnet {subnet.id}",
            hint=f"leave it out; its pools are {ranges}",
        )


@dataclass(frozen=True)
class Source:
    """The subnet pool of Neutron's that a range is part of, and how the user named it; nothing of both by default."""

    id: str = ""
    named: Named = field(default_factory=Named)


@dataclass
class Pending:
    """A pool whose network is about to be created."""

    id: PoolId
    since: float
    existing: Existing = field(default_factory=Existing)
    found: tuple[Network, Subnet] | None = None
    """The existing network and subnet, when `--ipam-opt` named them."""
    source: Source = field(default_factory=Source)


class PendingPools:
    """The pools that wait for their network. Thread-safe.

    `ttl`: seconds after which Docker will not come back for a pool. `patience`: seconds that a second pool of the
    same CIDR waits for the first to get its network.
    """

    def __init__(
        self, *, ttl: float = 60.0, patience: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl = ttl
        self._patience = patience
        self._clock = clock
        self._changed = threading.Condition()
        self._by_cidr: dict[IPNetwork, Pending] = {}

    def add(
        self,
        cidr: IPNetwork,
        ip_range: IPNetwork | None = None,
        existing: Existing | None = None,
        found: tuple[Network, Subnet] | None = None,
        source: Source | None = None,
    ) -> PoolId:
        """A new pending pool. Raises Conflict when another of this CIDR stays pending."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free(cidr), self._patience):
                # Docker asks for pools until one overlaps no route of the host, if the user has not given any.
                raise Conflict(
                    f"another Docker network with {cidr} is being created, or this host has a route into it",
                    hint=f"try again in a moment, or give --subnet {cidr}",
                )
            pool = PoolId(cidr, ip_range, secrets.token_hex(4), found[1].id if found else "")
            self._by_cidr[cidr] = Pending(pool, self._clock(), existing or Existing(), found, source or Source())
            return pool

    def cidrs(self) -> list[IPNetwork]:
        """The ranges of all pools that wait."""
        with self._changed:
            return [cidr for cidr in self._by_cidr if not self._free(cidr)]

    def of_cidr(self, cidr: IPNetwork) -> Pending | None:
        """The pool of this CIDR that waits for its network, unless Docker has kept it waiting for too long."""
        with self._changed:
            return None if self._free(cidr) else self._by_cidr.get(cidr)

    def of(self, pool: PoolId) -> Pending | None:
        """The pool with this id, if it still waits."""
        pending = self.of_cidr(pool.cidr)
        return pending if pending and pending.id == pool else None

    def found(self, existing: Existing) -> Network | None:
        """The network that was found for another pool of the same command, a moment ago."""
        with self._changed:
            waiting = [each for cidr, each in self._by_cidr.items() if not self._free(cidr)]
        return next((each.found[0] for each in waiting if each.found and each.existing == existing), None)

    def drop(self, pool: PoolId) -> None:
        """The pool has its network, or will never have one."""
        with self._changed:
            if (pending := self._by_cidr.get(pool.cidr)) and pending.id == pool:
                del self._by_cidr[pool.cidr]
                self._changed.notify_all()

    def clear(self) -> None:
        """The engine has started anew: it will not come back for any pool."""
        with self._changed:
            self._by_cidr.clear()
            self._changed.notify_all()

    def _free(self, cidr: IPNetwork) -> bool:
        pending = self._by_cidr.get(cidr)
        return pending is None or self._clock() - pending.since > self._ttl
