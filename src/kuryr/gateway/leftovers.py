"""Everything of a host's that nothing uses any more, and how long it has looked so. See the classes that sweep."""

from collections.abc import Callable, Collection

from kuryr.gateway.exposure.floating import FloatingIPs
from kuryr.gateway.exposure.openings import Openings
from kuryr.gateway.networks.engine_networks import Networks
from kuryr.gateway.ports.idle import IdlePorts
from kuryr.gateway.ports.reservations import Reservations
from kuryr.model import IPAddress
from kuryr.suspects import Suspects


class Leftovers:
    """Sweeps the cloud for one host, each kind of thing with suspects of its own. Thread-safe.

    Every method answers how much looks unused and is still there, and raises CloudError.
    """

    def __init__(
        self,
        networks: Networks,
        reservations: Reservations,
        idle: IdlePorts,
        openings: Openings,
        floating: FloatingIPs,
        suspects: Callable[[], Suspects],
    ) -> None:
        self._networks = networks
        self._reservations = reservations
        self._idle = idle
        self._openings = openings
        self._floating = floating
        kinds = ("networks", "addresses", "idle_ports", "groups", "floating_ips")
        self._suspects = {kind: suspects() for kind in kinds}

    def networks(self, alive: Collection[str]) -> int:
        """Remove what no network of the engine stands on; `alive` are the owners that the engine knows."""
        return self._networks.sweep(alive, self._suspects["networks"])

    def addresses(self, alive: Collection[IPAddress]) -> int:
        """Give back what is kept for whoever is no port of Kuryr's, but those that the engine still uses."""
        return self._reservations.sweep(alive, self._suspects["addresses"])

    def idle_ports(self) -> int:
        """Remove sticky ports of networks that this host does not use."""
        return self._idle.sweep(self._networks.anchors.stood_on(), self._suspects["idle_ports"])

    def groups(self) -> int:
        """Remove security groups that no port needs."""
        return self._openings.sweep(self._suspects["groups"])

    def floating_ips(self, kept: Collection[str]) -> int:
        """Remove floating IPs that lead nowhere, but those that networks stand on."""
        return self._floating.sweep(kept, self._suspects["floating_ips"])
