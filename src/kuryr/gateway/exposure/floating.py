"""Floating IPs: addresses in an external network, by which containers are reached from outside.

One that Kuryr makes bears the host's mark from its birth. It is in use while it leads to a port, or while a network
stands on it; else the sweep removes it. One that the user names is only associated, and changed in nothing else: when
the container's Neutron port goes, Neutron frees it. So neither needs a record elsewhere, but where the port is lent and
outlives the container (see `leads`).
"""

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from kuryr.behind import Work
from kuryr.errors import Conflict, KuryrError, NotFound
from kuryr.gateway.exposure.leads import Leads
from kuryr.model import IPAddress, Mark, Network, Vif
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import FloatingIPResource
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


class InUse(Conflict):
    """A floating IP leads elsewhere. `port_id` is the Neutron port that has it; "" if it forwards single ports."""

    def __init__(self, message: str, port_id: str) -> None:
        super().__init__(message, hint="choose another, or free it in Neutron")
        self.port_id = port_id


@dataclass(frozen=True)
class FloatingChoice:
    """Which floating IP a user wants: an existing one by id or by address, or, if nothing is said, a new one."""

    id: str = ""
    address: IPAddress | None = None

    def __bool__(self) -> bool:
        return bool(self.id or self.address)

    def __str__(self) -> str:
        return self.id or str(self.address)


class FloatingIPs:
    """Makes, associates and removes floating IPs. Thread-safe.

    `sweep_soon` is called when something may have been left behind.
    """

    def __init__(self, neutron: Neutron, mark: Mark, behind: Work, sweep_soon: Callable[[], None]) -> None:
        self._neutron = neutron
        self._mark = mark
        self._leads = Leads(neutron, mark)
        self._behind = behind
        self._sweep_soon = sweep_soon
        self._lock = threading.Lock()
        self._made_for: dict[str, str] = {}

    def make(self, external_id: str, project_id: str) -> FloatingIPResource:
        """A new floating IP that leads nowhere yet: one request. Raises Exhausted, NotFound."""
        return self._neutron.floating_ips.create(
            network_id=external_id, project_id=project_id, description=str(self._mark)
        )

    def give_new(self, vif: Vif, external_id: str, project_id: str) -> None:
        """Let a floating IP of the port's own lead to it: one request, two if one does already. Twice is once.

        Four for a lent port: it must be noted first what will lead there. Raises Exhausted, NotFound when the port
        cannot be reached from the external network.
        """
        if vif.lent:
            if not self._existing(vif.port_id):
                self._lead_anew(vif, external_id, project_id)
            return
        try:
            made = self._neutron.floating_ips.create(
                network_id=external_id,
                project_id=project_id,
                description=str(self._mark),
                port_id=vif.port_id,
            )
        except Conflict:
            if self._existing(vif.port_id):
                return
            raise
        except KuryrError:
            # Its answer may have been lost.
            self._sweep_soon()
            raise
        with self._lock:
            self._made_for[vif.port_id] = made.id

    def give(self, choice: FloatingChoice, vif: Vif, network: Network) -> None:
        """Associate an existing floating IP of the network's project with a port. Twice is once.

        Two requests, three for a lent port. Raises InUse when it leads elsewhere, NotFound when the project has no such
        one.
        """
        filters = {"id": choice.id} if choice.id else {"floating_ip_address": str(choice.address)}
        found = self._neutron.floating_ips.list(project_id=network.project_id, **filters)
        if not found:
            raise NotFound(f"the project has no floating IP {choice}", hint="make one: openstack floating ip create")
        floating_ip = found[0]
        if floating_ip.port_id == vif.port_id:
            return
        if floating_ip.port_id or floating_ip.router_id:
            raise InUse(f"floating IP {floating_ip.address} is in use", floating_ip.port_id)
        self._lead(floating_ip, vif)

    def _existing(self, port_id: str) -> FloatingIPResource | None:
        return next(iter(self._neutron.floating_ips.list(port_id=port_id)), None)

    def _lead_anew(self, vif: Vif, external_id: str, project_id: str) -> None:
        made = self.make(external_id, project_id)
        try:
            self._lead(made, vif)
        except KuryrError:
            self.remove(made.id)
            raise

    def _lead(self, floating_ip: FloatingIPResource, vif: Vif) -> None:
        if vif.lent:
            self._leads.note(vif.port_id, floating_ip.id)
        if self._neutron.floating_ips.lead(floating_ip.id, vif.port_id, revision=floating_ip.revision) is None:
            raise NotFound(f"floating IP {floating_ip.address} is gone")

    def take_back(self, port_id: str) -> None:
        """Remove, behind, what was made for a port: one request, none if nothing was."""
        with self._lock:
            made = self._made_for.pop(port_id, "")
        if made and not self._behind.soon(lambda: self.remove(made)):
            self._sweep_soon()

    def remove(self, id_: str) -> None:
        """Remove a floating IP of Kuryr's: one request. What resists is left to the sweep."""
        try:
            self._neutron.floating_ips.delete(id_)
        except KuryrError as error:
            LOG.warning("floating IP %s is left to the sweep: %s", id_, error)
            self._sweep_soon()

    def sweep(self, kept: Collection[str], suspects: Suspects) -> int:
        """Remove those of Kuryr's that nothing uses; networks stand on those that are `kept`.

        Returns how many look unused and are still there. Raises CloudUnavailable.
        """
        made = self._neutron.floating_ips.list(description=str(self._mark), project_id=self._neutron.project_id)
        with self._lock:
            self._made_for |= {each.port_id: each.id for each in made if each.port_id}
        unused = [each for each in made if not each.port_id and not each.router_id and each.id not in kept]
        return suspects.sweep(
            {each.id: f"floating IP {each.address}, which leads nowhere" for each in unused},
            self._neutron.floating_ips.delete,
        )
