"""Addresses of existing subnets that are kept, by ports without a host, for somebody who is no port of Kuryr's.

Who needs them: containers of another network driver that takes its addresses from Kuryr's IPAM, and auxiliary
addresses that lie where Neutron would otherwise give them to anybody. A reservation bears the host's mark and the key
by which the engine asks for its pool's addresses. The engine says which addresses it still uses; the rest is swept.
"""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait

from kuryr.behind import Work
from kuryr.errors import KuryrError
from kuryr.gateway.identity import RESERVATION_OWNER
from kuryr.model import IPAddress, Mark, Network, Wanted
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import PortResource
from kuryr.suspects import Suspects

SETTLE = 10.0
"""Seconds that whoever wants an address again waits until it has been given back."""


class Reservations:
    """Keeps and gives back addresses without a host. Thread-safe.

    `sweep_soon` is called when something may have been left behind.
    """

    def __init__(self, neutron: Neutron, mark: Mark, behind: Work, sweep_soon: Callable[[], None]) -> None:
        self._neutron = neutron
        self._mark = mark
        self._behind = behind
        self._sweep_soon = sweep_soon
        self._lock = threading.Lock()
        self._leaving: dict[tuple[str, IPAddress], Future[None]] = {}

    def keep(self, network: Network, wanted: Wanted, key: str) -> IPAddress:
        """Keep an address of a subnet of `network`: one request.

        Raises Conflict when it is in use, Exhausted when none is left.
        """
        subnet_id, address = wanted
        if address is not None:
            self._settle(lambda place: place == (subnet_id, address))
        port = self._neutron.ports.create(
            network_id=network.id,
            name=f"kuryr-{key}",
            description=str(self._mark),
            device_owner=RESERVATION_OWNER,
            device_id=key,
            fixed_ips=(wanted,),
            project_id=network.project_id,
            admin_state_up=False,
            security_groups=(),
        )
        return port.fixed_ips[0].address

    def give_back(self, subnet_id: str, address: IPAddress, key: str) -> None:
        """Let go of an address, behind; what is not kept is no error."""
        place = (subnet_id, address)

        def release() -> None:
            try:
                where = [f"subnet_id={subnet_id}", f"ip_address={address}"]
                for port in self._list(device_id=key, fixed_ips=where):
                    self._neutron.ports.delete(port.id)
            except KuryrError:
                self._sweep_soon()
                raise
            finally:
                with self._lock:
                    self._leaving.pop(place, None)

        with self._lock:
            if place in self._leaving:
                return
            future = self._behind.soon(release)
            if future:
                self._leaving[place] = future
        if not future:
            self._sweep_soon()

    def settle(self, subnet_ids: Collection[str]) -> None:
        """Wait until no address of these subnets is on its way back, at most `SETTLE` seconds."""
        self._settle(lambda place: place[0] in subnet_ids)

    def sweep(self, alive: Collection[IPAddress], suspects: Suspects) -> int:
        """Give back what the engine does not use any more; `alive` are the addresses that it does.

        Returns how many look unused and are still there. Raises CloudUnavailable.
        """
        unused = [port for port in self._list() if all(fixed.address not in alive for fixed in port.fixed_ips)]
        named = {port.id: f"reservation {' '.join(str(each.address) for each in port.fixed_ips)}" for port in unused}
        return suspects.sweep(named, self._neutron.ports.delete)

    def _list(self, **filters: str | list[str]) -> list[PortResource]:
        return self._neutron.ports.list(description=str(self._mark), device_owner=RESERVATION_OWNER, **filters)

    def _settle(self, concerned: Callable[[tuple[str, IPAddress]], bool]) -> None:
        with self._lock:
            leaving = [future for place, future in self._leaving.items() if concerned(place)]
        wait(leaving, SETTLE)
