"""The state of an in-memory Neutron, kept by the rules of each family.

Only rules that Kuryr leans on are here. Statuses, error types and messages are those of Neutron 2026.2 with ML2/OVN.
"""

import copy
import uuid
from collections.abc import Sequence

from kuryr_lab.fake.attributes import Body, check_tags
from kuryr_lab.fake.networks import NetworkRules, SubnetRules
from kuryr_lab.fake.pools import PoolRules
from kuryr_lab.fake.ports import PortRules
from kuryr_lab.fake.refusals import Refusal, not_found
from kuryr_lab.fake.routing import FloatingIPRules, ForwardingRules, RouterRules
from kuryr_lab.fake.rules import Rules
from kuryr_lab.fake.security import GroupRuleRules, GroupRules
from kuryr_lab.fake.tables import TABLES
from kuryr_lab.fake.trunks import TrunkRules


class Cloud:
    """Resources by kind. Not thread-safe: one request at a time."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Body]] = {kind: {} for kind in TABLES}
        self.dead_hosts: set[str] = set()
        """Hosts without a working agent: binding a port to them fails."""
        self._groups, self.routers, self.trunks = GroupRules(self), RouterRules(self), TrunkRules(self)
        self._rules: dict[str, Rules] = {
            "network": NetworkRules(self),
            "subnet": SubnetRules(self),
            "subnetpool": PoolRules(self),
            "port": PortRules(self),
            "security_group": self._groups,
            "security_group_rule": GroupRuleRules(self),
            "policy": Rules(self),
            "agent": Rules(self),
            "router": self.routers,
            "floatingip": FloatingIPRules(self),
            "port_forwarding": ForwardingRules(self),
            "trunk": self.trunks,
        }

    def create(self, kind: str, bodies: Sequence[Body], project_id: str) -> list[Body]:
        """Make all or none of `bodies`."""
        # Rules replace what a resource has and never change it in place; so copies of one level are enough.
        before = {each: {id_: dict(body) for id_, body in found.items()} for each, found in self.resources.items()}
        try:
            return [self._create(kind, body, project_id) for body in bodies]
        except Refusal:
            self.resources = before
            raise

    def _create(self, kind: str, body: Body, project_id: str) -> Body:
        asked = copy.deepcopy(TABLES[kind].check_post(body))
        made = {"id": str(uuid.uuid4()), "project_id": project_id, "revision_number": 0, "tags": [], **asked}
        made["tenant_id"] = made["project_id"]
        self._rules[kind].complete(made)
        self.resources[kind][made["id"]] = made
        self._rules[kind].follow(made)
        return self.shown(kind, made)

    def get(self, kind: str, id_: str) -> Body:
        """One resource as it is kept; raises Refusal 404."""
        found = self.resources[kind].get(id_)
        if found is None:
            raise not_found(kind, id_)
        return found

    def where(self, kind: str, **attributes: object) -> list[Body]:
        """All resources, as they are kept, with these attributes."""
        return [
            body
            for body in self.resources[kind].values()
            if all(body[name] == value for name, value in attributes.items())
        ]

    def update(self, kind: str, id_: str, changes: Body) -> Body:
        """Change attributes of one resource."""
        found = self.get(kind, id_)
        TABLES[kind].check_put(changes)
        wanted = copy.deepcopy(changes)
        self._rules[kind].change(found, wanted)
        found.update(wanted)
        found["revision_number"] += 1
        return self.shown(kind, found)

    def delete(self, kind: str, id_: str) -> None:
        """Remove one resource, and what goes along with it; raises Refusal 404 or 409."""
        self._rules[kind].remove(self.get(kind, id_))
        del self.resources[kind][id_]

    def tag(self, kind: str, id_: str, tags: Sequence[str]) -> None:
        """Add tags to a resource."""
        check_tags(list(tags))
        found = self.get(kind, id_)
        found["tags"] = sorted({*found["tags"], *tags})
        found["revision_number"] += 1

    def untag(self, kind: str, id_: str, tag: str) -> None:
        """Remove a tag from a resource."""
        found = self.get(kind, id_)
        if tag not in found["tags"]:
            raise not_found("tag", tag)
        found["tags"].remove(tag)
        found["revision_number"] += 1

    def report(self, host: str, agent_type: str, *, alive: bool = True) -> None:
        """An agent of a host reports, or has not done so for long."""
        id_ = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{agent_type}.{host}"))
        self.resources["agent"][id_] = {
            "id": id_,
            "agent_type": agent_type,
            "host": host,
            "alive": alive,
            "admin_state_up": True,
            "heartbeat_timestamp": "2026-01-01 00:00:00",
        }

    def default_group(self, project_id: str) -> str:
        """The id of a project's default security group."""
        return self._groups.default_of(project_id)

    def shown(self, kind: str, body: Body) -> Body:
        """A resource as it is answered."""
        return self._rules[kind].shown(body)
