"""Ports that wait for users on other hosts of the deployment, where addresses have run out.

Nobody can take such a port: its host hands it out without asking Neutron. So whoever lacks an address writes on it that
it is wanted, as its name, which means nothing to anybody else. Its host looks for that now and then, as long as ports
wait there. If the port gets a user first, it is named after him.
"""

import contextlib
from collections.abc import Collection

from kuryr.errors import NotFound, Overtaken
from kuryr.model import READY_NAME, Mark, is_ready
from kuryr.neutron.client import Neutron

WANTED_NAME = "kuryr-wanted"


class Neighbours:
    """The other hosts as seen from one. Thread-safe."""

    def __init__(self, neutron: Neutron, mark: Mark) -> None:
        self._neutron = neutron
        self._mark = mark

    def ask(self, network_id: str) -> None:
        """Ask them to give up what waits on a network: one request, and one for each host where something does."""
        listed = self._neutron.ports.list(network_id=network_id, name=READY_NAME)
        theirs = {port.host: port for port in listed if is_ready(port.device_id) and port.host != self._mark.host}
        for host, port in theirs.items():
            if port.description == str(Mark(self._mark.deployment, host)):
                with contextlib.suppress(NotFound, Overtaken):
                    self._neutron.ports.update(port.id, revision=port.revision, name=WANTED_NAME)

    def asked(self) -> Collection[str]:
        """The networks on which others ask this host to give up what waits: one request."""
        listed = self._neutron.ports.list(**{"binding:host_id": self._mark.host, "name": WANTED_NAME})
        return {port.network_id for port in listed if port.description == str(self._mark)}
