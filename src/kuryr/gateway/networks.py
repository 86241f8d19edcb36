"""The networks that the engine of this host uses, and the anchors that record them in Neutron.

A network is made by three requests in an order that a crash cannot spoil: the network, its subnet, and last the
anchor, which makes it count. Anything before the anchor carries the host's mark and no anchor, so the sweep removes
it. An existing network is adopted by its anchor alone and is otherwise never touched. Removing goes backwards: first
the anchor, then, if Kuryr made the network and no other anchor of this host stands on it, the network.

The anchors in Neutron are the state; what is held here is a copy, read after a start and when it does not suffice.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kuryr.errors import CloudError, CloudRefused, CloudUnavailable, Conflict, InvalidInput, KuryrError, NotFound
from kuryr.gateway.identity import (
    ANCHOR_OWNER,
    DEVICE_ID_LIMIT,
    IDLE_OWNER,
    PORT_OWNER,
    Anchor,
    Anchorage,
    Berth,
    is_uuid,
)
from kuryr.gateway.inheritance import INHERITED, Inheritance
from kuryr.gateway.keeping import Keeping
from kuryr.gateway.openings import Openings
from kuryr.gateway.routers import detach_last
from kuryr.gateway.specs import USUAL_NETWORK, NetworkSpec, SubnetSpec
from kuryr.gateway.topology import Topology
from kuryr.locks import KeyedLocks
from kuryr.model import USUAL_PORT, IPAddress, Mark, Network, PortTraits, Subnet
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import NetworkResource, PortResource
from kuryr.neutron.subnets import SubnetSpec as NeutronSubnetSpec
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)

TAGS_LIMIT = 50
"""Tags of one resource (neutron.extensions.tagging, MAX_TAGS_COUNT)."""


@dataclass(frozen=True)
class Bound:
    """A network of the engine, and what it stands on."""

    anchorage: Anchorage
    network: Network
    template: PortTraits = USUAL_PORT
    """What the user said of the ports on it, as far as Neutron has a place for it on the anchor: groups and policy."""

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """Those of the Neutron network's subnets that the engine uses, in its order."""
        return tuple(subnet for berth in self.anchorage.berths for subnet in self._at(berth))

    def subnet_of_key(self, key: str) -> Subnet:
        """The subnet whose addresses are asked for by `key`. Raises NotFound."""
        for berth in self.anchorage.berths:
            if berth.key == key:
                for subnet in self._at(berth):
                    return subnet
        raise NotFound(f"network {self.network.name} has lost a subnet", hint="create the Docker network again")

    def subnet_with(self, address: IPAddress) -> Subnet:
        """The subnet that an address lies in. Raises NotFound."""
        for subnet in self.subnets:
            if address in subnet.cidr:
                return subnet
        raise NotFound(f"network {self.network.name} has no subnet for {address}")

    def _at(self, berth: Berth) -> Iterator[Subnet]:
        return (subnet for subnet in self.network.subnets if Berth.at(berth.key, subnet.id) == berth)


class Networks:
    """Makes, adopts and removes the networks of one host's engine. Thread-safe.

    `sweep_soon` is called when something may have been left behind.
    """

    def __init__(
        self,
        neutron: Neutron,
        topology: Topology,
        openings: Openings,
        keeping: Keeping,
        inheritance: Inheritance,
        mark: Mark,
        sweep_soon: Callable[[], None],
    ) -> None:
        self._neutron = neutron
        self._topology = topology
        self._openings = openings
        self._keeping = keeping
        self._inheritance = inheritance
        self._mark = mark
        self._sweep_soon = sweep_soon
        self._order = KeyedLocks()
        self._guard = threading.Lock()
        self._anchors: dict[str, Anchor] | None = None
        self._making: set[str] = set()

    def create(
        self,
        owner: str,
        subnets: Sequence[SubnetSpec],
        settings: tuple[str, ...] = (),
        spec: NetworkSpec = USUAL_NETWORK,
        template: PortTraits = USUAL_PORT,
        complete: Callable[[Network], Sequence[str]] = lambda _: (),
    ) -> Bound:
        """Make a network for the engine's network `owner`: three requests. Twice is once.

        `settings` and `template` are kept on its anchor. `complete` does what else must be done before the network
        counts, and tells more settings. Raises NotFound when a group or policy is gone.
        """
        with self._order(owner), self._swept_after_failure():
            if anchor := self._loaded().get(owner):
                return self._bound(anchor)
            made = self._make(owner, spec)
            self._making.add(made.id)
            try:
                resources = self._neutron.subnets.create_many([self._subnet(made, spec) for spec in subnets])
                berths = [Berth.at(spec.key, each.id) for spec, each in zip(subnets, resources, strict=True)]
                network = self._topology.remember(made, resources)
                anchorage = Anchorage(owner, tuple(berths), (*settings, *complete(network)))
                return self._anchor(network, anchorage, template)
            except BaseException:
                self._abandon(made.id)
                raise
            finally:
                self._making.discard(made.id)

    def adopt(self, anchorage: Anchorage, network: Network, template: PortTraits = USUAL_PORT) -> Bound:
        """Use an existing network for the engine's network `anchorage.owner`: one request. Twice is once.

        If the engine has it already, but said otherwise then, the anchor is changed.
        """
        with self._order(anchorage.owner), self._swept_after_failure():
            anchor = self._loaded().get(anchorage.owner)
            if anchor and anchor.anchorage == anchorage:
                return self._bound(anchor)
            if anchor:
                self._neutron.ports.update(anchor.port_id, device_id=str(anchorage))
                return self._record(replace(anchor, anchorage=anchorage), network)
            return self._anchor(network, anchorage, template)

    def find(self, owner: str) -> Network | None:
        """What `owner` stands on, whichever host has recorded it: at most three requests."""
        if anchor := self._loaded().get(owner):
            return self._topology.network(anchor.network_id)
        listed = self._neutron.ports.list(
            name=_name(owner), device_owner=ANCHOR_OWNER, project_id=self._neutron.project_id
        )
        found = next((port for port in listed if Anchorage.parse(port.device_id).owner == owner), None)
        return self._topology.network(found.network_id) if found else None

    def take_over(self, network: Network) -> None:
        """From now on a network that Kuryr made on another host is this host's to remove: at most one request."""
        if network.mark != str(self._mark):
            self._neutron.networks.update(network.id, description=str(self._mark))
            self._topology.forget(network.id)

    def of_owner(self, owner: str) -> Bound:
        """What the engine's network `owner` stands on. Raises NotFound."""
        return self._known(lambda anchor: anchor.anchorage.owner == owner, owner, lambda: self.inherit([owner]))

    def of_key(self, key: str) -> Bound:
        """What the network stands on whose addresses are asked for by `key`. Raises NotFound."""
        try:
            return self._known(lambda anchor: key in anchor.anchorage.keys, key)
        except NotFound:
            if is_uuid(key) and (found := self._inheritance.of_pool(key)):
                self._sweep_soon()
                return Bound(*found)
            raise

    def inherit(self, owners: Collection[str]) -> Mapping[str, Anchor]:
        """Adopt those of the engine's networks `owners` that kuryr-libnetwork made: no request if all are known.

        Returns all anchors. Raises CloudError.
        """
        unknown = set(owners) - set(self._loaded())
        for anchorage, network in self._inheritance.networks(unknown):
            try:
                self.adopt(anchorage, network)
            except (InvalidInput, Conflict) as error:
                LOG.warning("network %s of kuryr-libnetwork cannot be taken over: %s", network.name, error)
            else:
                LOG.info("took network %s over from kuryr-libnetwork", network.name)
                self._sweep_soon()
        return self._loaded()

    def inherited(self) -> set[str]:
        """The Neutron networks that were taken over from kuryr-libnetwork."""
        return {each.network_id for each in self._loaded().values() if INHERITED in each.anchorage.settings}

    def has_key(self, key: str) -> bool:
        """Whether `key` is one by which addresses of this host's networks are asked for."""
        return any(key in anchor.anchorage.keys for anchor in self._loaded().values())

    def remembered(self, owner: str) -> Anchorage | None:
        """What is known of the engine's network `owner` without asking Neutron."""
        with self._guard:
            anchor = (self._anchors or {}).get(owner)
        return anchor.anchorage if anchor else None

    def remembered_of_key(self, key: str) -> Bound | None:
        """What is known, without asking Neutron, of the network whose addresses are asked for by `key`."""
        with self._guard:
            anchors = (self._anchors or {}).values()
            anchor = next((each for each in anchors if key in each.anchorage.keys), None)
        network = self._topology.remembered(anchor.network_id) if anchor else None
        return Bound(anchor.anchorage, network, anchor.template) if anchor and network else None

    def settings(self) -> list[tuple[str, ...]]:
        """Those of all networks of the engine, as far as this host knows."""
        return [anchor.anchorage.settings for anchor in self._loaded().values()]

    def owners(self) -> set[str]:
        """The engine's networks that stand on Neutron's, as far as this host knows."""
        return set(self._loaded())

    def stood_on(self, *, besides: str = "") -> set[str]:
        """The Neutron networks that this host's engine uses, besides for one of its own networks."""
        return {anchor.network_id for owner, anchor in self._loaded().items() if owner != besides}

    def tag(self, owner: str, tags: Sequence[str]) -> None:
        """Add tags to the network that was made for `owner`: one request, none if it has them or is not this host's.

        What is too much for Neutron is left out.
        """
        with self._order(owner):
            anchor = self._loaded().get(owner)
            if anchor is None or not self._is_ours(anchor.network_id):
                return
            network = self._topology.network(anchor.network_id)
            missing = [tag for tag in tags if tag not in network.tags][: TAGS_LIMIT - len(network.tags)]
            if missing:
                self._neutron.networks.add_tags(network.id, missing)
                self._topology.forget(network.id)

    def remove(self, owner: str, *, everywhere: bool = False) -> None:
        """Give back what `owner` stands on: at most two requests. What is gone already is no error.

        A keeper of addresses may have anchors of several hosts; `everywhere` removes them all: some requests more.
        Raises Conflict when Kuryr made the network and others have ports on it. It is removed by a later sweep,
        when they are gone.
        """
        with self._order(owner), self._swept_after_failure():
            anchor = self._loaded().get(owner) or self._reloaded().get(owner)
            if anchor:
                self._release(anchor, everywhere=everywhere)

    def sweep(self, alive: Collection[str], suspects: Suspects) -> int:
        """Remove what no network of the engine stands on any more; `alive` are the owners that the engine knows.

        Returns how many objects look unused and are still there: because their grace period lasts, because somebody
        else uses the network, or because they resist. Raises CloudError.
        """
        self._topology.refresh()
        self._loaded()
        anchors = self._list()
        # After a start: so that no container has to wait for it.
        self._topology.networks(anchor.network_id for anchor in anchors)
        unused = {anchor.port_id: anchor for anchor in anchors if anchor.anchorage.owner not in alive}
        made = {network.id for network in self._own_networks()}
        abandoned = made - {anchor.network_id for anchor in anchors} - self._making
        left = len(unused) + len(abandoned)
        for identifier in sorted(suspects.convict({*unused, *abandoned})):
            try:
                if anchor := unused.get(identifier):
                    with self._order(anchor.anchorage.owner):
                        self._release(anchor)
                else:
                    self._delete_network(identifier)
                LOG.info("swept what was left of a forgotten network: %s", identifier)
                left -= 1
            except CloudUnavailable:
                raise
            except KuryrError as error:
                # What resists must not keep the sweep from all the rest.
                LOG.info("%s cannot be swept yet: %s", identifier, error)
        return left

    @contextmanager
    def _swept_after_failure(self) -> Iterator[None]:
        """A request may have been served although its answer was lost."""
        try:
            yield
        except (CloudError, Conflict):
            self._sweep_soon()
            raise

    def _own_networks(self) -> list[NetworkResource]:
        """Networks of this host's making. Anybody may write a mark, but not into our project."""
        return self._neutron.networks.list(description=str(self._mark), project_id=self._neutron.project_id)

    def _known(self, wanted: Callable[[Anchor], bool], what: str, *more: Callable[[], Mapping[str, Anchor]]) -> Bound:
        for source in (self._loaded, self._reloaded, *more):
            anchor = next(filter(wanted, source().values()), None)
            if anchor:
                return self._bound(anchor)
        raise NotFound(f"this host has no Kuryr network {what[:12]}", hint="remove the network and create it again")

    def _bound(self, anchor: Anchor) -> Bound:
        return Bound(anchor.anchorage, self._topology.network(anchor.network_id), anchor.template)

    def _loaded(self) -> dict[str, Anchor]:
        with self._guard:
            if self._anchors is not None:
                return dict(self._anchors)
        return self._reloaded()

    def _reloaded(self) -> dict[str, Anchor]:
        listed = {anchor.anchorage.owner: anchor for anchor in self._list()}
        with self._guard:
            self._anchors = (self._anchors or {}) | listed
            return dict(self._anchors)

    def _list(self) -> list[Anchor]:
        ports = self._neutron.ports.list(description=str(self._mark), device_owner=ANCHOR_OWNER)
        return [Anchor(port.id, port.network_id, Anchorage.parse(port.device_id), _template(port)) for port in ports]

    def _make(self, owner: str, spec: NetworkSpec) -> NetworkResource:
        try:
            made = self._neutron.networks.create(
                name=_name(owner),
                description=str(self._mark),
                project_id=self._neutron.project_id,
                mtu=spec.mtu,
                shared=spec.shared,
                dns_domain=spec.dns_domain or None,
            )
        except CloudRefused as error:
            if spec.shared:
                raise CloudRefused(error.message, hint="neutron.net.shared=true needs the role `admin`") from error
            raise
        if spec.dns_domain and not made.dns_domain:
            # Neutron without the extension driver `dns` takes and drops it.
            self._abandon(made.id)
            raise InvalidInput("this cloud keeps no DNS domains", hint="leave neutron.dns_domain out")
        return made

    def _subnet(self, network: NetworkResource, spec: SubnetSpec) -> NeutronSubnetSpec:
        return {
            "network_id": network.id,
            "name": network.name,
            "description": str(self._mark),
            "cidr": spec.cidr,
            "gateway": spec.gateway,
            "pools": spec.pools,
            "enable_dhcp": spec.dhcp,
            "project_id": network.project_id,
            "subnetpool_id": spec.subnet_pool or None,
        }

    def _anchor(self, network: Network, anchorage: Anchorage, template: PortTraits) -> Bound:
        if len(str(anchorage)) > DEVICE_ID_LIMIT:
            raise InvalidInput(
                f"{len(anchorage.berths)} subnets and {len(anchorage.settings)} settings are more than Kuryr can keep "
                "on one Docker network"
            )
        port = self._neutron.ports.create(
            network_id=network.id,
            name=_name(anchorage.owner),
            description=str(self._mark),
            device_owner=ANCHOR_OWNER,
            device_id=str(anchorage),
            fixed_ips=(),
            project_id=network.project_id,
            admin_state_up=False,
            # Those that are named here are held back from being deleted.
            security_groups=template.security_groups or (),
            qos_policy_id=template.qos_policy or None,
            port_security=template.port_security,
        )
        return self._record(Anchor(port.id, network.id, anchorage, _template(port)), network)

    def _record(self, anchor: Anchor, network: Network) -> Bound:
        with self._guard:
            self._anchors = (self._anchors or {}) | {anchor.anchorage.owner: anchor}
        return Bound(anchor.anchorage, network, anchor.template)

    def _release(self, anchor: Anchor, *, everywhere: bool = False) -> None:
        if INHERITED in anchor.anchorage.settings:
            self._inheritance.give_back(anchor.anchorage, anchor.network_id)
            self._topology.forget(anchor.network_id)
        made = self._is_ours(anchor.network_id)
        if anchor.anchorage.keeper:
            self._keeping.forsake(anchor, everywhere=everywhere)
        self._neutron.ports.delete(anchor.port_id)
        with self._guard:
            remaining = {owner: each for owner, each in (self._anchors or {}).items() if each.port_id != anchor.port_id}
            self._anchors = remaining
        if made and all(each.network_id != anchor.network_id for each in remaining.values()):
            self._delete_network(anchor.network_id)
        if all(each.network_id != anchor.network_id for each in remaining.values()):
            self._openings.drop(anchor.network_id)

    def _is_ours(self, network_id: str) -> bool:
        try:
            network = self._topology.network(network_id)
        except NotFound:
            return False
        return network.mark == str(self._mark) and network.project_id == self._neutron.project_id

    def _delete_network(self, network_id: str) -> None:
        """Delete a network of Kuryr's with its subnets, and what this host's containers left on it."""
        try:
            self._neutron.networks.delete(network_id)
        except Conflict:
            for port in self._neutron.ports.list(
                network_id=network_id, description=str(self._mark), device_owner=[PORT_OWNER, IDLE_OWNER]
            ):
                self._neutron.ports.delete(port.id)
            detach_last(self._neutron, network_id)
            self._neutron.networks.delete(network_id)
        self._topology.forget(network_id)

    def _abandon(self, network_id: str) -> None:
        try:
            self._delete_network(network_id)
        except KuryrError as error:
            LOG.warning("network %s was half made and is left to the sweep: %s", network_id, error)
            self._sweep_soon()
        self._topology.forget(network_id)


def _name(owner: str) -> str:
    return f"kuryr-{owner[:12]}"


def _template(anchor: PortResource) -> PortTraits:
    return PortTraits(security_groups=anchor.security_groups or None, qos_policy=anchor.qos_policy_id)
