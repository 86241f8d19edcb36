"""Networks, subnets and ports that an operator makes ahead of time, for containers to find by name or tag.

They bear the deployment's mark, so that they are found again, and are nobody's until a container gets them: a port is
idle until it is lent, and idle again when it is given back. Only what nobody uses is removed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from kuryr.errors import Conflict, InvalidInput, KuryrError
from kuryr.gateway.exposure.leads import leads_of
from kuryr.gateway.identity import IDLE_OWNER, is_sticky, lent_owner
from kuryr.gateway.topology import Existing, Topology, choose_subnet
from kuryr.model import IPNetwork, Mark, Named, Network, Subnet, Wanted, sticky_mac
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortSpec
from kuryr.neutron.resources import NetworkResource, PortResource, SubnetResource
from kuryr.neutron.tags import Tagged
from kuryr.neutron.takeover import takers_of

BULK = 50
"""Ports per request: a request for more takes longer than a time-out, and is all or nothing."""


@dataclass(frozen=True)
class Item:
    """Something that was made ahead of time. `use` says who uses it, "" for nobody."""

    kind: str
    id: str
    name: str
    network_id: str
    where: str = ""
    """A subnet's range, a port's addresses."""
    tags: tuple[str, ...] = ()
    use: str = ""
    revision: int = field(default=0, compare=False)


class Preallocation:
    """What an operator does by `kuryr preallocate`. Every method raises only KuryrError."""

    def __init__(self, neutron: Neutron, mark: Mark) -> None:
        self._neutron = neutron
        self._mark = mark
        self._topology = Topology(neutron)

    def networks(self, names: Iterable[str], tags: Sequence[str]) -> Iterator[Item]:
        """Make networks: one request each, and one for their tags."""
        for name in names:
            made = self._neutron.networks.create(
                name=name, description=self._mark.of_deployment, project_id=self._neutron.project_id
            )
            yield _of_network(_tagged(self._neutron.networks, made, tags), tags)

    def subnets(self, network: Named, cidrs: Iterable[IPNetwork], name: str, tags: Sequence[str]) -> Iterator[Item]:
        """Make subnets of a network: one request each, and one for their tags."""
        found = self._topology.find(Existing(network=network))
        for cidr in cidrs:
            made = self._neutron.subnets.create(
                network_id=found.id,
                name=name or f"{found.name}-{cidr}",
                description=self._mark.of_deployment,
                cidr=cidr,
                project_id=found.project_id,
            )
            yield _of_subnet(_tagged(self._neutron.subnets, made, tags), tags)

    def ports(
        self,
        network: Named,
        subnets: Sequence[Named],
        ports: Mapping[str, str],
        tags: Sequence[str],
        vnic_type: str = "normal",
    ) -> Iterator[Item]:
        """Make ports of a network, with an address in each of the subnets, or one of each family if none is named.

        `ports` gives each port's name, and its sticky key or ""; all are of the `vnic_type`. One request for fifty of
        them, and one for each one's tags.
        """
        found = self._topology.find(Existing(network=network))
        wanted = list(_addresses_in(found, subnets))
        left = iter(ports.items())
        while chunk := list(islice(left, BULK)):
            specs = [self._port(found, name, key, wanted, vnic_type) for name, key in chunk]
            for made in self._neutron.ports.create_many(specs):
                yield _of_port(_tagged(self._neutron.ports, made, tags), tags)

    def made(self) -> list[Item]:
        """All that was made ahead of time or for sticky keys, and who uses it: five requests at most."""
        marked = {"description": self._mark.of_deployment}
        networks = self._neutron.networks.list(project_id=self._neutron.project_id, **marked)
        subnets = self._neutron.subnets.list(**marked)
        owners = [IDLE_OWNER, lent_owner(self._mark)]
        kept = self._neutron.ports.list(device_owner=owners)
        ports = [port for port in kept if self._is_ours(port)]
        around = {network.id for network in networks} | {subnet.network_id for subnet in subnets}
        others = [port for port in self._neutron.ports.list(network_id=sorted(around)) if not _is_free(port)]
        return [
            *(
                _of_network(each, each.tags, _used([port for port in others if port.network_id == each.id]))
                for each in networks
            ),
            *(_of_subnet(each, each.tags, _used([port for port in others if _is_in(port, each)])) for each in subnets),
            *(_of_port(each, each.tags) for each in ports),
        ]

    def free(self, items: Iterable[Item]) -> Iterator[tuple[Item, KuryrError | None]]:
        """Remove what nobody uses, ports first; tells of each whether it is gone, or why not. One request each."""
        remove: dict[str, Callable[[Item], object]] = {
            "port": lambda item: self._neutron.ports.delete(item.id, revision=item.revision),
            "subnet": lambda item: self._neutron.subnets.delete(item.id),
            "network": lambda item: self._neutron.networks.delete(item.id),
        }
        for item in sorted(items, key=lambda item: list(remove).index(item.kind)):
            try:
                if item.use:
                    raise Conflict(f"{item.kind} {item.name or item.id} is in use: {item.use}")
                remove[item.kind](item)
            except KuryrError as error:
                yield item, error
            else:
                yield item, None

    def _port(self, network: Network, name: str, key: str, wanted: Sequence[Wanted], vnic_type: str) -> PortSpec:
        return PortSpec(
            network_id=network.id,
            name=name,
            description=self._mark.of_deployment,
            device_owner=IDLE_OWNER,
            device_id="",
            fixed_ips=wanted,
            mac=sticky_mac(key) if key else None,
            project_id=network.project_id,
            vnic_type=vnic_type,
        )

    def _is_ours(self, port: PortResource) -> bool:
        return port.description == self._mark.of_deployment or is_sticky(port.description, self._mark)


def _addresses_in(network: Network, subnets: Sequence[Named]) -> Iterator[Wanted]:
    if not network.subnets:
        raise InvalidInput(f"network {network.name or network.id} has no subnet", hint="make one first")
    for named in subnets:
        found = [subnet for subnet in network.subnets if _is_meant(subnet, named)]
        if len(found) != 1:
            raise InvalidInput(f"{len(found)} subnets of network {network.name or network.id} are {named}")
        yield found[0].id, None
    if not subnets:
        for version in sorted({subnet.version for subnet in network.subnets}):
            yield choose_subnet(network, Named(), version).id, None


def _is_meant(subnet: Subnet, named: Named) -> bool:
    return named.id in {"", subnet.id} and named.name in {"", subnet.name}


def _tagged(collection: Tagged[Any], made: Any, tags: Sequence[str]) -> Any:
    collection.add_tags(made.id, tags)
    return made


def _of_network(network: NetworkResource, tags: Sequence[str], use: str = "") -> Item:
    return Item("network", network.id, network.name, network.id, "", tuple(tags), use)


def _of_subnet(subnet: SubnetResource, tags: Sequence[str], use: str = "") -> Item:
    return Item("subnet", subnet.id, subnet.name, subnet.network_id, str(subnet.cidr), tuple(tags), use)


def _of_port(port: PortResource, tags: Sequence[str]) -> Item:
    where = ", ".join(str(fixed_ip.address) for fixed_ip in port.fixed_ips)
    shown = tuple(tag for tag in tags if tag not in {*takers_of(port), *leads_of(port)})
    use = "" if _is_free(port) else f"host {port.host or 'none yet'}"
    return Item("port", port.id, port.name, port.network_id, where, shown, use, port.revision)


def _is_free(port: PortResource) -> bool:
    """Whether nobody uses a port. Those of Neutron's own DHCP and metadata go with their network."""
    if port.device_owner in {"network:dhcp", "network:distributed"}:
        return True
    return port.device_owner == IDLE_OWNER and not (port.device_id or port.host or takers_of(port))


def _is_in(port: PortResource, subnet: SubnetResource) -> bool:
    return any(fixed_ip.subnet_id == subnet.id for fixed_ip in port.fixed_ips)


def _used(ports: Sequence[PortResource]) -> str:
    return f"{len(ports)} port{'s' * (len(ports) != 1)}" if ports else ""
