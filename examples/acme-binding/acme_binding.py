"""Plugs ports of vif_type "acme": an example of a port type that comes in a package of its own.

Neutron's mechanism driver ACME names a bridge of the kernel's in `binding:vif_details`, and its agent forwards between
that bridge and the rest of the cloud. When it has wired a port, it gives the port's link the further name
`acme-wired-<port id>`.

`PairDriver` makes, claims, finds and removes the pair of links. What is particular of ACME is how the outer end is
connected, and how one sees that it works.
"""

import time

from kuryr.binding.driver import BindingContext
from kuryr.binding.pairs import PairDriver, outer_name
from kuryr.errors import PlugError
from kuryr.model import Vif


class AcmeDriver(PairDriver):
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, context: BindingContext) -> None:
        # Names the driver's links: what another driver of the same host has made is not found here.
        super().__init__(context, "acme")

    def plug(self, vif: Vif) -> None:
        """Make the outer end a port of ACME's bridge."""
        bridge = str(vif.details.get("acme_bridge") or "")
        if not bridge:
            raise PlugError(f"Neutron does not name the bridge of port {vif.port_id} (acme_bridge)")
        self.pairs.connect(vif)
        with self.links.talking(outer_name(vif.port_id)) as netlink:
            netlink.enslave(outer_name(vif.port_id), bridge)

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """Wait for the sign of ACME's agent; without it the container would start with a dead interface."""
        until = time.monotonic() + timeout
        while not self._is_wired(vif):
            if time.monotonic() >= until:
                raise PlugError(f"port {vif.port_id} was plugged, but not wired", hint="is acme-agent running?")
            time.sleep(0.1)
        return True

    def _is_wired(self, vif: Vif) -> bool:
        with self.links.talking(outer_name(vif.port_id)) as netlink:
            outer = netlink.get(outer_name(vif.port_id))
        return outer is not None and f"acme-wired-{vif.port_id}" in outer.altnames
