"""What kuryr-libnetwork 18 left in Neutron for the engine of this host: found by its tags, served on, given back.

It wrote tags and names where this Kuryr writes marks and anchors (kuryr_libnetwork/constants.py, utils.py):

    network      kuryr.net.uuid.lh:<32 digits>, …uh:<the other 32>   the engine's network; one pair for each
                 kuryr.net.existing:<12 digits>                      was there before that one
    subnet       <id of a subnet pool>, by which the engine asks for addresses; named kuryr-subnet-… if it was made
    subnet pool  named kuryrPool-… if it was made, tagged kuryr.subnetpool.existing if it was there before
    port         compute:kuryr if it was made, kuryr.port.existing if it was there before; and a pair for the endpoint

A network is taken over by an anchor, like any other that exists; `INHERITED` among the anchor's settings says where
it came from. Until the engine removes it nothing else of it is changed, so that there is a way back.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.gateway.identity import ANCHOR_OWNER, INHERITED, PORT_OWNER, Anchorage, Berth, lent_owner
from kuryr.gateway.networks.anchors import Anchors
from kuryr.gateway.ports.container_ports import LocalCloud
from kuryr.gateway.topology import Topology
from kuryr.model import Mark, Network, Vif, is_uuid
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import NetworkResource, PortResource, SubnetResource

LOG = logging.getLogger(__name__)

_LOWER, _UPPER = "kuryr.net.uuid.lh:", "kuryr.net.uuid.uh:"
_EXISTING_NETWORK = "kuryr.net.existing:"
_EXISTING_POOL = "kuryr.subnetpool.existing"
_EXISTING_PORT = "kuryr.port.existing"
_MADE_PORT = PORT_OWNER
_NETWORK_NAME, _SUBNET_NAME, _POOL_NAME = "kuryr-net-", "kuryr-subnet-", "kuryrPool-"
_EXPOSED_PORTS = "Docker exposed ports created by Kuryr."


class Inheritance:
    """Finds, takes over and gives back what kuryr-libnetwork made or adopted. Thread-safe."""

    def __init__(self, neutron: Neutron, topology: Topology, anchors: Anchors, cloud: LocalCloud, mark: Mark) -> None:
        self._neutron = neutron
        self._topology = topology
        self._anchors = anchors
        self._cloud = cloud
        self._mark = mark
        self._strangers: set[str] = set()

    def networks(self, owners: Collection[str]) -> list[tuple[Anchorage, Network]]:
        """Those of the engine's networks `owners` that kuryr-libnetwork made: one request, two if there are any.

        An owner for whom nothing was found is not looked for again.
        """
        wanted = sorted(set(owners) - self._strangers)
        if not wanted:
            return []
        tagged = self._neutron.networks.list(**{"tags-any": [_pair(owner)[0] for owner in wanted]})
        visible = self._visible(tagged)
        found = {owner: [each for each in visible if {*_pair(owner)} <= {*each.tags}] for owner in wanted}
        self._strangers.update(owner for owner, candidates in found.items() if not candidates)
        networks = self._read([each for candidates in found.values() for each in candidates])
        return list(_anchorages(found, networks))

    def of_pool(self, pool_id: str) -> tuple[Anchorage, Network] | None:
        """The network whose subnet has its addresses asked for by this pool: three requests at most.

        The pool stands for the owner: the engine will name that when it makes the endpoint.
        """
        tagged = self._neutron.subnets.list(tags=pool_id)
        networks = self._neutron.networks.list(id=[subnet.network_id for subnet in tagged])
        known = [each for each in self._visible(networks) if any(tag.startswith(_LOWER) for tag in each.tags)]
        for network in self._read(known[:1]).values():
            return Anchorage(pool_id, _berths(network), (INHERITED,)), network
        return None

    def ports(self) -> list[Vif]:
        """The ports that kuryr-libnetwork bound to this host, on networks that were taken over of it: one request.

        Those that were taken over themselves are left out; the others are described as they will be then: those that
        were there before are lent.
        """
        anchors = self._anchors.all().values()
        wanted = sorted({each.network_id for each in anchors if INHERITED in each.anchorage.settings})
        if not wanted:
            return []
        listed = self._neutron.ports.list(network_id=wanted, **{"tags-any": [_MADE_PORT, _EXISTING_PORT]})
        heirs = [self._heir(port) for port in listed if self._is_inherited(port)]
        networks = self._topology.networks({port.network_id for port in heirs})
        return [self._cloud.vif_of(port, networks[port.network_id]) for port in heirs if port.network_id in networks]

    def take_over(self, vif: Vif) -> None:
        """Write on a port of `ports` that it is this host's; from now on it is an ordinary one.

        One request, or four if it is lent: those tags must go, because they are the port's for good.
        """
        if vif.lent is None:
            self._neutron.ports.update(vif.port_id, description=str(self._mark))
            return
        self._neutron.ports.update(vif.port_id, device_owner=lent_owner(self._mark), device_id=vif.owner)
        # The last one is that by which the port is found again.
        for tag in (*_pair(vif.owner), _EXISTING_PORT):
            self._neutron.ports.remove_tag(vif.port_id, tag)

    def give_back(self, anchorage: Anchorage, network_id: str) -> None:
        """Undo all that was done for the engine's network `anchorage.owner`, but for the network itself if it was made.

        That gets this host's mark, and its anchor is all that still keeps it. Twice is once. Raises Conflict while
        others use what would have to go.
        """
        try:
            network = self._neutron.networks.get(network_id)
        except NotFound:
            return
        own = {*_pair(anchorage.owner), _existing(anchorage.owner)}
        made = network.name.startswith(_NETWORK_NAME) and _existing(anchorage.owner) not in network.tags
        shared = any(tag.startswith(_LOWER) and tag not in own for tag in network.tags)
        if made and shared:
            raise Conflict(f"network {network.name} is still used by a Docker network of kuryr-libnetwork")
        if not shared:
            subnets = self._neutron.subnets.list(network_id=network_id)
            if made or any(_is_made(subnet) for subnet in subnets):
                self._empty(network_id, anchorage.owner)
            self._give_back_subnets(subnets, anchorage.keys)
        if made:
            self._neutron.networks.update(network_id, description=str(self._mark))
        for tag in sorted(own & {*network.tags}) if not made else ():
            self._neutron.networks.remove_tag(network_id, tag)
        self._remove_exposures()

    def _visible(self, networks: Sequence[NetworkResource]) -> list[NetworkResource]:
        """Anybody may write a tag, but not in our project."""
        mine = [each for each in networks if each.project_id == self._neutron.project_id]
        return mine or [each for each in networks if each.shared]

    def _read(self, resources: Sequence[NetworkResource]) -> dict[str, Network]:
        subnets = self._neutron.subnets.list(network_id=sorted({each.id for each in resources}))
        return {
            each.id: self._topology.remember(each, [subnet for subnet in subnets if subnet.network_id == each.id])
            for each in resources
        }

    def _is_inherited(self, port: PortResource) -> bool:
        """Whether kuryr-libnetwork bound the port to this host, and it has not been taken over since."""
        made = _MADE_PORT in port.tags and not port.description and port.device_owner == PORT_OWNER
        existing = _EXISTING_PORT in port.tags and port.device_owner in {PORT_OWNER, lent_owner(self._mark)}
        return port.host == self._mark.host and (made or existing)

    def _heir(self, port: PortResource) -> PortResource:
        """What will become of a port. Its tags name its user; its device_id may still name one of long ago."""
        if _EXISTING_PORT not in port.tags:
            return replace(port, description=str(self._mark))
        halves = [tag.removeprefix(half) for half in (_LOWER, _UPPER) for tag in port.tags if tag.startswith(half)]
        # While its tags are removed, the port is lent already.
        user = "".join(halves) if port.device_owner == PORT_OWNER else ""
        tags = tuple(tag for tag in port.tags if not tag.startswith((_LOWER, _UPPER, _EXISTING_PORT)))
        return replace(port, device_owner=lent_owner(self._mark), device_id=user or port.device_id, tags=tags)

    def _empty(self, network_id: str, owner: str) -> None:
        """Remove the ports that nobody has used or uses any more. Raises Conflict when others need the network."""
        ports = self._neutron.ports.list(network_id=network_id)
        anchors = [Anchorage.parse(port.device_id) for port in ports if port.device_owner == ANCHOR_OWNER]
        if any(anchor.owner != owner for anchor in anchors):
            raise Conflict(f"network {network_id} is still used by another Docker network, perhaps of another host")
        if any(self._is_inherited(port) for port in ports):
            raise Conflict(f"network {network_id} has ports that were not taken over from kuryr-libnetwork yet")
        for port in ports:
            marked = port.description == str(self._mark) and port.device_owner == PORT_OWNER
            unused = _MADE_PORT in port.tags and not (port.device_id or port.host)
            if marked or unused:
                self._neutron.ports.delete(port.id)

    def _give_back_subnets(self, subnets: Sequence[SubnetResource], pools: Sequence[str]) -> None:
        for subnet in subnets:
            if _is_made(subnet):
                self._neutron.subnets.delete(subnet.id)
        for pool in self._neutron.subnet_pools.list(id=sorted(pools)):
            if _EXISTING_POOL in pool.tags:
                self._neutron.subnet_pools.remove_tag(pool.id, _EXISTING_POOL)
            elif pool.name.startswith(_POOL_NAME):
                self._remove_pool(pool.id, subnets)
        for subnet in subnets:
            for tag in sorted({*pools} & {*subnet.tags}):
                self._neutron.subnets.remove_tag(subnet.id, tag)

    def _remove_pool(self, pool_id: str, own: Sequence[SubnetResource]) -> None:
        """kuryr-libnetwork of another host finds its subnet by the pool, so it goes with the last subnet."""
        others = {subnet.id for subnet in self._neutron.subnets.list(tags=pool_id)} - {subnet.id for subnet in own}
        if others:
            LOG.info("subnet pool %s is kept for subnets %s", pool_id, ", ".join(sorted(others)))
            return
        try:
            self._neutron.subnet_pools.delete(pool_id)
        except (Conflict, InvalidInput) as error:
            LOG.info("subnet pool %s is kept: %s", pool_id, error)

    def _remove_exposures(self) -> None:
        """Security groups for the exposed ports of containers whose Neutron port is gone: nobody uses them any more."""
        groups = self._neutron.security_groups.list(description=_EXPOSED_PORTS, project_id=self._neutron.project_id)
        of_port = {group.name.removesuffix("-exposed_ports"): group for group in groups}
        ports = sorted(name for name in of_port if is_uuid(name))
        living = {port.id for port in self._neutron.ports.list(id=ports)}
        for port_id in ports:
            if port_id not in living:
                self._neutron.security_groups.delete(of_port[port_id].id)


def _anchorages(
    found: dict[str, list[NetworkResource]], networks: dict[str, Network]
) -> Iterator[tuple[Anchorage, Network]]:
    for owner, candidates in found.items():
        if len(candidates) == 1:
            network = networks[candidates[0].id]
            yield Anchorage(owner, _berths(network), (INHERITED,)), network
        elif candidates:
            ids = ", ".join(sorted(each.id for each in candidates))
            LOG.warning("kuryr-libnetwork tagged several networks for Docker's %s: %s", owner[:12], ids)


def _berths(network: Network) -> tuple[Berth, ...]:
    """Of every subnet that has its addresses asked for, IPv4 first."""
    subnets = sorted(network.subnets, key=lambda subnet: subnet.version)
    return tuple(Berth.at(tag, subnet.id) for subnet in subnets for tag in subnet.tags if is_uuid(tag))


def _is_made(subnet: SubnetResource) -> bool:
    return subnet.name.startswith(_SUBNET_NAME)


def _pair(owner: str) -> tuple[str, ...]:
    """The tags that name the engine's network or endpoint; an id of a swarm is so short that it needs only one."""
    return (_LOWER + owner[:32], *([_UPPER + owner[32:64]] if owner[32:] else []))


def _existing(owner: str) -> str:
    return _EXISTING_NETWORK + owner[:12]
