"""What Neutron's API makes of a request: which resource it is about, whether it may be, and what is answered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from fakes.attributes import Body
from fakes.cloud import Cloud
from fakes.listing import listed
from fakes.refusals import Refusal, bad_request
from fakes.rights import Rights

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


FAMILIES = {"networks": "network", "subnets": "subnet", "ports": "port"}
"""Where the resources of a kind are, below /v2.0."""


@dataclass(frozen=True)
class Answers:
    """Answers to one identity."""

    cloud: Cloud
    rights: Rights
    max_page: int | None

    def answer(self, asked: Request) -> Answer:
        """Status and JSON. Raises Refusal."""
        family, _, rest = asked.path.strip("/").partition("/")
        id_, _, action = rest.partition("/")
        if family not in FAMILIES:
            raise _nowhere()
        kind = FAMILIES[family]
        if not id_:
            return self._collection(asked, kind, family)
        found = self.cloud.get(kind, id_)
        self.rights.check_access(asked.method, kind, found)
        _check_revision(found, asked.headers.get("If-Match", ""))
        if action:
            return self._tags(asked, kind, id_, action)
        match asked.method:
            case "GET":
                return 200, {kind: self.cloud.shown(kind, found)}
            case "PUT":
                return 200, {kind: self.cloud.update(kind, id_, asked.json[kind])}
            case "DELETE":
                self.cloud.delete(kind, id_)
                return 204, None
        raise _nowhere()

    def _collection(self, asked: Request, kind: str, plural: str) -> Answer:
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
