"""Giving ports back behind the engine's back, in an order that the next user can rely on.

Whoever asks for the same address again, or removes the network, waits for what is still on its way.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for

from kuryr.behind import Behind
from kuryr.errors import KuryrError
from kuryr.model import Cloud, IPAddress, Vif

LOG = logging.getLogger(__name__)


class Releases:
    """Deletes or gives back ports behind, unless `keep` has another use for one.

    `done` or `failed` is told each port's id.
    """

    def __init__(
        self,
        cloud: Cloud,
        behind: Behind,
        keep: Callable[[Vif], bool],
        done: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._keep = keep
        self._cloud = cloud
        self._behind = behind
        self._done = done
        self._failed = failed
        self._lock = threading.Lock()
        self._under_way: dict[str, tuple[Vif, Future[None]]] = {}

    def start(self, vif: Vif) -> None:
        """Give the port back behind; once, however often it is asked for."""
        with self._lock:
            if vif.port_id in self._under_way:
                return
            future = self._behind.soon(lambda: self._release(vif))
            if future:
                self._under_way[vif.port_id] = (vif, future)
        if not future:
            self._failed(vif.port_id)

    def under_way(self, port_id: str) -> bool:
        """Whether the port is on its way."""
        with self._lock:
            return port_id in self._under_way

    def settle(self, concerned: Callable[[Vif], bool], timeout: float) -> None:
        """Wait until none of the ports that are concerned is on its way, at most `timeout` seconds."""
        with self._lock:
            futures: Iterable[Future[None]] = [future for vif, future in self._under_way.values() if concerned(vif)]
        wait_for(futures, timeout)

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

    def _release(self, vif: Vif) -> None:
        try:
            if self._keep(vif):
                return
            self._cloud.release(vif)
            self._done(vif.port_id)
        except KuryrError as error:
            LOG.warning("port %s is left to the sweep: %s", vif.port_id, error)
            self._failed(vif.port_id)
        finally:
            with self._lock:
                self._under_way.pop(vif.port_id, None)
