"""Subnet pools: from where the range of a network comes when its user names none, or names a pool.

The range is chosen here and not by Neutron, because an engine wants to know it before there is a network. Neutron has
the last word: it refuses a range of a pool that another host took in between.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from kuryr.errors import Exhausted, InvalidInput
from kuryr.gateway.naming import Names
from kuryr.model import IPNetwork, Named
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import SubnetPoolResource


@dataclass(frozen=True)
class Defaults:
    """The names of the pools that serve networks without a range, by address family."""

    v4: str = "kuryr"
    v6: str = "kuryr6"

    def of(self, version: int) -> str:
        """The name for an address family."""
        return self.v6 if version == 6 else self.v4


class SubnetPools:
    """Finds pools, and free ranges in them. Thread-safe."""

    def __init__(self, neutron: Neutron, defaults: Defaults) -> None:
        self._neutron = neutron
        self._names = Names(neutron)
        self._defaults = defaults

    def find(self, named: Named, version: int) -> SubnetPoolResource:
        """The pool that a user names: one request.

        Raises NotFound, Conflict when a name means two, InvalidInput when it is of the other address family.
        """
        option = "neutron.pool.uuid" if version == 4 else "neutron.pool.v6.uuid"
        visible = self._names.visible(self._names.find(self._neutron.subnet_pools, named))
        fitting = [pool for pool in visible if pool.ip_version == version]
        pool = self._names.only(fitting or visible, "subnet pool", named, option)
        if pool.ip_version != version:
            raise InvalidInput(f"subnet pool {pool.name or pool.id} is one of IPv{pool.ip_version}")
        return pool

    def default(self, version: int) -> SubnetPoolResource:
        """The pool for networks without a range: that of the configured name, else Neutron's own default.

        One or two requests. Raises InvalidInput when there is neither.
        """
        name = self._defaults.of(version)
        for filters in ({"name": name}, {"is_default": True}):
            found = self._names.visible(self._neutron.subnet_pools.list(ip_version=version, **filters))
            if len(found) == 1:
                return found[0]
        raise InvalidInput(
            f"no IPv{version} --subnet is given, and there is no subnet pool {name!r} to take one from",
            hint="give one, name an existing subnet by --ipam-opt neutron.subnet.uuid=…, or make the pool: "
            f"openstack subnet pool create --pool-prefix … --default-prefix-length … {name}",
        )

    def free_range(self, pool: SubnetPoolResource, taken: Iterable[IPNetwork]) -> IPNetwork:
        """The first range of the pool that no subnet has and that overlaps none of `taken`: one request.

        Raises Exhausted.
        """
        used = [subnet.cidr for subnet in self._neutron.subnets.list(subnetpool_id=pool.id)]
        found = next(free_ranges(pool.prefixes, pool.default_prefixlen, [*used, *taken]), None)
        if found is None:
            raise Exhausted(
                f"subnet pool {pool.name or pool.id} has no free /{pool.default_prefixlen} left",
                hint="give a --subnet, or add a prefix to the pool",
            )
        return found


def free_ranges(prefixes: Collection[IPNetwork], length: int, taken: Iterable[IPNetwork]) -> Iterator[IPNetwork]:
    """The ranges of this prefix length that lie in `prefixes` and overlap none of `taken`, in ascending order.

    Steps over what is taken, so that a pool of a million ranges costs no more than its subnets do.
    """
    spans = sorted((each.version, int(each.network_address), int(each.broadcast_address)) for each in taken)
    for prefix in sorted(prefixes, key=lambda each: int(each.network_address)):
        size = 1 << (prefix.max_prefixlen - length)
        start, last = int(prefix.network_address), int(prefix.broadcast_address)
        for version, low, high in [*spans, (prefix.version, last + 1, last + 1)]:
            if version != prefix.version:
                continue
            while start + size - 1 < min(low, last + 1):
                yield type(prefix)((start, length))
                start += size
            if high >= start:
                # The next range begins at a multiple of its own size.
                start = -(-(high + 1) // size) * size
