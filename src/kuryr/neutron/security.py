"""Neutron's security groups and their rules.

A port's groups are of the port's own project. Even with the role `service`, which may make ports for any project,
only one's own project's groups are visible, and none can be made for another.
"""

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

from kuryr.model import IPAddress, IPNetwork
from kuryr.neutron.api import Api
from kuryr.neutron.collection import Collection
from kuryr.neutron.resources import SecurityGroupResource, SecurityGroupRuleResource
from kuryr.neutron.tags import Tagged


class SecurityGroups(Tagged[SecurityGroupResource]):
    """`/security-groups`. Names need not be unique, save for `default`, which every project has one of."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "security_group", SecurityGroupResource.parse, path="/security-groups")

    def create(self, *, name: str, description: str, project_id: str | None = None) -> SecurityGroupResource:
        """Make a group; Neutron gives it two rules that allow all egress. Raises Exhausted (quota), Conflict."""
        body = {"name": name, "description": description}
        return self._create(body if project_id is None else body | {"project_id": project_id})


class SecurityGroupRuleSpec(TypedDict):
    """What a new rule shall allow; what is not given is not restricted."""

    security_group_id: str
    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"]
    protocol: NotRequired[str]
    ports: NotRequired[tuple[int, int]]
    """First and last; needs `protocol`."""
    remote_cidr: NotRequired[IPAddress | IPNetwork]
    remote_group_id: NotRequired[str]
    description: NotRequired[str]


class SecurityGroupRules(Collection[SecurityGroupRuleResource]):
    """`/security-group-rules`. Deleting a group takes its rules along."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "security_group_rule", SecurityGroupRuleResource.parse, path="/security-group-rules")

    def create_many(self, specs: Sequence[SecurityGroupRuleSpec]) -> Sequence[SecurityGroupRuleResource]:
        """Make several rules in one call, all or none; answers them in the order of `specs`.

        Raises Conflict (a rule exists already), InvalidInput (ports without a protocol or upside down, a CIDR of the
        other family), NotFound (no such group), Exhausted (quota).
        """
        return self._create_many([_body(spec) for spec in specs])


def _body(spec: SecurityGroupRuleSpec) -> dict[str, Any]:
    first, last = spec.get("ports", (None, None))
    remote = spec.get("remote_cidr")
    return {
        "security_group_id": spec["security_group_id"],
        "direction": spec["direction"],
        "ethertype": spec["ethertype"],
        "protocol": spec.get("protocol"),
        "port_range_min": first,
        "port_range_max": last,
        "remote_ip_prefix": None if remote is None else str(remote),
        "remote_group_id": spec.get("remote_group_id"),
        "description": spec.get("description", ""),
    }
