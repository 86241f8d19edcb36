"""Who may do what, as Neutron's default policies have it for the roles `member` and `service` (neutron.conf.policies).

The role `service` is wider than it sounds: it sees every project's resources, and makes, changes and deletes ports
anywhere; but networks and subnets it may not touch outside of its project.
"""

from dataclasses import dataclass

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.cloud import Cloud
from kuryr_lab.fake.refusals import forbidden, not_found, strange_project

_WITHOUT_NETWORK = {
    "subnetpool",
    "security_group",
    "security_group_rule",
    "policy",
    "router",
    "floatingip",
    "port_forwarding",
    "trunk",
}
"""Of these even the role `service` sees only the project's own, and what is shared with it."""


@dataclass(frozen=True)
class Rights:
    """Of a token that is scoped to a project."""

    cloud: Cloud
    project_id: str
    service: bool
    admin: bool

    def may_see(self, kind: str, body: Body) -> bool:
        """Whether a resource is there for this identity."""
        if self.admin:
            return True
        if kind == "agent":
            return False
        if kind in _WITHOUT_NETWORK:
            return self.project_id == body["project_id"] or bool(body.get("shared"))
        network = body if kind == "network" else self.cloud.get("network", body["network_id"])
        owners = {body["project_id"], network["project_id"]}
        return self.service or self.project_id in owners or (kind != "port" and bool(network["shared"]))

    def check_access(self, method: str, kind: str, body: Body) -> None:
        """Raises Refusal when a resource may not be seen (404), or not be changed or deleted (403)."""
        if not self.may_see(kind, body):
            raise not_found(kind, body["id"])
        if method != "GET" and not self._may_write(method, kind, body):
            raise forbidden(f"{'update' if method == 'PUT' else 'delete'}_{kind}")

    def check_create(self, kind: str, body: Body) -> None:
        """Raises Refusal when a resource may not be made so."""
        if self.admin:
            return
        project_id = body.get("project_id", self.project_id)
        if project_id != self.project_id and not self.service:
            raise strange_project()
        network = self.cloud.resources["network"].get(body.get("network_id", ""))
        if network is not None and not self.may_see("network", network):
            raise not_found("network", network["id"])
        if kind == "network" and project_id != self.project_id:
            raise forbidden("create_network")
        if kind == "subnet" and network is not None and network["project_id"] != self.project_id:
            raise forbidden("create_subnet")
        if kind in {"network", "subnetpool"} and body.get("shared"):
            raise forbidden(f"create_{kind} and rule:create_{kind}:shared")
        if kind == "policy":
            raise forbidden("create_policy")
        if kind == "security_group" and project_id != self.project_id:
            raise forbidden("create_security_group")
        if kind == "port" and body.get("binding:host_id") and not self.service:
            raise forbidden("create_port:binding:host_id")

    def _may_write(self, method: str, kind: str, body: Body) -> bool:
        if self.admin or (kind == "port" and self.service):
            return True
        machines = kind == "port" and body["device_owner"].startswith("compute:")
        return body["project_id"] == self.project_id and not (machines and method == "DELETE")
