"""Where the port comes from that a request asks for: reserved before, made now, lent, or an orphan's place.

Whoever wants what is on its way back waits for it.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from kuryr.behind import Behind
from kuryr.errors import Conflict, Exhausted, NotFound
from kuryr.host.fitting import addresses, fits, has, wants
from kuryr.host.holdings import Held, Holdings, Use
from kuryr.host.leftovers import Leftovers
from kuryr.host.ready import ReadyPorts
from kuryr.host.releases import Releases
from kuryr.model import Cloud, IPAddress, PortRequest, Vif, kind_of

_UNCHANGED = "what an existing port has never changes"


class Supply:
    """Gets ports for users of this host. Thread-safe.

    `settle`: seconds that a request waits for a port that is on its way back. `sweep_soon` is called when there may be
    leftovers in the way.
    """

    def __init__(
        self,
        cloud: Cloud,
        holdings: Holdings,
        ready: ReadyPorts,
        leftovers: Leftovers,
        releases: Releases,
        behind: Behind,
        settle: float,
        sweep_soon: Callable[[], None],
    ) -> None:
        self._cloud = cloud
        self._holdings = holdings
        self._ready = ready
        self._leftovers = leftovers
        self._releases = releases
        self._behind = behind
        self._settle = settle
        self._sweep_soon = sweep_soon

    def for_user(self, request: PortRequest) -> Held:
        """The port that was reserved with the wanted addresses; a new one if there is none, or if it does not fit."""
        found = self._at(request)
        for held in found:
            if held.use is Use.CLAIMED and not self._leftovers.is_nobodys(held):
                raise Conflict(f"{addresses(held.vif)} belongs to endpoint {held.owner[:12]} of this host")
        reserved = [held for held in found if held.use is Use.RESERVED]
        if len(reserved) == 1 and fits(reserved[0].vif, request):
            return self._with_traits(reserved[0], request)
        for held in reserved:
            self._refuse_misfit(held.vif, request)
        for held in reserved:
            self._replace(held)
        return self.reserved(request)

    def reserved(self, request: PortRequest) -> Held:
        """A port that nobody else uses: a ready one, a new one, an existing one, or the orphan in the way of these."""
        self._await_return(request)
        if ready := self._waiting(request):
            return ready
        self._make_room(request)
        before = self._wanted(request)
        try:
            return self._made_patiently(request)
        except Conflict as error:
            if isinstance(error, Exhausted):
                self._sweep_soon()
                if not request.choice:
                    self._ready.ask_neighbours(request.network_id)
                    raise
            taken = self._leftovers.take(request)
            if not taken:
                if all(self._is_kept(held) for held in before):
                    raise
                # The engine has given it back in this very moment.
                self._behind.drain(self._settle)
        # Their last users may have made anything of them.
        for held in taken:
            self._replace(held)
        return self._made(request)

    def second(self, half: Held, subnet_id: str, address: IPAddress | None) -> Held:
        """The port whose first address the engine has, with the second one that it wants."""
        if address in {None, half.vif.address_in(subnet_id)}:
            return half
        if half.vif.lent:
            self.return_unused(half)
            raise Conflict(f"port {half.vif.port_id} has {addresses(half.vif)}, not {address}", hint=_UNCHANGED)
        others = [(each.subnet_id, each.address) for each in half.vif.fixed_ips if each.subnet_id != subnet_id]
        wanted = PortRequest(half.vif.network_id, ((subnet_id, address),))
        self._await_return(wanted)
        self._make_room(wanted)
        if half.plugged:
            # Wired and announced with the addresses that it was made with.
            self._ready.unplug(half.vif)
            half = replace(half, plugged=None, wired=-math.inf)
        vif = self._cloud.readdress(half.vif, [*others, (subnet_id, address)])
        return self._changed(half, vif)

    def return_unused(self, reserved: Held) -> None:
        """Its user will not come, and the engine will not give it back: it was never told."""
        if freed := self._holdings.change(reserved, Use.FREED):
            self._ready.unplug(freed.vif)
            self._releases.start(freed.vif)

    def _with_traits(self, held: Held, request: PortRequest) -> Held:
        """The port, made what its user wants it to be besides its addresses: no request if it is that already."""
        if held.vif.is_foreign or has(held.vif, request.traits):
            return held
        vif = self._cloud.identify(held.vif, request.owner, request.name, request.traits)
        if vif is None:
            raise NotFound(f"port {held.vif.port_id} is gone", hint="run the command again")
        return self._changed(replace(held, kind=""), vif)

    def _changed(self, held: Held, vif: Vif) -> Held:
        """Remember a port that was changed, but not bound anew: the answer to that does not say who has bound it."""
        return self._holdings.put(replace(held, vif=replace(vif, details=held.vif.details)))

    def _refuse_misfit(self, vif: Vif, request: PortRequest) -> None:
        """A port cannot be replaced when it, or the one that is chosen, exists already."""
        if request.choice and not request.choice.fits(vif):
            raise Conflict(f"{addresses(vif)} is not the address of {request.choice}")
        if vif.lent:
            raise Conflict(f"port {vif.port_id} has {addresses(vif)} and the MAC address {vif.mac}", hint=_UNCHANGED)

    def _made_patiently(self, request: PortRequest) -> Held:
        """A new port. When no address is left, what waits for users makes room, and what is given back is waited for.

        An engine that boots after a crash gives everything back, and at once starts its containers anew.
        """
        try:
            return self._made(request)
        except Exhausted as error:
            # Of a set of existing ports none is free: room would be of no use.
            made_room = not request.choice and self._ready.make_room(request, error)
            if not made_room and self._behind.idle:
                raise
        self._behind.drain(self._settle)
        return self._made(request)

    def _await_return(self, request: PortRequest) -> None:
        """Wait for what is wanted and on its way back: it is deleted then, or waits for a user."""
        for subnet_id, address in request.fixed_ips:
            if address is not None:
                self._releases.settle_address(subnet_id, address, self._settle)
        if request.choice:
            self._releases.settle(request.choice.fits, self._settle)
        if any(held.use is Use.FREED for held in self._wanted(request)):
            # Right after a start, what the engine gives back is looked up behind.
            self._behind.drain(self._settle)

    def _waiting(self, request: PortRequest) -> Held | None:
        """A port that waits for such a user."""
        if all(address is None for _, address in request.fixed_ips):
            return self._ready.take(request)
        for held in self._at(request):
            fitting = held.use is Use.READY and fits(held.vif, request)
            if fitting and (taken := self._ready.take_this(held, request)):
                return taken
        return None

    def _make_room(self, request: PortRequest) -> None:
        """Give up the ports that wait with what is wanted for somebody else, and wait until they are gone."""
        for held in self._at(request):
            if held.use is Use.READY:
                self._ready.give_up_one(held)
        self._await_return(request)

    def _is_kept(self, seen: Held) -> bool:
        """Whether a port has the user whom it had when it was seen."""
        return seen.use is Use.CLAIMED and self._holdings.get(seen.vif.port_id) is seen

    def _wanted(self, request: PortRequest) -> list[Held]:
        """The ports of this host that have what is wanted."""
        return [held for held in self._holdings.of_network(request.network_id) if wants(request, held.vif)]

    def _at(self, request: PortRequest) -> list[Held]:
        """The ports of this host that have any of the wanted addresses."""
        wanted = ((subnet_id, address) for subnet_id, address in request.fixed_ips if address is not None)
        found = (self._holdings.at(subnet_id, address) for subnet_id, address in wanted)
        return list({held.vif.port_id: held for held in found if held}.values())

    def _made(self, request: PortRequest) -> Held:
        with self._holdings.expecting(request):
            (vif,) = self._cloud.reserve(request)
            kind = "" if vif.lent else kind_of(request)
            return self._holdings.put(Held(vif, Use.RESERVED, kind=kind, named=bool(request.owner)))

    def _replace(self, held: Held) -> None:
        """Make room for another port, e.g. with another MAC address: that of a bound port cannot be changed."""
        self._ready.unplug(held.vif)
        self._cloud.release(held.vif)
        self._holdings.drop(held)
