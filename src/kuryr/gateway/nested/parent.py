"""The Neutron port of the virtual machine that Kuryr runs in, configured or found by the MAC of its interface."""

import threading

from kuryr.errors import Conflict, NotFound
from kuryr.model import Parent
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import PortResource

_HINT = "set `port` in section [nested] of kuryr.conf to its id"


class ParentPort:
    """Looks the port up when it is first needed, and remembers it. Thread-safe."""

    def __init__(self, neutron: Neutron, parent: Parent) -> None:
        self._neutron = neutron
        self._parent = parent
        self._lock = threading.Lock()
        self._id = parent.port_id

    @property
    def id(self) -> str:
        """Its id: no request if it is configured or was found before. Raises NotFound, Conflict, CloudError."""
        with self._lock:
            self._id = self._id or self._found().id
            return self._id

    def read(self) -> PortResource:
        """The port as it is now: one request. Raises NotFound, CloudError."""
        return self._neutron.ports.get(self.id)

    def _found(self) -> PortResource:
        mac = self._parent.mac
        # On another network somebody else may have the same one.
        found = self._neutron.ports.list(mac_address=mac, project_id=self._neutron.project_id)
        if not found:
            raise NotFound(f"this project has no port with the MAC address {mac} of {self._parent.link}", hint=_HINT)
        if len(found) > 1:
            ids = ", ".join(sorted(port.id for port in found))
            raise Conflict(f"{len(found)} ports have the MAC address {mac} of {self._parent.link}: {ids}", hint=_HINT)
        return found[0]
