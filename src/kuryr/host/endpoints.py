"""The life of a container's port on this host.

    reserve      a port is made, bound to this host, its user not yet known        one request to the cloud
    create       its user comes: the interface is made and bears the user's claim  none; one if he wants another port
    join         the interface is plugged, and wired by the host's agent           one, behind: who the user is
    delete       the interface is removed                                          none
    release      the address is given back                                         one, behind

Any step may be repeated, may come without the one before, and may find what a dead process left: the claim on the
interface and the port in Neutron tell everything.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from kuryr.behind import Behind
from kuryr.binding.driver import Interface
from kuryr.binding.registry import Binding
from kuryr.errors import CloudUnavailable, Conflict, Exhausted, KuryrError, NotFound
from kuryr.host.halves import Halves
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.host.releases import Releases
from kuryr.locks import KeyedLocks, Once
from kuryr.model import USUAL_PORT, AddressPair, Claim, Cloud, IPAddress, Opening, PortRequest, PortTraits, Vif, Wanted

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds."""

    ready: float = 20.0
    """Until the host's agent has wired a port; 0 for not waiting."""
    identify: float = 2.0
    """An endpoint that lives less long is not worth a request that writes its name on the port."""
    patience: float = 60.0
    """A reservation whose user has not come by then, or that nobody gave back, is looked at by the sweep."""
    settle: float = 10.0
    """How long a request waits for a port that is still being deleted."""


@dataclass(frozen=True)
class Joined:
    """A plugged interface: `interface` waits in the host's namespace for the engine to take it."""

    interface: Interface
    vif: Vif


class Endpoints:
    """What the engine's front end asks of this host. Thread-safe.

    `is_alive` says whether the engine knows an owner, or does not answer. `sweep_soon` is called when something may
    have been left behind.
    """

    def __init__(
        self,
        cloud: Cloud,
        binding: Binding,
        behind: Behind,
        timing: Timing,
        is_alive: Callable[[str], bool],
        sweep_soon: Callable[[], None],
    ) -> None:
        self._cloud = cloud
        self._binding = binding
        self._behind = behind
        self._timing = timing
        self._is_alive = is_alive
        self._sweep_soon = sweep_soon
        self._order = KeyedLocks()
        self._holdings = Holdings()
        self._halves = Halves()
        self.load = Once(self._load)
        """Read once what this host holds; every method does so when it must know. Raises CloudError, PlugError."""
        self.releases = Releases(cloud, behind, self._holdings.drop, self._leave_behind)

    def reserve(
        self,
        scope: str,
        network_id: str,
        wanted: Wanted,
        along: Sequence[str] = (),
        traits: PortTraits = USUAL_PORT,
    ) -> Vif:
        """A port with the wanted address, for a user of the engine's network `scope` who is about to come.

        It also gets an address in each of the subnets `along`; when the engine asks for those next, they are there.
        One request; none for such a second address, unless a certain one is wanted.

        Raises Conflict when the address is in use, Exhausted when none is left.
        """
        self.load()
        subnet_id, address = wanted
        half = self._holdings.get(self._halves.take(scope, subnet_id))
        if half and half.use is Use.RESERVED:
            reserved = self._second(half, subnet_id, address)
        else:
            addresses = (wanted, *((each, None) for each in along))
            reserved = self._reserved(PortRequest(network_id, addresses, traits=traits))
            self._halves.put(scope, along, reserved.vif.port_id)
        found = reserved.vif.address_in(subnet_id)
        if found is None:
            raise NotFound(f"port {reserved.vif.port_id} got no address in subnet {subnet_id}")
        told = self._holdings.change(reserved, Use.RESERVED, out=reserved.out | {found})
        self._expect_change(told or reserved)
        return reserved.vif

    def create(
        self,
        owner: str,
        network_id: str,
        wanted: Sequence[Wanted],
        mac: str | None = None,
        traits: PortTraits = USUAL_PORT,
    ) -> Vif:
        """`owner` takes the port with these addresses, which is made if nobody reserved it; the interface is staged.

        No request when the port was reserved, one when not, or when `traits` differ from the reserved port's, two when
        `mac` differs. On failure nothing is left. Raises Conflict when somebody else has an address, NotFound when a
        group or policy is gone.
        """
        with self._order(owner):
            self.load()
            if mine := self._holdings.of(owner):
                return mine.vif
            request = PortRequest(network_id, tuple(wanted), owner, mac, _name(owner), traits)
            out = frozenset(address for _, address in wanted if address is not None)
            claimed = self._holdings.change(self._port_for(request), Use.CLAIMED, owner, out)
            if claimed is None:
                raise Conflict("the port was taken by another endpoint of this host at the same time")
            vif = claimed.vif
            try:
                self._binding.stage(vif, Claim(vif.port_id, owner))
            except BaseException:
                self._undo(claimed)
                raise
            return vif

    def join(self, owner: str, openings: Collection[Opening] = ()) -> Joined:
        """Plug the interface of `owner` and wait until the host's agent has wired it.

        Who uses the port is written behind, and with it that the openings let it be reached.

        Raises NotFound when `owner` has none, PlugError when the host's side fails.
        """
        with self._order(owner):
            self.load()
            mine = self._holdings.of(owner)
            if mine is None:
                raise NotFound(f"endpoint {owner[:12]} has no port on this host", hint="start the container again")
            interface = self._binding.stage(mine.vif, Claim(mine.vif.port_id, owner))
            self._binding.plug(mine.vif)
            if self._timing.ready:
                self._binding.await_ready(mine.vif, self._timing.ready)
                self._binding.announce(mine.vif)
            if mine.vif.owner != owner or openings:
                self._behind.later(self._timing.identify, lambda: self._identify(mine.vif, owner, openings))
            return Joined(interface, mine.vif)

    def delete(self, owner: str, *, release: bool) -> None:
        """Remove the interface of `owner`; with `release`, give its port back, too. Never waits for the cloud."""
        with self._order(owner):
            for port_id in self._ports_of(owner):
                self._unplug(port_id)
                held = self._holdings.get(port_id)
                freed = held and self._holdings.change(held, Use.FREED)
                if freed and release:
                    self.releases.start(freed.vif)
                elif freed:
                    self._expect_change(freed)
                elif release:
                    self._sweep_soon()

    def release(self, subnet_id: str, address: IPAddress) -> bool:
        """The engine gives an address back; with the last one goes the port, whoever used it.

        Returns whether it may be one of a port of this host. Never waits for the cloud: what is not known yet is read
        behind.
        """
        if not self.load.done:
            self.when_loaded(lambda: self.release(subnet_id, address))
            return True
        held = self._holdings.at(subnet_id, address)
        if held is None:
            return False
        if held.use is Use.CLAIMED and self._is_alive(held.owner):
            # Another network's auxiliary address or gateway may be a container's address here.
            LOG.info("%s is not given back: endpoint %s has it", address, held.owner[:12])
            self._sweep_soon()
            return True
        self._unplug(held.vif.port_id)
        freed = self._holdings.change(held, Use.FREED, out=held.out - {address})
        if freed and freed.out:
            self._expect_change(freed)
        elif freed:
            self.releases.start(freed.vif)
        return True

    def when_loaded(self, task: Callable[[], object]) -> None:
        """Do `task` behind, as soon as it is known what this host holds. If it fails, the sweep shall look."""

        def load_and_do() -> None:
            try:
                self.load()
                task()
            except KuryrError as error:
                LOG.info("what the engine gave back is left to the sweep: %s", error)
                self._sweep_soon()

        if not self._behind.soon(load_and_do):
            self._sweep_soon()

    def held(self, port_id: str) -> Held | None:
        """What this process knows of a port."""
        return self._holdings.get(port_id)

    def discard(self, port_id: str, seen: Held | None) -> bool:
        """Remove a port for good, in the cloud too; false, and nothing done, if it has changed since it was `seen`.

        Raises CloudError, PlugError; the port may then be discarded again.
        """
        freed = seen and self._holdings.change(seen, Use.FREED)
        if not freed and self._holdings.get(port_id):
            return False
        try:
            self._binding.unplug(port_id)
            self._cloud.release(port_id)
        except KuryrError:
            if freed:
                self._holdings.change(freed, Use.ORPHANED)
            raise
        self._holdings.drop(port_id)
        return True

    def _load(self) -> None:
        vifs = self._cloud.held()
        self._holdings.load(vifs, {found.port_id: found.owner for found in self._binding.found()})

    def _second(self, half: Held, subnet_id: str, address: IPAddress | None) -> Held:
        """The port whose first address the engine has, with the second one that it wants."""
        if address in {None, half.vif.address_in(subnet_id)}:
            return half
        others = [(each.subnet_id, each.address) for each in half.vif.fixed_ips if each.subnet_id != subnet_id]
        self.releases.settle_address(subnet_id, address, self._timing.settle)
        vif = self._cloud.readdress(half.vif.port_id, [*others, (subnet_id, address)])
        return self._holdings.put(replace(half, vif=vif))

    def _port_for(self, request: PortRequest) -> Held:
        """The port that was reserved with the wanted addresses; a new one if there is none, or if it does not fit."""
        found = self._at(request)
        for held in found:
            if held.use is Use.CLAIMED:
                raise Conflict(f"{_addresses(held.vif)} belongs to endpoint {held.owner[:12]} of this host")
        reserved = [held for held in found if held.use is Use.RESERVED]
        if len(reserved) == 1 and _fits(reserved[0].vif, request):
            return self._with_traits(reserved[0], request)
        for held in reserved:
            self._replace(held)
        return self._reserved(request)

    def _with_traits(self, held: Held, request: PortRequest) -> Held:
        """The port, made what its user wants it to be besides its addresses: no request if it is that already."""
        if _has(held.vif, request.traits):
            return held
        vif = self._cloud.identify(held.vif, request.owner, request.name, request.traits)
        if vif is None:
            raise NotFound(f"port {held.vif.port_id} is gone", hint="run the command again")
        return self._holdings.put(replace(held, vif=vif))

    def _reserved(self, request: PortRequest) -> Held:
        """A new port, also in place of one that has the wanted addresses and nobody who uses it."""
        for subnet_id, address in request.fixed_ips:
            if address is not None:
                self.releases.settle_address(subnet_id, address, self._timing.settle)
        if any(held.use is Use.FREED for held in self._at(request)):
            # Right after a start, what the engine gives back is looked up behind.
            self._behind.drain(self._timing.settle)
        try:
            return self._made_patiently(request)
        except Exhausted:
            self._sweep_soon()
            raise
        except Conflict:
            orphans = [held for held in self._at(request) if held.use is Use.ORPHANED]
            taken = [each for held in orphans if (each := self._holdings.change(held, Use.RESERVED, out=frozenset()))]
            if not taken:
                raise
        # Their last users may have made anything of them.
        for held in taken:
            self._replace(held)
        return self._made(request)

    def _made_patiently(self, request: PortRequest) -> Held:
        """A new port. When no address is left, those that are just being given back are waited for.

        An engine that boots after a crash gives everything back, and at once starts its containers anew.
        """
        try:
            return self._made(request)
        except Exhausted:
            if self._behind.idle:
                raise
        self._behind.drain(self._timing.settle)
        return self._made(request)

    def _at(self, request: PortRequest) -> list[Held]:
        """The ports of this host that have any of the wanted addresses."""
        wanted = ((subnet_id, address) for subnet_id, address in request.fixed_ips if address is not None)
        found = (self._holdings.at(subnet_id, address) for subnet_id, address in wanted)
        return list({held.vif.port_id: held for held in found if held}.values())

    def _made(self, request: PortRequest) -> Held:
        (vif,) = self._cloud.reserve(request)
        return self._holdings.put(Held(vif, Use.RESERVED))

    def _replace(self, held: Held) -> None:
        """Make room for another port, e.g. with another MAC address: that of a bound port cannot be changed."""
        self._cloud.release(held.vif.port_id)
        self._holdings.drop(held.vif.port_id)

    def _ports_of(self, owner: str) -> list[str]:
        if held := self._holdings.of(owner):
            return [held.vif.port_id]
        return [found.port_id for found in self._binding.found() if found.owner == owner]

    def _unplug(self, port_id: str) -> None:
        try:
            self._binding.unplug(port_id)
        except KuryrError:
            self._sweep_soon()
            raise

    def _undo(self, claimed: Held) -> None:
        self._holdings.change(claimed, Use.FREED)
        try:
            self._unplug(claimed.vif.port_id)
        except KuryrError as error:
            LOG.warning("the interface of port %s is left to the sweep: %s", claimed.vif.port_id, error)
        self.releases.start(claimed.vif)

    def _identify(self, vif: Vif, owner: str, openings: Collection[Opening]) -> None:
        held = self._holdings.of(owner)
        if not held or held.vif.port_id != vif.port_id:
            return
        if openings and not vif.traits.security_groups:
            LOG.info("no security group guards port %s, so none opens what is exposed", vif.port_id)
        try:
            self._cloud.identify(vif, owner, _name(owner), openings=openings)
        except CloudUnavailable:
            self._behind.later(self._timing.patience, lambda: self._identify(vif, owner, openings))
            raise
        except KuryrError as error:
            if not openings:
                raise
            LOG.warning("what endpoint %s exposes is not opened: %s", owner[:12], error)
            self._cloud.identify(vif, owner, _name(owner))

    def _leave_behind(self, port_id: str) -> None:
        if held := self._holdings.get(port_id):
            self._holdings.change(held, Use.ORPHANED)
        self._sweep_soon()

    def _expect_change(self, seen: Held) -> None:
        """The engine is about to do the next step with this port; if it forgets, the sweep shall look."""

        def look() -> None:
            if self._holdings.get(seen.vif.port_id) is seen:
                self._sweep_soon()

        self._behind.later(self._timing.patience, look)


def _name(owner: str) -> str:
    return f"kuryr-{owner[:12]}"


def _fits(vif: Vif, request: PortRequest) -> bool:
    """Whether a port has what was asked for and cannot be changed."""
    return request.mac in {None, vif.mac} and all(
        found is not None and address in {None, found}
        for subnet_id, address in request.fixed_ips
        for found in [vif.address_in(subnet_id)]
    )


def _has(vif: Vif, wanted: PortTraits) -> bool:
    """Whether a port is what is wanted besides its addresses."""
    found = vif.traits
    pairs = {AddressPair(pair.address, pair.mac or vif.mac) for pair in wanted.allowed_address_pairs}
    return (
        (wanted.security_groups is None or set(wanted.security_groups) == set(found.security_groups or ()))
        and wanted.port_security in {None, found.port_security}
        and wanted.qos_policy in {"", found.qos_policy}
        and wanted.dns_name in {"", found.dns_name}
        and pairs <= set(found.allowed_address_pairs)
    )


def _addresses(vif: Vif) -> str:
    return ", ".join(str(fixed_ip.address) for fixed_ip in vif.fixed_ips)
