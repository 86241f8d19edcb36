"""Neutron's networks and subnets as containers see them, and where they are looked up.

Networks change rarely and are asked for at every start of a container, so what was read is kept, and read anew
by every sweep. Look-ups by name, tag or id see the networks of Kuryr's project and those shared with it, and no others:
the service role could see every project's.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kuryr.errors import Conflict, NotFound
from kuryr.gateway.naming import Names
from kuryr.model import IPNetwork, Named, Network, Subnet

if TYPE_CHECKING:  # as in `naming`
    from kuryr.neutron.client import Neutron
    from kuryr.neutron.resources import NetworkResource, SubnetResource


@dataclass(frozen=True)
class Existing:
    """An existing network, and subnets of it, as a user names them."""

    network: Named = field(default_factory=Named)
    subnet: Named = field(default_factory=Named)
    subnet_v6: Named = field(default_factory=Named)

    def __bool__(self) -> bool:
        return bool(self.network or self.subnet or self.subnet_v6)

    def subnet_of(self, version: int) -> Named:
        """How the subnet of an address family is named."""
        return self.subnet_v6 if version == 6 else self.subnet


class Topology:
    """Reads networks with their subnets, and remembers them. Thread-safe.

    `sees` says which networks are found by name: by default those of Kuryr's project and those that others share.
    """

    def __init__(self, neutron: "Neutron", sees: Callable[[Network], bool] | None = None) -> None:
        self._neutron = neutron
        self._sees = sees
        self._names = Names(neutron)
        self._lock = threading.Lock()
        self._known: dict[str, Network] = {}

    def network(self, network_id: str) -> Network:
        """The network and its subnets, from memory if they were read before. Raises NotFound."""
        known = self._known.get(network_id)
        return known or self._read(self._neutron.networks.get(network_id))

    def network_of_subnet(self, subnet_id: str) -> Network:
        """The network that has this subnet, from memory if it was read before. Raises NotFound."""
        with self._lock:
            known = list(self._known.values())
        for network in known:
            if any(subnet.id == subnet_id for subnet in network.subnets):
                return network
        return self.network(self._neutron.subnets.get(subnet_id).network_id)

    def remembered(self, network_id: str) -> Network | None:
        """The network and its subnets, if they were read before."""
        return self._known.get(network_id)

    def networks(self, network_ids: Iterable[str]) -> dict[str, Network]:
        """Several networks, read by at most two requests. Those that do not exist are left out."""
        wanted = set(network_ids)
        self._read_many(wanted - set(self._known))
        return {network_id: self._known[network_id] for network_id in wanted if network_id in self._known}

    def remember(self, resource: "NetworkResource", subnets: Iterable["SubnetResource"]) -> Network:
        """Keep what was just read or made."""
        network = _network(resource, subnets)
        with self._lock:
            self._known[network.id] = network
        return network

    def forget(self, network_id: str) -> None:
        """Read this network anew when it is next asked for."""
        with self._lock:
            self._known.pop(network_id, None)

    def refresh(self) -> None:
        """Read every network that is remembered anew, by two requests for all of them."""
        with self._lock:
            known = set(self._known)
        found = self._read_many(known)
        for network_id in known - found:
            self.forget(network_id)

    def find(self, existing: Existing) -> Network:
        """The one network that `existing` names, or whose subnets it names.

        Two requests, three when only subnets are named. Raises NotFound, Conflict when a name or a tag means two,
        InvalidInput when the parts contradict.
        """
        if existing.network:
            return self._read(self._find_network(existing.network))
        if existing.subnet:
            return self._read(self._network_of_subnet(existing.subnet, "neutron.subnet.uuid"))
        return self._read(self._network_of_subnet(existing.subnet_v6, "neutron.subnet.v6.uuid"))

    def _visible(self, found: Sequence["NetworkResource"]) -> Sequence["NetworkResource"]:
        return [each for each in found if self._sees(_network(each))] if self._sees else self._names.visible(found)

    def _read_many(self, network_ids: Iterable[str]) -> set[str]:
        """Read networks with their subnets. Returns the ids of those that exist."""
        wanted = sorted(network_ids)
        subnets = self._neutron.subnets.list(network_id=wanted)
        networks = self._neutron.networks.list(id=wanted)
        for resource in networks:
            self.remember(resource, [subnet for subnet in subnets if subnet.network_id == resource.id])
        return {resource.id for resource in networks}

    def _read(self, resource: "NetworkResource") -> Network:
        return self.remember(resource, self._neutron.subnets.list(network_id=resource.id))

    def _find_network(self, named: Named) -> "NetworkResource":
        found = self._names.find(self._neutron.networks, named)
        return self._names.only(self._visible(found), "network", named, "neutron.net.uuid")

    def _network_of_subnet(self, named: Named, option: str) -> "NetworkResource":
        found = self._names.find(self._neutron.subnets, named)
        networks = self._neutron.networks.list(id=[subnet.network_id for subnet in found])
        visible = {network.id: network for network in self._visible(networks)}
        subnet = self._names.only([each for each in found if each.network_id in visible], "subnet", named, option)
        return visible[subnet.network_id]


def _network(resource: "NetworkResource", subnets: Iterable["SubnetResource"] = ()) -> Network:
    return Network(
        id=resource.id,
        name=resource.name,
        project_id=resource.project_id,
        mtu=resource.mtu,
        mark=resource.description,
        tags=resource.tags,
        shared=resource.shared,
        dns_domain=resource.dns_domain,
        subnets=tuple(subnet.subnet for subnet in subnets),
    )


def choose_subnet(network: Network, named: Named, version: int, cidr: IPNetwork | None = None) -> Subnet:
    """The one subnet of an address family that all of what was given agrees on.

    Raises NotFound when there is none, Conflict when there are several.
    """
    family = [subnet for subnet in network.subnets if subnet.version == version]
    candidates = [
        subnet
        for subnet in family
        if named.id in {"", subnet.id}
        and named.name in {"", subnet.name}
        and (not named.tag or named.tag in subnet.tags)
        and cidr in {None, subnet.cidr}
    ]
    if len(candidates) == 1:
        return candidates[0]
    has = ", ".join(f"{subnet.cidr} ({subnet.id})" for subnet in family) or "none"
    label = network.name or network.id
    option = "neutron.subnet.uuid" if version == 4 else "neutron.subnet.v6.uuid"
    if candidates:
        raise Conflict(
            f"network {label} has several IPv{version} subnets: {has}", hint=f"choose by --subnet or {option}"
        )
    wanted = " ".join(str(part) for part in (named, cidr) if part)
    raise NotFound(f"network {label} has no IPv{version} subnet {wanted}".rstrip(), hint=f"it has: {has}")
