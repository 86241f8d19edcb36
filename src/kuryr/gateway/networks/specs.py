"""What a network shall be: told to Neutron when Kuryr makes it, checked when it exists already.

An existing network is never changed, so what is asked of it must be true. What is None or empty is left to the cloud.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kuryr.errors import Conflict
from kuryr.model import (
    AddressRange,
    ExternalNetworkId,
    IPAddress,
    IPNetwork,
    Network,
    RouterId,
    Subnet,
    SubnetPoolId,
    Word,
)


@dataclass(frozen=True)
class SubnetSpec:
    """A subnet that Kuryr shall make; `key` is that by which its addresses will be asked for."""

    cidr: IPNetwork
    gateway: IPAddress | None
    pools: tuple[AddressRange, ...] = ()
    """Where Neutron may take addresses from; empty for all of the CIDR."""
    dhcp: bool = True
    key: Word = ""
    subnet_pool: SubnetPoolId = ""
    """The id of Neutron's subnet pool that the CIDR is part of, if it shall be."""


@dataclass(frozen=True)
class NetworkSpec:
    """A network, apart from its subnets."""

    mtu: int | None = None
    shared: bool | None = None
    """Whether all projects may use it; making such a network takes an administrator's right."""
    dns_domain: str = ""
    dhcp: bool | None = None
    """Whether Neutron's DHCP serves its subnets."""

    def check(self, network: Network, subnets: Iterable[Subnet]) -> None:
        """Raises Conflict when an existing network, or one of its subnets that will be used, is not this."""
        for option, wanted, found in self._differences(network, subnets):
            raise Conflict(
                f"the existing network {network.name or network.id} has {option}={_text(found)}, not {_text(wanted)}",
                hint=f"leave {option} out",
            )

    def _differences(self, network: Network, subnets: Iterable[Subnet]) -> Iterator[tuple[str, object, object]]:
        pairs: list[tuple[str, object, object]] = [
            ("neutron.mtu", self.mtu, network.mtu),
            ("neutron.net.shared", self.shared, network.shared),
            ("neutron.dns_domain", _domain(self.dns_domain) or None, _domain(network.dns_domain)),
            *(("neutron.dhcp", self.dhcp, subnet.dhcp) for subnet in subnets),
        ]
        return (pair for pair in pairs if pair[1] is not None and pair[1] != pair[2])


USUAL_NETWORK = NetworkSpec()
"""A network of which nothing is said."""


@dataclass(frozen=True)
class WayOut:
    """How a network that Kuryr makes is led to the outside; empty for not at all."""

    router_id: RouterId = ""
    """The router that it is attached to."""
    floating_from: ExternalNetworkId = ""
    """The external network from which it gets a floating IP of its own."""


NO_WAY_OUT = WayOut()
"""A network that nobody leads anywhere."""


def _domain(text: str) -> str:
    """DNS knows no capital letters, and a dot at the end is understood."""
    return text.lower().rstrip(".")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
