"""NetworkDriver, the half about networks: Docker's networks stand on Neutron's, made or adopted."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kuryr.docker.driver import requested, swarm
from kuryr.docker.driver.departure import Departure
from kuryr.docker.driver.outlets import Outlets
from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.driver.requested import Requested
from kuryr.docker.driver.sources import Sources
from kuryr.docker.options import catalogue, naming, traits
from kuryr.docker.options.catalogue import Place, Values
from kuryr.docker.options.exposure import ExposePolicy
from kuryr.docker.options.gateways import GatewayStyle
from kuryr.docker.options.settings import Ahead, Labels, Sticky
from kuryr.docker.protocol import messages
from kuryr.docker.protocol.messages import GENERIC, INTERNAL
from kuryr.docker.sweeps.network_labels import NetworkLabels
from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.gateway.identity import Anchorage, Berth, keeper_words
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.networks.specs import NetworkSpec, SubnetSpec
from kuryr.gateway.protocol import Gateway
from kuryr.gateway.topology import Existing, choose_subnet
from kuryr.model import Named, Network, PortTraits, Subnet

LOG = logging.getLogger(__name__)

Reply = dict[str, object]


class NetworkDriver:
    """Docker's requests about networks. Thread-safe."""

    def __init__(
        self,
        gateway: Gateway,
        sources: Sources,
        departure: Departure,
        labels: NetworkLabels,
        outlets: Outlets,
        pending: PendingPools,
    ) -> None:
        self._topology = gateway.topology
        self._networks = gateway.networks
        self._guards = gateway.guards
        self._sources = sources
        self._departure = departure
        self._labels = labels
        self._outlets = outlets
        self._pending = pending

    def allocate_network(self, request: messages.AllocateNetwork) -> Reply:
        """A swarm's manager makes or adopts the network for all nodes, which get only the options answered here."""
        owner, given = swarm.manager_of(request.network_id), request.options or {}
        said = _said({GENERIC: swarm.by_id(given) if swarm.OPTION in given else given})
        if said.sticky is not Sticky.NONE:
            raise InvalidInput("kuryr.sticky has no use in a swarm: it gives every task an address of its own")
        asked = requested.subnets(swarm.as_creation(request, self._pending), self._pending)
        existing = _existing(said, asked)
        done = said.swarm or (swarm.ADOPTED if existing else swarm.MADE)
        if not existing and (begun := self._networks.anchors.network_of(owner)):
            existing = Existing(network=Named(id=begun))
        bound = self._place(owner, asked, existing, replace(said, swarm=done), keeper=owner)
        if done == swarm.MADE:
            self._networks.own.take_over(bound.network)
        return {"Options": {**swarm.by_id(given), swarm.NETWORK_OPTION: bound.network.id, swarm.OPTION: done}}

    def free_network(self, request: messages.NetworkOnly) -> Reply:
        """A swarm's manager gives the network back, with all addresses that are kept on it and not in use."""
        try:
            self._networks.remove(swarm.manager_of(request.network_id), everywhere=True)
        except Conflict as error:
            LOG.info("network %s goes when the last node has let go of it: %s", request.network_id, error)
        return {}

    def gw_alloc_check(self, request: messages.GwAllocCheck) -> Reply:
        """Whether Docker shall reserve no address for a gateway. Asked before anything else, since Docker 28."""
        skip = _said(request.options).style is GatewayStyle.NONE
        return {"SkipIPv4": skip, "SkipIPv6": skip}

    def create_network(self, request: messages.CreateNetwork) -> Reply:
        """Make or adopt the Neutron network: at most three requests. Twice is once."""
        owner, said = request.network_id, _said(request.options)
        # A swarm's network comes to a node again and again under the same id, each time with another pool.
        if owner in self._networks.anchors.owners() and not said.swarm:
            return {}
        if requested.without_addresses(request):
            if said.sticky is not Sticky.NONE:
                raise InvalidInput("kuryr.sticky has no --ip under --ipam-driver null", hint=_BY_KEY)
            self._adopt_whole(owner, said.existing, said)
            return {}
        asked = requested.subnets(request, self._pending)
        if said.sticky is Sticky.NAME and not all(each.pending for each in asked):
            raise InvalidInput("kuryr.sticky=name needs --ipam-driver kuryr", hint=_BY_KEY)
        keeper = swarm.manager_of(owner) if said.swarm else ""
        self._place(owner, asked, _existing(said, asked), said, keeper=keeper)
        if not all(each.pending for each in asked):
            LOG.info("network %s takes its addresses from Docker; --ipam-driver kuryr starts faster", owner)
        return {}

    def delete_network(self, request: messages.NetworkOnly) -> Reply:
        """Give the network back; what is still being deleted on it is waited for."""
        settings: Sequence[str] = ()
        try:
            bound = self._networks.of_owner(request.network_id)
        except NotFound:
            pass
        else:
            settings = bound.anchorage.settings
            self._departure.clear(bound)
        try:
            self._networks.remove(request.network_id)
        finally:
            self._outlets.remove(settings)
        return {}

    def _spec(self, each: Requested, said: "_Said") -> SubnetSpec:
        """The subnet that Kuryr shall make, perhaps from a subnet pool of Neutron's."""
        known = each.pending.source if each.pending else None
        source = self._sources.of_range(each.cidr, said.subnet_pools[each.cidr.version], known)
        # A swarm's nodes find the subnet with the gateway that the manager was told, whatever containers make of it.
        routed = said.style is not GatewayStyle.NONE or bool(said.swarm)
        return replace(requested.spec(each, routed=routed, dhcp=said.spec.dhcp), subnet_pool=source.id)

    def _place(
        self, owner: str, asked: Sequence[Requested], existing: Existing, said: "_Said", *, keeper: str
    ) -> Bound:
        """Stand on an existing network, with those of its subnets that Docker asks for; or on a new one.

        Its addresses are the `keeper`'s, if there is one, and unless Docker's own IPAM gives them out.
        """
        if keeper and all(each.pending for each in asked):
            said = replace(said, keeper=keeper)
        if existing:
            bound = self._adopt(owner, asked, existing, said)
        else:
            specs = [self._spec(each, said) for each in asked]
            template = self._guards.resolve(said.ports, anew=True)
            outlet = self._outlets.chosen(said.values, said.style, made=True)
            settings = (*said.settings, *outlet.settings)
            bound = self._networks.create(owner, specs, settings, said.spec, template, outlet.way)
            self._labels.soon(owner)
        for each in asked:
            if each.pending:
                self._pending.drop(each.pending.id)
        return bound

    def _adopt(self, owner: str, asked: Sequence[Requested], existing: Existing, said: "_Said") -> Bound:
        """Stand on an existing network, with those of its subnets that Docker asks for."""
        network = self._found(asked, existing) or self._topology.find(existing)
        subnets = [requested.match(each, network, existing) for each in asked]
        for subnet in subnets:
            self._sources.check(subnet, said.subnet_pools[subnet.version])
        keyed = [(each.key, subnet) for each, subnet in zip(asked, subnets, strict=True)]
        return self._stand_on(network, owner, keyed, said)

    def _adopt_whole(self, owner: str, existing: Existing, said: "_Said") -> None:
        """Stand on an existing network whose addresses Neutron gives out: Docker has the null IPAM."""
        if not existing:
            raise InvalidInput(
                "--ipam-driver null leaves the addresses to Neutron, so it needs an existing network",
                hint="name it by -o neutron.net.name=…, or use --ipam-driver kuryr",
            )
        network = self._topology.find(existing)
        self._stand_on(network, owner, [("", subnet) for subnet in _one_per_family(network, existing)], said)

    def _stand_on(self, network: Network, owner: str, subnets: Sequence[tuple[str, Subnet]], said: "_Said") -> Bound:
        """Adopt a network, with those of its subnets that containers get addresses of by certain keys."""
        said.spec.check(network, [subnet for _, subnet in subnets])
        template = self._guards.resolve(said.ports, network.project_id, anew=True)
        berths = tuple(Berth.at(key, subnet.id) for key, subnet in subnets)
        outlet = self._outlets.chosen(said.values, said.style, made=False)
        settings = (*said.settings, *self._outlets.led(outlet, network).settings)
        return self._networks.adopt(Anchorage(owner, berths, settings), network, template)

    def _found(self, asked: Sequence[Requested], existing: Existing) -> Network | None:
        """The network that was found when Docker asked for the pools, if it is the same for all of them."""
        found = {
            each.pending.found[0].id: each.pending.found[0] for each in asked if each.pending and each.pending.found
        }
        if len(found) > 1:
            raise InvalidInput("--ipam-opt names subnets of two different networks")
        same = all(each.pending and each.pending.found and each.pending.existing == existing for each in asked)
        return next(iter(found.values())) if same else None


def _existing(said: "_Said", asked: Sequence[Requested]) -> Existing:
    """The existing network that -o and --ipam-opt name together. Raises InvalidInput when they contradict."""
    existing = said.existing
    for each in asked:
        existing = naming.agree(existing, each.pending.existing) if each.pending else existing
    return existing


def _one_per_family(network: Network, existing: Existing) -> Iterator[Subnet]:
    """The subnets that were named; of a family of which none was named, the only one there is."""
    for version in (4, 6):
        named = existing.subnet_of(version)
        family = [subnet for subnet in network.subnets if subnet.version == version]
        if named or family:
            yield choose_subnet(network, named, version)


@dataclass(frozen=True)
class _Said:
    """What the options of a new network say: where it stands, its way out, what it is, and what its ports are."""

    values: Values
    existing: Existing
    style: GatewayStyle
    spec: NetworkSpec
    ports: PortTraits
    policy: ExposePolicy
    subnet_pools: Mapping[int, Named]
    """Those that ranges come from, by address family."""
    sticky: Sticky
    labels: Labels
    ahead: Ahead
    swarm: str
    """What the manager of the network's swarm has done, if it has one."""
    keeper: str = ""

    @property
    def settings(self) -> tuple[str, ...]:
        """What the anchor records in words."""
        rules = (self.style, self.sticky, self.labels, self.ahead)
        words = [word for rule in rules for word in rule.recorded]
        return (*words, *traits.words(self.ports), *self.policy.settings, *keeper_words(self.keeper))


def _said(given: messages.Options | None) -> _Said:
    """Raises InvalidInput."""
    values = catalogue.read(_generic(given), Place.NETWORK)
    internal = bool((given or {}).get(INTERNAL))
    return _Said(
        values,
        naming.existing(values),
        GatewayStyle.decided(values.get("kuryr.gateway"), internal=internal),
        traits.of_kind(values),
        traits.chosen(values),
        ExposePolicy.chosen(values),
        {version: naming.subnet_pool(values, version) for version in (4, 6)},
        Sticky.chosen(values.get("kuryr.sticky")),
        Labels.chosen(values.get("kuryr.labels")),
        Ahead.chosen(values.get("kuryr.ready_ports")),
        str(_generic(given).get(swarm.OPTION, "")),
    )


_BY_KEY = "give each container's endpoint --driver-opt kuryr.sticky.key=…"


def _generic(given: messages.Options | None) -> messages.Options:
    generic = (given or {}).get(GENERIC) or {}
    if not isinstance(generic, dict):
        raise InvalidInput("the options of this network cannot be read")
    return generic
