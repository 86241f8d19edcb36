"""A network of the engine together with what it stands on, as everybody who serves it needs both."""

from collections.abc import Iterator
from dataclasses import dataclass

from kuryr.errors import NotFound
from kuryr.gateway.identity import Anchorage, Berth
from kuryr.model import USUAL_PORT, IPAddress, Network, PortTraits, Subnet


@dataclass(frozen=True)
class Bound:
    """A network of the engine, and what it stands on."""

    anchorage: Anchorage
    network: Network
    template: PortTraits = USUAL_PORT
    """What the user said of the ports on it, as far as Neutron has a place for it on the anchor: groups and policy."""

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """Those of the Neutron network's subnets that the engine uses, in its order."""
        return tuple(subnet for berth in self.anchorage.berths for subnet in self._at(berth))

    def subnet_of_key(self, key: str) -> Subnet:
        """The subnet whose addresses are asked for by `key`. Raises NotFound."""
        for berth in self.anchorage.berths:
            if berth.key == key:
                for subnet in self._at(berth):
                    return subnet
        raise NotFound(f"network {self.network.name} has lost a subnet", hint="create the Docker network again")

    def subnet_with(self, address: IPAddress) -> Subnet:
        """The subnet that an address lies in. Raises NotFound."""
        for subnet in self.subnets:
            if address in subnet.cidr:
                return subnet
        raise NotFound(f"network {self.network.name} has no subnet for {address}")

    def _at(self, berth: Berth) -> Iterator[Subnet]:
        return (subnet for subnet in self.network.subnets if Berth.at(berth.key, subnet.id) == berth)
