"""Security groups that let others reach certain ports of containers.

Most images expose ports, so containers that open the same ports to the same sources on a network share one group, on
all hosts. Its name says what it opens, as a hash, so a host looks before it makes one; two hosts that make the same at
the same moment do no harm. A group is never changed while it is right, and made right when a crash left it half made.

A group admits and nothing else: Neutron lets every new group send anywhere, and that is taken back, because it would
undo what a container's own groups forbid.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network

from kuryr.errors import CloudUnavailable, Conflict, KuryrError
from kuryr.locks import KeyedLocks
from kuryr.model import IPNetwork, Mark, Network, Opening, PortRange
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import SecurityGroupResource, SecurityGroupRuleResource
from kuryr.neutron.security import SecurityGroupRuleSpec
from kuryr.suspects import Suspects

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Admission:
    """One rule of a security group that lets packets in; its address family is that of `source`."""

    ports: PortRange
    source: IPNetwork


def admissions(opening: Opening) -> frozenset[Admission]:
    """The rules that make an opening true: as few as can be."""
    return frozenset(Admission(ports, source) for ports in merged(opening.ports) for source in opening.sources)


def merged(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """The same ports in as few ranges as can be, in order."""
    ranges: list[PortRange] = []
    for each in sorted(ports):
        last = ranges[-1] if ranges else None
        if last and last.protocol == each.protocol and each.first <= last.last + 1:
            ranges[-1] = replace(last, last=max(last.last, each.last))
        else:
            ranges.append(each)
    return tuple(ranges)


class Openings:
    """The groups that this host needs, found or made once. Thread-safe."""

    def __init__(self, neutron: Neutron, mark: Mark) -> None:
        self._neutron = neutron
        self._mark = mark
        self._order = KeyedLocks()
        self._known: dict[str, str] = {}
        """Ids of groups that were right when they were last seen, by name."""
        self._listed: dict[str, str] = {}
        """Ids of all groups of this host's making at the last sweep, by name."""

    def groups(self, network: Network, openings: Iterable[Opening]) -> list[str]:
        """The ids of groups that make the openings true on a network: no request for those that are known."""
        return list(dict.fromkeys(self._group(network, opening) for opening in openings))

    def without(self, group_ids: Iterable[str]) -> list[str]:
        """Those of a port's groups that are not known to be openings."""
        known = {*self._known.values(), *self._listed.values()}
        return [group_id for group_id in group_ids if group_id not in known]

    def forget(self, network_id: str) -> None:
        """Look for the groups of a network anew when they are next asked for."""
        for name in self._of_network(network_id):
            self._known.pop(name, None)

    def drop(self, network_id: str) -> None:
        """Delete the groups that this host has used on a network, because it does not use that any more.

        What containers of other hosts still use stays, for whoever drops or sweeps it last.
        """
        for name in self._of_network(network_id):
            known = {self._known.pop(name, ""), self._listed.pop(name, "")}
            for group_id in known - {""}:
                self._delete(group_id)

    def sweep(self, suspects: Suspects) -> int:
        """Delete the groups of this host's making that no port has needed for the grace period.

        Two requests, one when there are none. Returns how many look unneeded and are still there. Raises CloudError.
        """
        made = [
            group
            for group in self._neutron.security_groups.list(description=str(self._mark))
            if group.name.startswith(_PREFIX)
        ]
        self._listed = {group.name: group.id for group in made}
        ports = self._neutron.ports.list(security_groups=[group.id for group in made])
        used = {group_id for port in ports for group_id in port.security_groups}
        unused = {group.id: group.name for group in made if group.id not in used}

        def remove(group_id: str) -> None:
            self._known.pop(unused[group_id], None)
            self._neutron.security_groups.delete(group_id)

        return suspects.sweep({id_: f"security group {name}" for id_, name in unused.items()}, remove)

    def _of_network(self, network_id: str) -> list[str]:
        beginning = _beginning(network_id)
        return [name for name in {*self._known, *self._listed} if name.startswith(beginning)]

    def _group(self, network: Network, opening: Opening) -> str:
        wanted = admissions(opening)
        name = _name(network.id, self._mark.deployment, wanted)
        with self._order(name):
            if name not in self._known:
                group = self._found(network, name) or self._neutron.security_groups.create(
                    name=name, description=str(self._mark), project_id=network.project_id
                )
                self._correct(group, wanted)
                self._known[name] = group.id
            return self._known[name]

    def _found(self, network: Network, name: str) -> SecurityGroupResource | None:
        """The group that this or another host of the deployment has made."""
        listed = self._neutron.security_groups.list(name=name, project_id=network.project_id)
        ours = [group for group in listed if group.description.startswith(self._mark.beginning)]
        return min(ours, key=lambda group: group.id, default=None)

    def _correct(self, group: SecurityGroupResource, wanted: frozenset[Admission]) -> None:
        """Make a group admit what is wanted and nothing else: no request when it does."""
        for rule in group.rules:
            if _admission(rule) not in wanted:
                self._neutron.security_group_rules.delete(rule.id)
        missing = wanted - {_admission(rule) for rule in group.rules}
        if not missing:
            return
        try:
            self._neutron.security_group_rules.create_many([_rule(group, each) for each in sorted(missing, key=str)])
        except Conflict:
            # Another host was about to do the same.
            if not wanted <= {_admission(rule) for rule in self._neutron.security_groups.get(group.id).rules}:
                raise

    def _delete(self, group_id: str) -> None:
        """Delete a group. One that is in use, or resists, is the next sweep's."""
        try:
            self._neutron.security_groups.delete(group_id)
        except CloudUnavailable:
            raise
        except KuryrError as error:
            LOG.info("security group %s is not deleted yet: %s", group_id, error)


def _admission(rule: SecurityGroupRuleResource) -> Admission | None:
    """What a rule admits, if it is one of those that are made here."""
    first, last, source = rule.port_first, rule.port_last, rule.remote_cidr
    if rule.direction != "ingress" or first is None or last is None or source is None:
        return None
    return Admission(PortRange(rule.protocol, first, last), ip_network(source))


def _rule(group: SecurityGroupResource, admitted: Admission) -> SecurityGroupRuleSpec:
    return {
        "security_group_id": group.id,
        "direction": "ingress",
        "ethertype": "IPv4" if admitted.source.version == 4 else "IPv6",
        "protocol": admitted.ports.protocol,
        "ports": (admitted.ports.first, admitted.ports.last),
        "remote_cidr": admitted.source,
    }


_PREFIX = "kuryr-open-"


def _beginning(network_id: str) -> str:
    return f"{_PREFIX}{network_id[:8]}-"


def _name(network_id: str, deployment: str, wanted: frozenset[Admission]) -> str:
    said = "\n".join([deployment, network_id, *sorted(map(str, wanted))])
    return _beginning(network_id) + hashlib.sha256(said.encode()).hexdigest()[:16]
