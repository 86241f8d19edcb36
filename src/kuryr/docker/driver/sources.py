"""Where a new network's range comes from: its user, or a subnet pool of Neutron's that the user or the operator names.

The same is asked twice: when Docker wants a pool (`--ipam-opt`), and when it creates the network (`-o`).
"""

from collections.abc import Iterable

from kuryr.docker.driver.pools import Source
from kuryr.docker.options.addresses import is_within
from kuryr.errors import InvalidInput
from kuryr.gateway.protocol import SubnetPools
from kuryr.model import IPNetwork, Named, Subnet
from kuryr.neutron.resources import SubnetPoolResource


class Sources:
    """Ranges of subnet pools. Thread-safe."""

    def __init__(self, subnet_pools: SubnetPools) -> None:
        self._subnet_pools = subnet_pools

    def of_range(self, cidr: IPNetwork, named: Named, known: Source | None = None) -> Source:
        """The subnet pool that a chosen range is part of: one request if one is named that is not `known` yet.

        Raises InvalidInput when it is no part of it, or when another one is known.
        """
        known = known or Source()
        if not named or named == known.named:
            return known
        pool = self._subnet_pools.find(named, cidr.version)
        if known.id and known.id != pool.id:
            raise InvalidInput("-o and --ipam-opt name two different subnet pools", hint="one of them suffices")
        if not any(is_within(cidr, prefix) for prefix in pool.prefixes):
            prefixes = ", ".join(map(str, pool.prefixes))
            raise InvalidInput(
                f"--subnet {cidr} is no part of subnet pool {_label(pool)}",
                hint=f"choose one of {prefixes}, or leave --subnet out",
            )
        return Source(pool.id, named)

    def free_range(self, version: int, named: Named, taken: Iterable[IPNetwork]) -> tuple[IPNetwork, Source]:
        """A range that nobody has, of the named subnet pool or of the default one: two requests, at most three.

        Raises InvalidInput when there is no default, Exhausted.
        """
        pool = self._subnet_pools.find(named, version) if named else self._subnet_pools.default(version)
        return self._subnet_pools.free_range(pool, taken), Source(pool.id, named)

    def check(self, subnet: Subnet, named: Named) -> None:
        """An existing subnet has its subnet pool already. Raises InvalidInput when another one is named."""
        if named and (pool := self._subnet_pools.find(named, subnet.version)).id != subnet.subnet_pool:
            raise InvalidInput(
                f"the existing subnet {subnet.id} is not one of subnet pool {_label(pool)}",
                hint="leave neutron.pool out",
            )


def _label(pool: SubnetPoolResource) -> str:
    return pool.name or pool.id
