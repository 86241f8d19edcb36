"""Neutron's networks and subnets as containers see them, and where they are looked up.

Networks change rarely and are asked for at every start of a container, so what was read is kept, and read anew
by every sweep. Look-ups by name or id see the networks of Kuryr's project and those shared with it, and no others: the
service role could see every project's.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.model import IPNetwork, Network, Subnet
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import NetworkResource, SubnetResource

Named = TypeVar("Named", NetworkResource, SubnetResource)


@dataclass(frozen=True)
class Existing:
    """An existing network or subnet, as a user names it. Empty fields say nothing."""

    network_id: str = ""
    network_name: str = ""
    subnet_id: str = ""
    subnet_name: str = ""

    def __bool__(self) -> bool:
        return bool(self.network_id or self.network_name or self.subnet_id or self.subnet_name)


class Topology:
    """Reads networks with their subnets, and remembers them. Thread-safe."""

    def __init__(self, neutron: Neutron) -> None:
        self._neutron = neutron
        self._lock = threading.Lock()
        self._known: dict[str, Network] = {}

    def network(self, network_id: str) -> Network:
        """The network and its subnets, from memory if they were read before. Raises NotFound."""
        known = self._known.get(network_id)
        return known or self._read(self._neutron.networks.get(network_id))

    def remembered(self, network_id: str) -> Network | None:
        """The network and its subnets, if they were read before."""
        return self._known.get(network_id)

    def networks(self, network_ids: Iterable[str]) -> dict[str, Network]:
        """Several networks, read by at most two requests. Those that do not exist are left out."""
        wanted = set(network_ids)
        self._read_many(wanted - set(self._known))
        return {network_id: self._known[network_id] for network_id in wanted if network_id in self._known}

    def remember(
        self, resource: NetworkResource, subnets: Iterable[SubnetResource], *, complete: bool = True
    ) -> Network:
        """Keep what was just read or made. Unless `complete`, the network may have more subnets than these."""
        fresh = {subnet.id: subnet.subnet for subnet in subnets}
        with self._lock:
            known = self._known.get(resource.id)
            if known and not complete:
                fresh = {subnet.id: subnet for subnet in known.subnets} | fresh
            network = Network(
                id=resource.id,
                name=resource.name,
                project_id=resource.project_id,
                mtu=resource.mtu,
                mark=resource.description,
                subnets=tuple(fresh.values()),
            )
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

    def find(self, existing: Existing, cidr: IPNetwork | None = None) -> tuple[Network, Subnet]:
        """The one network and subnet that `existing` names, and that has this CIDR if one is given.

        Two requests. Raises NotFound, Conflict when a name means two, InvalidInput when the parts contradict.
        """
        if existing.network_id or existing.network_name:
            network = self._read(self._find_network(existing))
            return network, _choose_subnet(network, existing, cidr)
        subnet, resource = self._find_subnet(existing)
        network = self.remember(resource, [subnet], complete=False)
        return network, _choose_subnet(network, replace(existing, subnet_id=subnet.id), cidr)

    def _read_many(self, network_ids: Iterable[str]) -> set[str]:
        """Read networks with their subnets. Returns the ids of those that exist."""
        wanted = sorted(network_ids)
        subnets = self._neutron.subnets.list(network_id=wanted)
        networks = self._neutron.networks.list(id=wanted)
        for resource in networks:
            self.remember(resource, [subnet for subnet in subnets if subnet.network_id == resource.id])
        return {resource.id for resource in networks}

    def _read(self, resource: NetworkResource) -> Network:
        return self.remember(resource, self._neutron.subnets.list(network_id=resource.id))

    def _find_network(self, existing: Existing) -> NetworkResource:
        name = existing.network_name
        if existing.network_id:
            network = self._visible(self._neutron.networks.get(existing.network_id), f"network {existing.network_id}")
            if name not in {"", network.name}:
                raise InvalidInput(f"network {network.id} is named {network.name!r}, not {name!r}")
            return network
        found = [each for each in self._neutron.networks.list(name=name) if self._is_visible(each)]
        return self._only(found, "network", name, "neutron.net.uuid")

    def _find_subnet(self, existing: Existing) -> tuple[SubnetResource, NetworkResource]:
        name = existing.subnet_name
        if existing.subnet_id:
            subnet = self._neutron.subnets.get(existing.subnet_id)
            if name not in {"", subnet.name}:
                raise InvalidInput(f"subnet {subnet.id} is named {subnet.name!r}, not {name!r}")
            return subnet, self._visible(self._neutron.networks.get(subnet.network_id), f"subnet {subnet.id}")
        found = self._neutron.subnets.list(name=name)
        networks = self._neutron.networks.list(id=[subnet.network_id for subnet in found])
        visible = {network.id: network for network in networks if self._is_visible(network)}
        subnet = self._only(
            [each for each in found if each.network_id in visible], "subnet", name, "neutron.subnet.uuid"
        )
        return subnet, visible[subnet.network_id]

    def _only(self, found: Sequence[Named], kind: str, name: str, option: str) -> Named:
        """The one that is meant by a name: of this project before those that others share with it."""
        mine = [each for each in found if each.project_id == self._neutron.project_id]
        candidates = mine or found
        if not candidates:
            raise NotFound(f"no Neutron {kind} named {name!r} is visible to this project", hint="check the name")
        if len(candidates) > 1:
            ids = ", ".join(sorted(each.id for each in candidates))
            raise Conflict(
                f"{len(candidates)} Neutron {kind}s are named {name!r}: {ids}", hint=f"choose one by {option}"
            )
        return candidates[0]

    def _is_visible(self, network: NetworkResource) -> bool:
        return network.shared or network.project_id == self._neutron.project_id

    def _visible(self, network: NetworkResource, what: str) -> NetworkResource:
        if not self._is_visible(network):
            raise NotFound(f"no {what} is visible to this project")
        return network


def _choose_subnet(network: Network, existing: Existing, cidr: IPNetwork | None) -> Subnet:
    """The subnet of `network` that all of what was given agrees on."""
    candidates = [
        subnet
        for subnet in network.subnets
        if existing.subnet_id in {"", subnet.id}
        and existing.subnet_name in {"", subnet.name}
        and cidr in {None, subnet.cidr}
        and subnet.cidr.version == 4
    ]
    if len(candidates) == 1:
        return candidates[0]
    has = ", ".join(f"{subnet.cidr} ({subnet.id})" for subnet in network.subnets) or "none"
    wanted = " ".join(str(part) for part in (existing.subnet_name or existing.subnet_id, cidr) if part)
    if candidates:
        raise Conflict(
            f"network {network.name or network.id} has several subnets: {has}",
            hint="choose one by --subnet or neutron.subnet.uuid",
        )
    raise NotFound(f"network {network.name or network.id} has no IPv4 subnet {wanted}".rstrip(), hint=f"it has: {has}")
