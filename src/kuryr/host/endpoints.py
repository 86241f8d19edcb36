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
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from kuryr.behind import Behind
from kuryr.binding.driver import Interface
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, KuryrError, NotFound
from kuryr.host.demand import Demands, Sizes
from kuryr.host.fitting import addresses, said_of
from kuryr.host.halves import Halves
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.host.leftovers import Leftovers
from kuryr.host.ready import Neighbours, ReadyPorts
from kuryr.host.releases import Releases
from kuryr.host.supply import Supply
from kuryr.host.timing import Timing
from kuryr.host.words import Words, port_name
from kuryr.locks import KeyedLocks, Once
from kuryr.model import (
    NO_CHOICE,
    USUAL_PORT,
    Choice,
    Claim,
    Cloud,
    IPAddress,
    Opening,
    PortRequest,
    PortTraits,
    Vif,
    Wanted,
)

LOG = logging.getLogger(__name__)


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
        sizes: Sizes,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._cloud = cloud
        self._binding = binding
        self._behind = behind
        self._timing = timing
        self._is_alive = is_alive
        self._sweep_soon = sweep_soon
        self._order = KeyedLocks()
        self._holdings = Holdings()
        self._unheard_of: set[str] = set()
        """Owners that were deleted before anything was known of them."""
        self._halves = Halves()
        self.load = Once(self._load)
        """Read once what this host holds; every method does so when it must know. Raises CloudError, PlugError."""
        self.releases = Releases(cloud, behind, self._unplug_behind, self._keep, self._given_back, self._leave_behind)
        self.words = Words(cloud, self._holdings, behind, self._order, timing.identify, timing.patience)
        demands = Demands(sizes, cloud.spare, timing.clock)
        self.ready = ReadyPorts(
            cloud, binding, self._holdings, behind, self.releases.start, timing.ready, demands, neighbours
        )
        leftovers = Leftovers(cloud, binding, self._holdings, is_alive)
        self._supply = Supply(
            cloud, self._holdings, self.ready, leftovers, self.releases, behind, timing.settle, sweep_soon
        )

    def reserve(
        self,
        scope: str,
        network_id: str,
        wanted: Wanted,
        along: Sequence[str] = (),
        traits: PortTraits = USUAL_PORT,
        choice: Choice = NO_CHOICE,
        *,
        ready: bool = True,
    ) -> Vif:
        """A port with the wanted address, for a user of the engine's network `scope` who is about to come.

        It also gets an address in each of the subnets `along`; when the engine asks for those next, they are there.
        One request; none if one is `ready`, or for such a second address, unless a certain one is wanted.

        Raises Conflict when the address, or the port of `choice`, is in use, Exhausted when no address is left,
        NotFound when the port of `choice` does not exist, or has no address in the subnet.
        """
        self.load()
        subnet_id, address = wanted
        half = self._holdings.get(self._halves.take(scope, subnet_id))
        if half and half.use is Use.RESERVED:
            reserved = self._supply.second(half, subnet_id, address)
        else:
            both = (wanted, *((each, None) for each in along))
            reserved = self._supply.reserved(PortRequest(network_id, both, traits=traits, choice=choice, ready=ready))
            self._halves.put(scope, along, reserved.vif.port_id)
        found = reserved.vif.address_in(subnet_id)
        if found is None:
            self._supply.return_unused(reserved)
            raise NotFound(
                f"port {reserved.vif.port_id} with {addresses(reserved.vif)} has no address in subnet {subnet_id}",
                hint="choose a port that has one of each address family that the network has",
            )
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
        choice: Choice = NO_CHOICE,
        *,
        ready: bool = True,
    ) -> Vif:
        """`owner` takes the port with these addresses, which is made if nobody reserved it; the interface is staged.

        No request when the port was reserved, one when not, or when `traits` differ from the reserved port's, two when
        `mac` differs. On failure nothing is left. Raises Conflict when somebody else has an address, or when the
        reserved port is not that of `choice`; NotFound when there is no such port, or a group or policy is gone.
        """
        with self._order(owner):
            self.load()
            if mine := self._holdings.of(owner):
                return mine.vif
            request = PortRequest(network_id, tuple(wanted), owner, mac, port_name(owner), traits, choice, ready)
            out = frozenset(address for _, address in wanted if address is not None)
            claimed = self._holdings.change(self._supply.for_user(request), Use.CLAIMED, owner, out)
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

        Who uses the port is written behind, and with it that the openings let it be reached. Raises NotFound when
        `owner` has none, PlugError when the host's side fails.
        """
        with self._order(owner):
            self.load()
            mine = self._holdings.of(owner)
            if mine is None:
                raise NotFound(f"endpoint {owner[:12]} has no port on this host", hint="start the container again")
            interface = mine.plugged or self._plugged(mine)
            if self._timing.ready:
                if not self._binding.await_ready(mine.vif, self._timing.ready) and not self.ready.vouches_for(mine):
                    self._cloud.await_active(mine.vif, self._timing.ready)
                if not mine.plugged:
                    self._binding.announce(mine.vif)
            self.words.later(mine, openings)
            return Joined(interface, mine.vif)

    def tie(self, port_id: str) -> None:
        """The port goes with its user, as what is led to it in the cloud shall: no other container may have it."""
        while (held := self._holdings.get(port_id)) and held.kind:
            with self._order(held.owner):
                self._holdings.swap(held, replace(held, kind=""))

    def give_up(self, network_id: str, timeout: float) -> None:
        """Give back what waits on a network for users, and wait for all that is on its way. Raises CloudError."""
        self.load()
        self.ready.give_up(network_id)
        self.releases.settle_network(network_id, timeout)

    def remembered(self, owner: str) -> Vif | None:
        """The port of `owner`, as far as this process knows without asking the cloud."""
        mine = self._holdings.of(owner)
        return mine.vif if mine else None

    def inherit(self, vif: Vif, *, alive: bool) -> None:
        """A port that another driver gave to `vif.owner` is this one's from now on, with the interface where it is.

        Unless its owner is `alive`, and was not deleted since, whoever wants its address may have it. No request.
        Raises PlugError, Conflict.
        """
        with self._order(vif.owner):
            self.load()
            if self._holdings.get(vif.port_id):
                return
            alive = alive and vif.owner not in self._unheard_of
            self._binding.stage(vif, Claim(vif.port_id, vif.owner if alive else ""))
            self._binding.plug(vif)
            self._holdings.load([vif], {vif.port_id: vif.owner} if alive else {})

    def delete(self, owner: str, *, release: bool) -> Collection[str]:
        """Have the interface of `owner` removed; with `release`, give its port back, too. Never waits for the cloud.

        Answers the ids of the ports that had one.
        """
        with self._order(owner):
            ports = self._ports_of(owner)
            if not ports:
                self._unheard_of.add(owner)
            for port_id in ports:
                held = self._holdings.get(port_id)
                freed = held and self._holdings.change(held, Use.FREED)
                if not freed:
                    self._unplug(port_id, held.vif if held else None)
                    if release:
                        self._sweep_soon()
                    continue
                self._free(freed.vif)
                if release:
                    self.releases.start(freed.vif)
                else:
                    self._expect_change(freed)
            return ports

    def give_back(self, port_ids: Iterable[str]) -> None:
        """Give back ports without an interface, whose addresses the engine will not give back, as it turned out."""
        for port_id in port_ids:
            held = self._holdings.get(port_id)
            if held and held.use in {Use.FREED, Use.ORPHANED} and (freed := self._holdings.change(held, Use.FREED)):
                self.releases.start(freed.vif)

    def release(self, subnet_id: str, address: IPAddress) -> bool:
        """The engine gives an address back; with the last one goes the port, whoever used it.

        Answers whether a port of this host may have it. Never waits for the cloud: what is not known is read behind.
        """
        if not self.load.done:
            self.when_loaded(lambda: self.release(subnet_id, address))
            return True
        held = self._holdings.at(subnet_id, address)
        if held is None:
            return False
        if held.use is Use.READY:
            return True
        if held.use is Use.CLAIMED and self._is_alive(held.owner):
            # Another network's auxiliary address or gateway may be a container's address here.
            LOG.info("%s is not given back: endpoint %s has it", address, held.owner[:12])
            self._sweep_soon()
            return True
        if held.use is not Use.FREED:
            self._unplug(held.vif.port_id, held.vif)
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

    def borrows(self, wanted: Iterable[Wanted]) -> bool:
        """Whether the port that is reserved with one of these addresses is somebody else's."""
        found = (self._holdings.at(subnet_id, address) for subnet_id, address in wanted if address is not None)
        return any(held.vif.is_foreign for held in found if held)

    def said(self, wanted: Iterable[Wanted]) -> PortTraits | None:
        """What was said of the port that waits for one of these addresses to be used; None if none waits.

        The port tells it, not this process, which may have died since the port was made for whoever comes now.
        """
        self.load()
        found = (self._holdings.at(subnet_id, address) for subnet_id, address in wanted if address is not None)
        waiting = (held.vif for held in found if held and held.use in {Use.RESERVED, Use.ORPHANED})
        return next(map(said_of, waiting), None)

    def held(self, port_id: str) -> Held | None:
        """What this process knows of a port."""
        return self._holdings.get(port_id)

    def discard(self, port_id: str, vif: Vif | None, seen: Held | None) -> bool:
        """Remove a port for good, in the cloud too; false, and nothing done, if it has changed since it was `seen`.

        `vif` is the port as the cloud has it, None if the cloud has no such port of this host. Raises CloudError,
        PlugError; the port may then be discarded again.
        """
        freed = seen and self._holdings.change(seen, Use.FREED)
        if not freed and self._holdings.get(port_id):
            return False
        try:
            vif = vif or (seen.vif if seen else None)
            self._binding.unplug(port_id, vif)
            if vif:
                self._cloud.release(vif)
        except KuryrError:
            if freed:
                self._holdings.change(freed, Use.ORPHANED)
            raise
        if freed:
            self._holdings.drop(freed)
        return True

    def _load(self) -> None:
        vifs = self._cloud.held()
        claims = {found.port_id: found.owner for found in self._binding.found()}
        self._holdings.load(vifs, claims)
        held = (self._holdings.get(vif.port_id) for vif in vifs)
        self.words.owe([each.owner for each in held if each and each.use is Use.CLAIMED])
        self.ready.adopt()

    def _keep(self, vif: Vif) -> bool:
        return self.ready.keep(vif)

    def _ports_of(self, owner: str) -> list[str]:
        if held := self._holdings.of(owner):
            return [held.vif.port_id]
        return [found.port_id for found in self._binding.found() if found.owner == owner]

    def _plugged(self, mine: Held) -> Interface:
        interface = self._binding.stage(mine.vif, Claim(mine.vif.port_id, mine.owner))
        self._binding.plug(mine.vif)
        return interface

    def _unplug(self, port_id: str, vif: Vif | None) -> None:
        try:
            self._binding.unplug(port_id, vif)
        except KuryrError:
            self._sweep_soon()
            raise

    def _free(self, vif: Vif) -> None:
        """Remove the interface behind, unless it is a part of a device: there are few, and the next user wants one."""
        if vif.vnic_type in {"", "normal"}:
            self.releases.unplug(vif)
        else:
            self._unplug_behind(vif)

    def _unplug_behind(self, vif: Vif) -> None:
        try:
            self._unplug(vif.port_id, vif)
        except KuryrError as error:
            LOG.warning("the interface of port %s is left to the sweep: %s", vif.port_id, error)

    def _undo(self, claimed: Held) -> None:
        self._holdings.change(claimed, Use.FREED)
        self._unplug_behind(claimed.vif)
        self.releases.start(claimed.vif)

    def _given_back(self, port_id: str) -> None:
        if (held := self._holdings.get(port_id)) and held.use is Use.FREED:
            self._holdings.drop(held)

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
