"""What Neutron's API makes of a request: which resource it is about, whether it may be, and what is answered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.cloud import Cloud
from kuryr_lab.fake.listing import listed
from kuryr_lab.fake.refusals import Refusal, bad_request
from kuryr_lab.fake.rights import Rights

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Request:
    """A request that arrived."""

    method: str
    path: str
    """Below /v2.0, e.g. "/ports"."""
    params: Mapping[str, Sequence[str]] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def lists_everything(self) -> bool:
        """Whether it asks for all of a family that there are in the cloud."""
        return self.method == "GET" and self.path.strip("/") in FAMILIES and self.params.keys() <= _PAGING


_PAGING = {"limit", "marker", "page_reverse", "fields", "sort_key", "sort_dir"}
"""Parameters of a list that choose nothing."""

FAMILIES = {
    "networks": "network",
    "subnets": "subnet",
    "subnetpools": "subnetpool",
    "ports": "port",
    "security-groups": "security_group",
    "security-group-rules": "security_group_rule",
    "qos/policies": "policy",
    "routers": "router",
    "floatingips": "floatingip",
    "agents": "agent",
    "trunks": "trunk",
}
"""Where the resources of a kind are, below /v2.0."""


@dataclass(frozen=True)
class Answers:
    """Answers to one identity."""

    cloud: Cloud
    rights: Rights
    max_page: int | None

    def answer(self, asked: Request) -> Answer:
        """Status and JSON. Raises Refusal."""
        family, id_, action = _parts(asked.path)
        if family not in FAMILIES:
            raise _nowhere()
        kind = FAMILIES[family]
        self.cloud.default_group(self.rights.project_id)
        if not id_:
            return self._collection(asked, kind)
        found = self.cloud.get(kind, id_)
        self.rights.check_access(asked.method, kind, found)
        _check_revision(found, asked.headers.get("If-Match", ""))
        if not action:
            return self._one(asked, kind, found)
        if kind == "floatingip" and action.startswith("port_forwardings"):
            return self._forwardings(asked, id_, action.partition("/")[2])
        if kind == "router" and action in {"add_router_interface", "remove_router_interface"}:
            routers = self.cloud.routers
            act = routers.add_interface if action.startswith("add") else routers.remove_interface
            return 200, act(found, asked.json["subnet_id"])
        if kind == "trunk" and action in {"add_subports", "remove_subports"}:
            trunks = self.cloud.trunks
            change = trunks.add_subports if action.startswith("add") else trunks.remove_subports
            return 200, change(found, asked.json["sub_ports"])
        return self._tags(asked, kind, id_, action)

    def _one(self, asked: Request, kind: str, found: Body) -> Answer:
        match asked.method:
            case "GET":
                return 200, {kind: self.cloud.shown(kind, found)}
            case "PUT":
                changes = asked.json[kind]
                changed = self.cloud.update(kind, found["id"], changes)
                if kind == "port" and "binding:host_id" not in changes:
                    # ML2 adds who has bound a port to what it reads from the database, not to what it has changed.
                    changed["binding:vif_details"].pop("bound_drivers", None)
                return 200, {kind: changed}
            case "DELETE":
                self.cloud.delete(kind, found["id"])
                return 204, None
        raise _nowhere()

    def _forwardings(self, asked: Request, floating_id: str, id_: str) -> Answer:
        kind, of = "port_forwarding", {"floatingip_id": floating_id}
        if id_:
            return self._one(asked, kind, self.cloud.get(kind, id_))
        if asked.method == "POST":
            asked = replace(asked, json={kind: {**asked.json[kind], **of}})
        return self._collection(replace(asked, params={**asked.params, "floatingip_id": [floating_id]}), kind)

    def _collection(self, asked: Request, kind: str) -> Answer:
        plural = "policies" if kind == "policy" else f"{kind}s"
        if asked.method == "GET":
            return 200, listed(self.cloud, kind, plural, asked.params, self.rights, self.max_page)
        if kind in asked.json:
            return 201, {kind: self._create(kind, [asked.json[kind]])[0]}
        if plural in asked.json:
            return 201, {plural: self._create(kind, asked.json[plural])}
        raise bad_request(f"Unable to find '{kind}' in request body")

    def _create(self, kind: str, bodies: Sequence[Body]) -> list[Body]:
        for body in bodies:
            self.rights.check_create(kind, body)
        return self.cloud.create(kind, bodies, self.rights.project_id)

    def _tags(self, asked: Request, kind: str, id_: str, action: str) -> Answer:
        word, _, tag = action.partition("/")
        if word != "tags" or "/" in unquote(tag):
            raise _nowhere()
        match asked.method:
            case "POST" if not tag:
                self.cloud.tag(kind, id_, asked.json["tags"])
                return 200, asked.json
            case "PUT" if tag:
                self.cloud.tag(kind, id_, [unquote(tag)])
                return 201, None
            case "DELETE" if tag:
                self.cloud.untag(kind, id_, unquote(tag))
                return 204, None
        raise _nowhere()


def _parts(path: str) -> tuple[str, str, str]:
    """Family, id and the rest, "" where there is none."""
    prefix = "qos/" if path.startswith("/qos/") else ""
    family, id_, action = (*path.strip("/").removeprefix(prefix).split("/", 2), "", "")[:3]
    return prefix + family, id_, action


def _nowhere() -> Refusal:
    return Refusal(404, "HTTPNotFound", "The resource could not be found.")


def _check_revision(found: Body, condition: str) -> None:
    wanted = re.fullmatch(r"revision_number=(\d+)", condition)
    if wanted and int(wanted[1]) != found["revision_number"]:
        raise Refusal(
            412,
            "RevisionNumberConstraintFailed",
            f"Constrained to {wanted[1]}, but current revision is {found['revision_number']}",
        )
