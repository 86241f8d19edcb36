"""The life of a container's port on this host.

    reserve      a port is made, bound to this host, its user not yet known        one request to the cloud
    create       its user comes: the interface is made and bears the user's claim  none
    join         the interface is plugged, and wired by the host's agent           none
    delete       the interface is removed                                          none
    release      the address is given back                                         one, behind

Any step may be repeated, may come without the one before, and may find what a dead process left: the claim on the
interface and the port in Neutron tell everything.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from kuryr.behind import Behind
from kuryr.binding.driver import Interface
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, Exhausted, NotFound
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.host.releases import Releases
from kuryr.locks import KeyedLocks
from kuryr.model import Claim, Cloud, IPAddress, PortRequest, Vif

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds."""

    ready: float = 20.0
    """Until the host's agent has wired a port; 0 for not waiting."""
    identify: float = 2.0
    """An endpoint that lives less long is not worth a request that writes its name on the port."""
    unclaimed: float = 60.0
    """A reservation whose user has not come by then is looked at by the sweep."""
    settle: float = 10.0
    """How long a request waits for a port that is still being deleted."""


@dataclass(frozen=True)
class Joined:
    """A plugged interface: `interface` waits in the host's namespace for the engine to take it."""

    interface: Interface
    vif: Vif


class Endpoints:
    """What the engine's front end asks of this host. Thread-safe.

    `sweep_soon` is called when something may have been left behind.
    """

    def __init__(
        self, cloud: Cloud, binding: Binding, behind: Behind, timing: Timing, sweep_soon: Callable[[], None]
    ) -> None:
        self._cloud = cloud
        self._binding = binding
        self._behind = behind
        self._timing = timing
        self._sweep_soon = sweep_soon
        self._order = KeyedLocks()
        self._holdings = Holdings()
        self._loading = threading.Lock()
        self._loaded = False
        self.releases = Releases(cloud, behind, self._holdings.drop, sweep_soon)

    def reserve(self, network_id: str, subnet_id: str, address: IPAddress | None = None) -> Vif:
        """A port for a user who is about to come; one request.

        Raises Conflict when the address is in use, Exhausted when none is left.
        """
        held = self._load()
        if address is not None:
            self.releases.settle_address(subnet_id, address, self._timing.settle)
        try:
            (vif,) = self._cloud.reserve(PortRequest(network_id, ((subnet_id, address),)))
        except Exhausted:
            self._sweep_soon()
            raise
        except Conflict:
            orphan = held.at(subnet_id, address) if address is not None else None
            if orphan is None or orphan.use is not Use.ORPHANED:
                raise
            vif = orphan.vif
        reserved = held.put(Held(vif, Use.RESERVED))
        self._behind.later(self._timing.unclaimed, lambda: self._expect_claim(reserved))
        return vif

    def create(self, owner: str, network_id: str, subnet_id: str, address: IPAddress, mac: str | None = None) -> Vif:
        """`owner` takes the port at this address, which is made if nobody reserved it; the interface is staged.

        No request when the port was reserved, one when not, two when `mac` differs from the reserved port's.
        On failure nothing is left. Raises Conflict when somebody else has the address.
        """
        with self._order(owner):
            held = self._load()
            if mine := held.of(owner):
                return mine.vif
            vif = self._port_at(owner, network_id, subnet_id, address, mac)
            held.put(Held(vif, Use.CLAIMED, owner))
            try:
                self._binding.stage(vif, Claim(vif.port_id, owner))
            except BaseException:
                self._undo(vif)
                raise
            if vif.owner != owner:
                self._behind.later(self._timing.identify, lambda: self._identify(vif.port_id, owner))
            return vif

    def join(self, owner: str) -> Joined:
        """Plug the interface of `owner` and wait until the host's agent has wired it.

        Raises NotFound when `owner` has none, PlugError when the host's side fails.
        """
        with self._order(owner):
            mine = self._load().of(owner)
            if mine is None:
                raise NotFound(f"endpoint {owner[:12]} has no port on this host", hint="start the container again")
            interface = self._binding.stage(mine.vif, Claim(mine.vif.port_id, owner))
            self._binding.plug(mine.vif)
            if self._timing.ready:
                self._binding.await_ready(mine.vif, self._timing.ready)
            return Joined(interface, mine.vif)

    def delete(self, owner: str, *, release: bool) -> None:
        """Remove the interface of `owner`; with `release`, give its port back, too. Never waits for the cloud."""
        with self._order(owner):
            for port_id in self._ports_of(owner):
                self._binding.unplug(port_id)
                held = self._holdings.get(port_id)
                if held:
                    held = self._holdings.mark(held, Use.FREED)
                if held and release:
                    self.releases.start(held.vif)
                elif release:
                    self._sweep_soon()

    def release(self, subnet_id: str, address: IPAddress) -> None:
        """Give the port at this address back, whoever used it; what is gone already is no error."""
        held = self._load().at(subnet_id, address)
        if held is None:
            return
        if held.use is Use.CLAIMED:
            LOG.info("the engine gives back %s of endpoint %s without having deleted it", address, held.owner[:12])
        self._binding.unplug(held.vif.port_id)
        self._holdings.mark(held, Use.FREED)
        self.releases.start(held.vif)

    def held(self, port_id: str) -> Held | None:
        """What this process knows of a port."""
        return self._holdings.get(port_id)

    def forget(self, port_id: str) -> None:
        """A port is gone."""
        self._holdings.drop(port_id)

    def _load(self) -> Holdings:
        with self._loading:
            if not self._loaded:
                vifs = self._cloud.held()
                claims = {found.port_id: found.owner for found in self._binding.found()}
                self._holdings.load(vifs, claims)
                self._loaded = True
        return self._holdings

    def _port_at(self, owner: str, network_id: str, subnet_id: str, address: IPAddress, mac: str | None) -> Vif:
        held = self._holdings.at(subnet_id, address)
        if held and held.use not in {Use.RESERVED, Use.ORPHANED}:
            raise Conflict(f"{address} belongs to endpoint {held.owner[:12] or 'that is being removed'} of this host")
        if held and mac in {None, held.vif.mac}:
            return held.vif
        if held:
            # The MAC address of a bound port cannot be changed in Neutron.
            self._cloud.release(held.vif.port_id)
            self._holdings.drop(held.vif.port_id)
        self.releases.settle_address(subnet_id, address, self._timing.settle)
        request = PortRequest(network_id, ((subnet_id, address),), owner=owner, mac=mac, name=_name(owner))
        (vif,) = self._cloud.reserve(request)
        return vif

    def _ports_of(self, owner: str) -> list[str]:
        if held := self._holdings.of(owner):
            return [held.vif.port_id]
        return [found.port_id for found in self._binding.found() if found.owner == owner]

    def _undo(self, vif: Vif) -> None:
        held = self._holdings.get(vif.port_id)
        if held:
            self._holdings.mark(held, Use.FREED)
        try:
            self._binding.unplug(vif.port_id)
        finally:
            self.releases.start(vif)

    def _identify(self, port_id: str, owner: str) -> None:
        held = self._holdings.of(owner)
        if held and held.vif.port_id == port_id:
            self._cloud.identify(port_id, owner, _name(owner))

    def _expect_claim(self, reserved: Held) -> None:
        if self._holdings.get(reserved.vif.port_id) is reserved:
            self._sweep_soon()


def _name(owner: str) -> str:
    return f"kuryr-{owner[:12]}"
