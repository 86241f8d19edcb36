"""Plugs ports of vif_type "bridge": the outer end of a veth pair becomes a port of its network's bridge.

Neutron's Linux bridge agent looks for links named `tap…` and makes their filters; it connects the bridge `brq…` with
the network's VLAN or tunnel. Who plugs a port of a compute host makes the bridge if he comes first, and puts the link
into it. What the agent has done it tells Neutron only: another port of the network may have a bridge connected already,
and a port without security has no filter.
"""

from collections.abc import Sequence

from kuryr.binding.bridges import SharedBridges
from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.links import link_name
from kuryr.binding.pairs import PairDriver, outer_name
from kuryr.errors import PlugError
from kuryr.model import Vif

PREFIX = "brq"


class BridgeDriver(PairDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        super().__init__(context, "bridge")
        self._bridges = SharedBridges(self.links)

    def plug(self, vif: Vif) -> None:
        """Make the outer end a port of the network's bridge."""
        self.pairs.connect(vif)
        self._bridges.connect(_bridge(vif), outer_name(vif.port_id))

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """Only look whether the port is plugged: the agent's work does not show."""
        outer_end, bridge = outer_name(vif.port_id), _bridge(vif)
        with self.links.talking(outer_end) as netlink:
            outer, master = netlink.get(outer_end), netlink.get(bridge)
        if outer is None or master is None or outer.master != master.index:
            raise PlugError(f"port {vif.port_id} is not plugged into {bridge}")
        return False

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove the pair, and every bridge of this driver's that nobody uses."""
        super().unplug(port_id, vif)
        self._bridges.remove_empty()

    def found(self) -> Sequence[Found]:
        """Every claimed pair and half pair; and bridges that stayed when their last port went, by their own names."""
        return [*super().found(), *(Found(name, "") for name in self._bridges.empty())]


def _bridge(vif: Vif) -> str:
    """Neutron names another bridge than the agent's usual one if the operator has mapped it to the network."""
    return str(vif.details.get("bridge_name") or link_name(PREFIX, vif.network_id))
