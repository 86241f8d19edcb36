"""The Neutron networks that Kuryr makes for an engine, and removes again: those that bear this host's mark.

Nothing here knows whether one is in use; who does, is `networks`.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from kuryr.errors import CloudRefused, Conflict, InvalidInput, KuryrError, NotFound
from kuryr.gateway.exposure.floating import FloatingIPs
from kuryr.gateway.identity import IDLE_OWNER, NESTED_OWNER, PORT_OWNER, name_for, through_words
from kuryr.gateway.networks.routers import Routers, detach_last
from kuryr.gateway.networks.specs import NetworkSpec, SubnetSpec, WayOut
from kuryr.gateway.topology import Topology
from kuryr.model import Mark, Network
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import NetworkResource, SubnetResource
from kuryr.neutron.subnets import SubnetSpec as NeutronSubnetSpec

LOG = logging.getLogger(__name__)

TAGS_LIMIT = 50
"""Tags of one resource (neutron.extensions.tagging, MAX_TAGS_COUNT)."""


class OwnNetworks:
    """Makes, changes and deletes them. Thread-safe. `sweep_soon` is called when something was left behind."""

    def __init__(
        self,
        neutron: Neutron,
        topology: Topology,
        routers: Routers,
        floating: FloatingIPs,
        mark: Mark,
        sweep_soon: Callable[[], None],
    ) -> None:
        self._neutron = neutron
        self._topology = topology
        self._routers = routers
        self._floating = floating
        self._mark = mark
        self._sweep_soon = sweep_soon
        self._under_way: set[str] = set()

    @contextmanager
    def making(self, owner: str, spec: NetworkSpec) -> Iterator[NetworkResource]:
        """A new network for `owner`: one request. It is deleted again when what is done with it fails.

        Raises CloudRefused, InvalidInput when this cloud cannot make it so.
        """
        made = self._make(owner, spec)
        self._under_way.add(made.id)
        try:
            yield made
        except BaseException:
            self._abandon(made.id)
            raise
        finally:
            self._under_way.discard(made.id)

    def add_subnets(self, network: NetworkResource, specs: Sequence[SubnetSpec]) -> Sequence[SubnetResource]:
        """New subnets, in their order: one request for all."""
        return self._neutron.subnets.create_many([self._subnet(network, spec) for spec in specs])

    def lead_out(self, network: Network, way: WayOut) -> Sequence[str]:
        """Lead one to the outside: one request for each subnet of a router's, one for a floating IP.

        Returns what the anchor must say of it. Raises InvalidInput, Exhausted.
        """
        if way.router_id:
            self._routers.attach(way.router_id, network)
        if not way.floating_from:
            return ()
        return through_words(self._floating.make(way.floating_from, network.project_id).id)

    def is_one(self, network_id: str) -> bool:
        """Whether a network is one of them; False as well when it is gone."""
        try:
            network = self._topology.network(network_id)
        except NotFound:
            return False
        return network.mark == str(self._mark) and network.project_id == self._neutron.project_id

    def take_over(self, network: Network) -> None:
        """From now on a network that Kuryr made on another host is one of this host's: at most one request."""
        if network.mark != str(self._mark):
            self._neutron.networks.update(network.id, description=str(self._mark))
            self._topology.forget(network.id)

    def tag(self, network_id: str, tags: Sequence[str]) -> None:
        """Add tags: one request, none if there is nothing to add. What is too much for Neutron is left out."""
        network = self._topology.network(network_id)
        missing = [tag for tag in tags if tag not in network.tags][: TAGS_LIMIT - len(network.tags)]
        if missing:
            self._neutron.networks.add_tags(network.id, missing)
            self._topology.forget(network.id)

    def abandoned(self, anchored: Collection[str]) -> set[str]:
        """Those that are not `anchored` and not just being made: one request."""
        # Anybody may write a mark, but not into our project.
        listed = self._neutron.networks.list(description=str(self._mark), project_id=self._neutron.project_id)
        return {network.id for network in listed} - {*anchored} - self._under_way

    def delete(self, network_id: str) -> None:
        """Delete one with its subnets, and what this host's containers left on it. Raises Conflict.

        One request, a few more if something was left; what is gone already is no error.
        """
        try:
            self._neutron.networks.delete(network_id)
        except Conflict:
            owners = [PORT_OWNER, NESTED_OWNER, IDLE_OWNER]
            for port in self._neutron.ports.list(
                network_id=network_id, description=str(self._mark), device_owner=owners
            ):
                self._neutron.ports.delete(port.id)
            detach_last(self._neutron, network_id)
            self._neutron.networks.delete(network_id)
        self._topology.forget(network_id)

    def _make(self, owner: str, spec: NetworkSpec) -> NetworkResource:
        try:
            made = self._neutron.networks.create(
                name=name_for(owner),
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

    def _abandon(self, network_id: str) -> None:
        try:
            self.delete(network_id)
        except KuryrError as error:
            LOG.warning("network %s was half made and is left to the sweep: %s", network_id, error)
            self._sweep_soon()
        self._topology.forget(network_id)
