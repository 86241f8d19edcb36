"""The engine's networks as a driver without credentials knows them: a copy of what the service has told.

It is read after a start and after every sweep, and when it does not suffice; so what may never wait is answered by it.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from kuryr.errors import InvalidInput
from kuryr.gateway.identity import Anchor, Anchorage
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.networks.specs import NO_WAY_OUT, USUAL_NETWORK, NetworkSpec, SubnetSpec, WayOut
from kuryr.gateway.protocol import NetworkCalls
from kuryr.model import USUAL_PORT, Network, PortTraits

_SWARM = "a swarm's network needs a driver with cloud credentials"


class RemoteAnchors:
    """`gateway.protocol.Anchors` as far as told. Thread-safe."""

    def __init__(self, calls: NetworkCalls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._known: dict[str, Bound] | None = None

    def all(self) -> Mapping[str, Bound]:
        """Those that this host knows of, with what they stand on."""
        with self._lock:
            if self._known is not None:
                return dict(self._known)
        return self.reread()

    def reread(self) -> Mapping[str, Bound]:
        """The same after one look at what the service knows."""
        every = {bound.anchorage.owner: bound for bound in self._calls.every()}
        with self._lock:
            self._known = every
        return every

    def learn(self, bound: Bound) -> Bound:
        """Remember one."""
        with self._lock:
            self._known = (self._known or {}) | {bound.anchorage.owner: bound}
        return bound

    def forget(self, owner: str) -> None:
        """Remember one no longer."""
        with self._lock:
            self._known = {name: bound for name, bound in (self._known or {}).items() if name != owner}

    def known(self, wanted: Callable[[Bound], bool]) -> Bound | None:
        """The first that is wanted, without asking anybody."""
        with self._lock:
            return next(filter(wanted, (self._known or {}).values()), None)

    def remembered(self, owner: str) -> Anchorage | None:
        """What is known of the engine's network `owner` without asking anybody."""
        bound = self.known(lambda bound: bound.anchorage.owner == owner)
        return bound.anchorage if bound else None

    def owners(self) -> set[str]:
        """The engine's networks that stand on Neutron's."""
        return set(self.all())

    def settings(self) -> list[tuple[str, ...]]:
        """Those of all networks of the engine."""
        return [bound.anchorage.settings for bound in self.all().values()]

    def has_key(self, key: str) -> bool:
        """Whether `key` is one by which addresses of this host's networks are asked for."""
        return any(key in bound.anchorage.keys for bound in self.all().values())

    def stood_on(self, *, besides: Collection[str] = ()) -> set[str]:
        """The Neutron networks that this host's engine uses, besides for some of its own networks."""
        return {bound.network.id for owner, bound in self.all().items() if owner not in besides}

    def network_of(self, owner: str) -> str:
        """Only a swarm's manager asks for what other hosts have recorded. Raises InvalidInput."""
        raise InvalidInput(_SWARM, hint=f"asked for {owner[:12]}")


class RemoteOwnNetworks:
    """`gateway.protocol.OwnNetworks`, which only a swarm's manager needs."""

    def take_over(self, network: Network) -> None:
        """Raises InvalidInput."""
        raise InvalidInput(_SWARM, hint=f"asked for {network.name}")


class RemoteNetworks:
    """`gateway.protocol.Networks` on top of what travels of it. Thread-safe."""

    def __init__(self, calls: NetworkCalls) -> None:
        self._calls = calls
        self.anchors = RemoteAnchors(calls)
        self.own = RemoteOwnNetworks()

    def create(
        self,
        owner: str,
        subnets: Sequence[SubnetSpec],
        settings: tuple[str, ...] = (),
        spec: NetworkSpec = USUAL_NETWORK,
        template: PortTraits = USUAL_PORT,
        way_out: WayOut = NO_WAY_OUT,
    ) -> Bound:
        """Make a network for the engine's network `owner`. Twice is once."""
        return self.anchors.learn(self._calls.create(owner, subnets, settings, spec, template, way_out))

    def adopt(self, anchorage: Anchorage, network: Network, template: PortTraits = USUAL_PORT) -> Bound:
        """Use an existing network for the engine's network `anchorage.owner`. Twice is once."""
        return self.anchors.learn(self._calls.adopt(anchorage, network, template))

    def of_owner(self, owner: str) -> Bound:
        """What the engine's network `owner` stands on. Raises NotFound."""
        known = self.anchors.known(lambda bound: bound.anchorage.owner == owner)
        return known or self.anchors.learn(self._calls.of_owner(owner))

    def of_key(self, key: str) -> Bound:
        """What the network stands on whose addresses are asked for by `key`. Raises NotFound."""
        return self.remembered_of_key(key) or self.anchors.learn(self._calls.of_key(key))

    def every(self) -> Sequence[Bound]:
        """All networks of this host's engine."""
        return list(self.anchors.all().values())

    def remembered_of_key(self, key: str) -> Bound | None:
        """What is known, without asking anybody, of the network whose addresses are asked for by `key`."""
        return self.anchors.known(lambda bound: key in bound.anchorage.keys)

    def tag(self, owner: str, tags: Sequence[str]) -> None:
        """Add tags to the network that was made for `owner`."""
        self._calls.tag(owner, tags)

    def remove(self, owner: str, *, everywhere: bool = False) -> None:
        """Give back what `owner` stands on."""
        self._calls.remove(owner, everywhere=everywhere)
        self.anchors.forget(owner)

    def inherit(self, owners: Collection[str]) -> Mapping[str, Anchor]:  # noqa: ARG002
        """Nothing: kuryr-libnetwork knew no gateway service."""
        return {}
