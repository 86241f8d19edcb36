"""Ports whose second address the engine has not asked for yet.

An engine asks for a container's IPv4 and IPv6 addresses one after the other, and both must be one port's. So the first
question makes a port with an address of either family, and the second gets what is there. In between nobody else asks
for an address of the same network: engines hold a lock on it until the endpoint is made (libnetwork, 20.10 to 29).
A half that is not asked for is no loss: the endpoint is made with what was.
"""

import threading
from collections.abc import Sequence


class Halves:
    """At most one port per network of the engine. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[frozenset[str], str]] = {}

    def put(self, scope: str, subnet_ids: Sequence[str], port_id: str) -> None:
        """`port_id` has an address in each of these subnets that the engine of network `scope` will ask for."""
        if subnet_ids:
            with self._lock:
                self._waiting[scope] = (frozenset(subnet_ids), port_id)

    def take(self, scope: str, subnet_id: str) -> str:
        """The port that waits for this very question, or ""; another question means that it waits in vain."""
        with self._lock:
            subnet_ids, port_id = self._waiting.pop(scope, (frozenset[str](), ""))
        return port_id if subnet_id in subnet_ids else ""
