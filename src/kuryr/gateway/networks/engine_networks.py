"""The networks that the engine of this host uses, and what they stand on in Neutron.

A network is made by three requests in an order that a crash cannot spoil: the network, its subnets, and last the
anchor, which makes it count. Anything before the anchor carries the host's mark and no anchor, so the sweep removes
it. An existing network is adopted by its anchor alone and is otherwise never touched. Removing goes backwards: first
the anchor, then, if Kuryr made the network and no other anchor of this host stands on it, the network.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from kuryr.errors import CloudError, Conflict, InvalidInput, NotFound
from kuryr.gateway.exposure.openings import Openings
from kuryr.gateway.identity import INHERITED, Anchor, Anchorage, Berth
from kuryr.gateway.networks.anchors import Anchored, Anchors
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.networks.inheritance import Inheritance
from kuryr.gateway.networks.own_networks import OwnNetworks
from kuryr.gateway.networks.specs import NO_WAY_OUT, USUAL_NETWORK, NetworkSpec, SubnetSpec, WayOut
from kuryr.gateway.ports.keeping import Keeping
from kuryr.gateway.topology import Topology
from kuryr.locks import KeyedLocks
from kuryr.model import USUAL_PORT, Network, PortTraits, is_uuid
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


class Networks:
    """Makes, adopts and removes the networks of one host's engine. Thread-safe.

    `anchors` say which there are, `own` has those that Kuryr made for them; `inheritance` is None where nothing can
    have been inherited. `sweep_soon` is called when something may have been left behind.
    """

    def __init__(
        self,
        topology: Topology,
        anchors: Anchors,
        own: OwnNetworks,
        openings: Openings,
        keeping: Keeping,
        inheritance: Inheritance | None,
        sweep_soon: Callable[[], None],
    ) -> None:
        self._topology = topology
        self.anchors = anchors
        self.own = own
        self._openings = openings
        self._keeping = keeping
        self._inheritance = inheritance
        self._sweep_soon = sweep_soon
        self._order = KeyedLocks()

    def create(
        self,
        owner: str,
        subnets: Sequence[SubnetSpec],
        settings: tuple[str, ...] = (),
        spec: NetworkSpec = USUAL_NETWORK,
        template: PortTraits = USUAL_PORT,
        way_out: WayOut = NO_WAY_OUT,
    ) -> Bound:
        """Make a network for the engine's network `owner`: three requests. Twice is once.

        `settings` and `template` are kept on its anchor. Before the network counts, it is led to the outside, which
        takes requests of its own. Raises NotFound when a group or policy is gone.
        """
        with self._order(owner), self._swept_after_failure():
            if anchor := self.anchors.all().get(owner):
                return self._bound(anchor)
            with self.own.making(owner, spec) as made:
                resources = self.own.add_subnets(made, subnets)
                berths = [Berth.at(spec.key, each.id) for spec, each in zip(subnets, resources, strict=True)]
                network = self._topology.remember(made, resources)
                anchorage = Anchorage(owner, tuple(berths), (*settings, *self.own.lead_out(network, way_out)))
                return _standing(self.anchors.write(network, anchorage, template), network)

    def adopt(self, anchorage: Anchorage, network: Network, template: PortTraits = USUAL_PORT) -> Bound:
        """Use an existing network for the engine's network `anchorage.owner`: one request. Twice is once.

        If the engine has it already, but said otherwise then, the anchor is changed.
        """
        with self._order(anchorage.owner), self._swept_after_failure():
            anchor = self.anchors.all().get(anchorage.owner)
            if anchor and anchor.anchorage == anchorage:
                return self._bound(anchor)
            if anchor:
                return _standing(self.anchors.rewrite(anchor, anchorage), network)
            return _standing(self.anchors.write(network, anchorage, template), network)

    def of_owner(self, owner: str) -> Bound:
        """What the engine's network `owner` stands on. Raises NotFound."""
        return self._known(lambda anchor: anchor.anchorage.owner == owner, owner, lambda: self.inherit([owner]))

    def of_key(self, key: str) -> Bound:
        """What the network stands on whose addresses are asked for by `key`. Raises NotFound."""
        try:
            return self._known(lambda anchor: key in anchor.anchorage.keys, key)
        except NotFound:
            # A key of Kuryr's own pools is no id; kuryr-libnetwork's is a subnet pool's.
            if self._inheritance and is_uuid(key) and (found := self._inheritance.of_pool(key)):
                self._sweep_soon()
                return Bound(*found)
            raise

    def inherit(self, owners: Collection[str]) -> Anchored:
        """Adopt those of the engine's networks `owners` that kuryr-libnetwork made: no request if all are known.

        Returns all anchors. Raises CloudError.
        """
        found = self._inheritance.networks(set(owners) - self.anchors.owners()) if self._inheritance else []
        for anchorage, network in found:
            try:
                self.adopt(anchorage, network)
            except (InvalidInput, Conflict) as error:
                LOG.warning("network %s of kuryr-libnetwork cannot be taken over: %s", network.name, error)
            else:
                LOG.info("took network %s over from kuryr-libnetwork", network.name)
                self._sweep_soon()
        return self.anchors.all()

    def every(self) -> Sequence[Bound]:
        """All networks of this host's engine: no request if they were read before, as the sweep does."""
        anchors = self.anchors.all().values()
        networks = self._topology.networks(anchor.network_id for anchor in anchors)
        return [_standing(anchor, networks[anchor.network_id]) for anchor in anchors if anchor.network_id in networks]

    def remembered_of_key(self, key: str) -> Bound | None:
        """What is known, without asking Neutron, of the network whose addresses are asked for by `key`."""
        anchor = self.anchors.remembered_of_key(key)
        network = self._topology.remembered(anchor.network_id) if anchor else None
        return _standing(anchor, network) if anchor and network else None

    def tag(self, owner: str, tags: Sequence[str]) -> None:
        """Add tags to the network that was made for `owner`: one request, none if it has them or is not this host's.

        What is too much for Neutron is left out.
        """
        with self._order(owner):
            anchor = self.anchors.all().get(owner)
            if anchor and self.own.is_one(anchor.network_id):
                self.own.tag(anchor.network_id, tags)

    def remove(self, owner: str, *, everywhere: bool = False) -> None:
        """Give back what `owner` stands on: at most two requests. What is gone already is no error.

        A keeper of addresses may have anchors of several hosts; `everywhere` removes them all: some requests more.
        Raises Conflict when Kuryr made the network and others have ports on it. It is removed by a later sweep,
        when they are gone.
        """
        with self._order(owner), self._swept_after_failure():
            anchor = self.anchors.all().get(owner) or self.anchors.reread().get(owner)
            if anchor:
                self._release(anchor, everywhere=everywhere)

    def sweep(self, alive: Collection[str], suspects: Suspects) -> int:
        """Remove what no network of the engine stands on any more; `alive` are the owners that the engine knows.

        Returns how many objects look unused and are still there: because their grace period lasts, because somebody
        else uses the network, or because they resist. Raises CloudError.
        """
        self._topology.refresh()
        self.anchors.all()
        anchors = self.anchors.listed()
        # After a start: so that no container has to wait for it.
        self._topology.networks(anchor.network_id for anchor in anchors)
        unused = {anchor.port_id: anchor for anchor in anchors if anchor.anchorage.owner not in alive}
        abandoned = self.own.abandoned([anchor.network_id for anchor in anchors])

        def remove(id_: str) -> None:
            if anchor := unused.get(id_):
                with self._order(anchor.anchorage.owner):
                    self._release(anchor)
            else:
                self.own.delete(id_)

        named = {id_: f"network {anchor.network_id}, which the engine has forgotten" for id_, anchor in unused.items()}
        return suspects.sweep(named | {id_: f"network {id_}, which was half made" for id_ in abandoned}, remove)

    @contextmanager
    def _swept_after_failure(self) -> Iterator[None]:
        """A request may have been served although its answer was lost."""
        try:
            yield
        except (CloudError, Conflict):
            self._sweep_soon()
            raise

    def _known(self, wanted: Callable[[Anchor], bool], what: str, *more: Callable[[], Anchored]) -> Bound:
        for source in (self.anchors.all, self.anchors.reread, *more):
            anchor = next(filter(wanted, source().values()), None)
            if anchor:
                return self._bound(anchor)
        raise NotFound(f"this host has no Kuryr network {what[:12]}", hint="remove the network and create it again")

    def _bound(self, anchor: Anchor) -> Bound:
        return _standing(anchor, self._topology.network(anchor.network_id))

    def _release(self, anchor: Anchor, *, everywhere: bool = False) -> None:
        if self._inheritance and INHERITED in anchor.anchorage.settings:
            self._inheritance.give_back(anchor.anchorage, anchor.network_id)
            self._topology.forget(anchor.network_id)
        made = self.own.is_one(anchor.network_id)
        if anchor.anchorage.keeper:
            self._keeping.forsake(anchor, everywhere=everywhere)
        if self.anchors.remove(anchor):
            if made:
                self.own.delete(anchor.network_id)
            self._openings.drop(anchor.network_id)


def _standing(anchor: Anchor, network: Network) -> Bound:
    return Bound(anchor.anchorage, network, anchor.template)
