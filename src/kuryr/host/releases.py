"""Unplugging ports and giving them back behind the engine's back, in an order that the next user can rely on.

A port is unplugged before it is given back: the kernel takes some 20 ms to remove an interface, and Open vSwitch half
of that to let go of it. Whoever asks for the same address again, or removes the network, waits for what is still on its
way.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for

from kuryr.behind import Behind
from kuryr.errors import KuryrError
from kuryr.model import Cloud, IPAddress, Vif

LOG = logging.getLogger(__name__)


class Releases:
    """Unplugs ports behind; then deletes them or gives them back, unless `keep` has another use for one.

    `done` or `failed` is told each port's id.
    """

    def __init__(
        self,
        cloud: Cloud,
        behind: Behind,
        unplug: Callable[[Vif], None],
        keep: Callable[[Vif], bool],
        done: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._unplug = unplug
        self._keep = keep
        self._cloud = cloud
        self._behind = behind
        self._done = done
        self._failed = failed
        self._lock = threading.Lock()
        self._unplugged: dict[str, tuple[Vif, Future[None]]] = {}
        self._released: dict[str, tuple[Vif, Future[None]]] = {}

    def unplug(self, vif: Vif) -> None:
        """Remove the interface of a port; at once if too much is waiting behind."""
        if not self._soon(self._unplugged, vif, lambda: self._unplug(vif)):
            self._unplug(vif)

    def start(self, vif: Vif) -> None:
        """Give the port back behind; once, however often it is asked for."""
        if not self._soon(self._released, vif, lambda: self._release(vif)):
            self._failed(vif.port_id)

    def under_way(self, port_id: str) -> bool:
        """Whether the port is on its way."""
        with self._lock:
            return port_id in self._unplugged or port_id in self._released

    def settle(self, concerned: Callable[[Vif], bool], timeout: float) -> None:
        """Wait until none of the ports that are concerned is on its way, at most `timeout` seconds."""
        with self._lock:
            on_their_way = [*self._unplugged.values(), *self._released.values()]
        wait_for([future for vif, future in on_their_way if concerned(vif)], timeout)

    def settle_address(self, subnet_id: str, address: IPAddress, timeout: float) -> None:
        """Wait until no port with this address is being deleted, at most `timeout` seconds."""
        self.settle(
            lambda vif: any(each.subnet_id == subnet_id and each.address == address for each in vif.fixed_ips), timeout
        )

    def settle_network(self, network_id: str, timeout: float) -> None:
        """Wait until no port of this network is being deleted, at most `timeout` seconds."""
        self.settle(lambda vif: vif.network_id == network_id, timeout)

    def settle_port(self, port_id: str, timeout: float) -> bool:
        """Wait until this port is deleted, at most `timeout` seconds; false if it is not on its way."""
        if not self.under_way(port_id):
            return False
        self.settle(lambda vif: vif.port_id == port_id, timeout)
        return True

    def _soon(self, under_way: dict[str, tuple[Vif, Future[None]]], vif: Vif, task: Callable[[], None]) -> bool:
        """Whether the task is on its way now."""

        def run() -> None:
            try:
                task()
            finally:
                with self._lock:
                    under_way.pop(vif.port_id, None)

        with self._lock:
            if vif.port_id in under_way:
                return True
            future = self._behind.soon(run)
            if future:
                under_way[vif.port_id] = (vif, future)
        return future is not None

    def _release(self, vif: Vif) -> None:
        with self._lock:
            before = self._unplugged.get(vif.port_id)
        if before:
            # It was asked for earlier, so it has a thread already.
            wait_for([before[1]])
        try:
            if self._keep(vif):
                return
            self._cloud.release(vif)
            self._done(vif.port_id)
        except KuryrError as error:
            LOG.warning("port %s is left to the sweep: %s", vif.port_id, error)
            self._failed(vif.port_id)
