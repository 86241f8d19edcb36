"""What leads to a lent port for the sake of its present user, and goes when the port is given back.

A port that was made for its user takes floating IPs and forwardings along when it is deleted. A lent one stays. So it
bears the id of each such floating IP as a tag, from before that leads there until it does no more: whoever gives the
port back, also after a crash, sees what to end. What led there before has no such tag, and stays.
"""

from collections.abc import Sequence

from kuryr.errors import NotFound
from kuryr.model import Mark, is_uuid
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import FloatingIPResource, PortResource

_PREFIX = "kuryr.led="


class Leads:
    """Notes and ends what leads to lent ports of one host. Thread-safe."""

    def __init__(self, neutron: Neutron, mark: Mark) -> None:
        self._neutron = neutron
        self._mark = mark

    def note(self, port_id: str, floating_ip_id: str) -> None:
        """A floating IP is about to lead to a lent port, or to forward to it: one request."""
        self._neutron.ports.add_tag(port_id, f"{_PREFIX}{floating_ip_id}")

    def end(self, port: PortResource) -> int:
        """End what was noted, and answer of how much. Three requests for each, and one for each forwarding."""
        tags = leads_of(port)
        for tag in tags:
            self._end(tag.removeprefix(_PREFIX), port.id)
            self._neutron.ports.remove_tag(port.id, tag)
        return len(tags)

    def _end(self, floating_ip_id: str, port_id: str) -> None:
        try:
            floating_ip = self._neutron.floating_ips.get(floating_ip_id)
        except NotFound:
            return
        if floating_ip.port_id == port_id:
            self._free(floating_ip)
        elif not floating_ip.port_id:
            forwardings = self._neutron.floating_ips.port_forwardings(floating_ip_id)
            for each in forwardings.list(internal_port_id=port_id):
                forwardings.delete(each.id)

    def _free(self, floating_ip: FloatingIPResource) -> None:
        """Kuryr's own was made for the user; anybody else's is his again."""
        if floating_ip.description == str(self._mark):
            self._neutron.floating_ips.delete(floating_ip.id)
        else:
            self._neutron.floating_ips.lead(floating_ip.id, None, revision=floating_ip.revision)


def leads_of(port: PortResource) -> Sequence[str]:
    """The tags by which a port says what leads to it for its present user."""
    return [tag for tag in port.tags if tag.startswith(_PREFIX) and is_uuid(tag.removeprefix(_PREFIX))]
