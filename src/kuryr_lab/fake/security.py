"""Security groups, their rules, and QoS policies (neutron.db.securitygroups_db, neutron.services.qos)."""

import uuid
from ipaddress import ip_network

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.refusals import Refusal, conflict
from kuryr_lab.fake.rules import Rules


class GroupRules(Rules):
    """Security groups."""

    def complete(self, group: Body) -> None:
        if group["name"] == "default":
            raise conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")

    def follow(self, group: Body) -> None:
        egress = {"security_group_id": group["id"], "direction": "egress"}
        self.cloud.create(
            "security_group_rule", [{**egress, "ethertype": kind} for kind in ("IPv4", "IPv6")], group["project_id"]
        )

    def remove(self, group: Body) -> None:
        used = any(group["id"] in port["security_groups"] for port in self.cloud.resources["port"].values())
        if used or group["name"] == "default":
            raise conflict("SecurityGroupInUse", f"Security Group {group['id']} in use.")
        for rule in self.cloud.where("security_group_rule", security_group_id=group["id"]):
            del self.cloud.resources["security_group_rule"][rule["id"]]

    def shown(self, group: Body) -> Body:
        rules = self.cloud.where("security_group_rule", security_group_id=group["id"])
        return {**super().shown(group), "security_group_rules": [dict(rule) for rule in rules]}

    def default_of(self, project_id: str) -> str:
        """The project's default group, which is there as soon as anybody looks."""
        id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, project_id))
        if id_ not in self.cloud.resources["security_group"]:
            body = {"id": id_, "name": "default", "description": "Default security group", "tags": []}
            owner = {"project_id": project_id, "tenant_id": project_id, "revision_number": 0}
            self.cloud.resources["security_group"][id_] = {**body, **owner}
            self.follow(self.cloud.get("security_group", id_))
            among = {"security_group_id": id_, "direction": "ingress", "remote_group_id": id_}
            self.cloud.create(
                "security_group_rule", [{**among, "ethertype": kind} for kind in ("IPv4", "IPv6")], project_id
            )
        return id_


_TELLING = (
    "security_group_id",
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


class GroupRuleRules(Rules):
    """Rules of security groups."""

    def complete(self, rule: Body) -> None:
        self.cloud.get("security_group", rule["security_group_id"])
        first, last = rule["port_range_min"], rule["port_range_max"]
        if first is not None and not rule["protocol"]:
            raise Refusal(
                400, "SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given."
            )
        if first is not None and first > last:
            raise Refusal(
                400,
                "SecurityGroupInvalidPortRange",
                "For TCP/UDP protocols, port_range_min must be <= port_range_max",
            )
        prefix = rule["remote_ip_prefix"]
        if prefix and f"IPv{ip_network(prefix, strict=False).version}" != rule["ethertype"]:
            raise Refusal(
                400,
                "SecurityGroupRuleParameterConflict",
                f"Conflicting value ethertype {rule['ethertype']} for CIDR {prefix}",
            )
        if rule["remote_group_id"]:
            self.cloud.get("security_group", rule["remote_group_id"])
        same = self.cloud.where("security_group_rule", **{name: rule[name] for name in _TELLING})
        if same:
            raise conflict(
                "SecurityGroupRuleExists", f"Security group rule already exists. Rule id is {same[0]['id']}."
            )
