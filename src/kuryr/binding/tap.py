"""Plugs ports of vif_type "tap": the outer end of a veth pair waits under its name for an agent that does all the rest.

That is how Calico's and other routing back ends work. What they have done shows in Neutron's status of the port only.
"""

from kuryr.binding.driver import BindingContext
from kuryr.binding.pairs import PairDriver, outer_name
from kuryr.errors import PlugError
from kuryr.model import Vif


class TapDriver(PairDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        super().__init__(context, "tap")

    def plug(self, vif: Vif) -> None:
        """Take the outer end up."""
        self.pairs.connect(vif)

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """Only look whether the outer end is up."""
        with self.links.talking(outer_name(vif.port_id)) as netlink:
            outer = netlink.get(outer_name(vif.port_id))
        if outer is None or not outer.up:
            raise PlugError(f"port {vif.port_id} is not plugged")
        return False
