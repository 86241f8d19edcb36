"""What a machine may name: only what it was granted or has been told, or what Neutron itself shows to be its own.

Whatever is told to a machine is remembered, so that checking what it names later costs no request. What is not
remembered, after a restart of the service above all, is looked up. Of a port or a network only the id is taken from
the machine; what else there is to know of it, the service knows better.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.gateway.protocol import Gateway
from kuryr.gateway.service.grants import Grant
from kuryr.model import Kind, Mark, Named, Network, PortTraits
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import SubnetPoolResource

MOST_KNOWN = 20_000
"""Names that are remembered for one machine; the oldest is looked up again."""


class Knowledge:
    """What one machine has been told. Thread-safe.

    `covers` says whether it may know and use a network. Look-ups raise CloudError.
    """

    def __init__(
        self, grant: Grant, mark: Mark, neutron: Neutron, gateway: Gateway, covers: Callable[[Network], bool]
    ) -> None:
        self._grant = grant
        self._mark = mark
        self._neutron = neutron
        self._gateway = gateway
        self._covers = covers
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Kind, str], object] = OrderedDict()
        self._look_up: Mapping[Kind, Callable[[str], object]] = {
            Kind.NETWORK: self._network,
            Kind.SUBNET: self._subnet,
            Kind.PORT: self._port,
            Kind.SECURITY_GROUP: self._security_group,
            Kind.QOS_POLICY: self._qos_policy,
            Kind.SUBNET_POOL: self._subnet_pool,
            Kind.ROUTER: lambda id_: gateway.routers.find(Named(id=id_)).id,
            Kind.EXTERNAL_NETWORK: lambda id_: gateway.routers.find_external(Named(id=id_)),
            Kind.FLOATING_IP: self._floating_ip,
            Kind.PROJECT: self._project,
        }

    def named(self, kind: Kind, name: str) -> object:
        """What stands for a name that the machine uses. Raises NotFound when it may not, or when there is nothing."""
        with self._lock:
            known = self._known.get((kind, name))
        if known is not None and kind is not Kind.NETWORK:
            return known
        try:
            found = self._look_up[kind](name)
        except (NotFound, Conflict, InvalidInput) as error:
            # In one and the same way, so that nothing can be learnt from it.
            word = kind.name.lower().replace("_", " ")
            raise NotFound(
                f"{self._grant.name} has no {word} {name:.64}", hint="see the gateway service's grants"
            ) from error
        self.told(kind, name, found)
        return found

    def told(self, kind: Kind, name: str, what: object) -> None:
        """The machine learns of something. An id alone replaces no object."""
        with self._lock:
            self._known[kind, name] = self._known.get((kind, name), what) if isinstance(what, str) else what
            self._known.move_to_end((kind, name))
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def forget(self, kind: Kind, name: str) -> None:
        """It may be somebody else's from now on."""
        with self._lock:
            self._known.pop((kind, name), None)

    def _network(self, id_: str) -> Network:
        return self._covered(self._gateway.topology.network(id_))

    def _covered(self, network: Network) -> Network:
        if not self._covers(network):
            raise NotFound(f"network {network.id} is not granted")
        return network

    def _subnet(self, id_: str) -> str:
        self._covered(self._gateway.topology.network_of_subnet(id_))
        return id_

    def _port(self, id_: str) -> object:
        cloud = self._gateway.ports
        for vif in (*cloud.held(), *cloud.half_lent()):
            self.told(Kind.PORT, vif.port_id, vif)
        with self._lock:
            known = self._known.get((Kind.PORT, id_))
        if known is None:
            raise NotFound(f"port {id_} is not one of this host")
        return known

    def _security_group(self, id_: str) -> str:
        self._gateway.guards.resolve(PortTraits(security_groups=(id_,)))
        return id_

    def _qos_policy(self, id_: str) -> str:
        self._gateway.guards.resolve(PortTraits(qos_policy=id_))
        return id_

    def _subnet_pool(self, id_: str) -> str:
        pools: list[SubnetPoolResource] = []
        for version in (4, 6):
            try:
                pools.append(self._gateway.subnet_pools.find(Named(id=id_), version))
            except InvalidInput:
                continue
        return pools[0].id

    def _floating_ip(self, id_: str) -> str:
        project = self._neutron.project_id
        found = self._neutron.floating_ips.list(id=id_, description=str(self._mark), project_id=project)
        if not found:
            raise NotFound(f"floating IP {id_} is not one of this host")
        return id_

    def _project(self, id_: str) -> str:
        granted = (self._gateway.topology.network(each).project_id for each in sorted(self._grant.networks))
        if id_ != self._neutron.project_id and id_ not in granted:
            raise NotFound(f"project {id_} is not this machine's")
        return id_
