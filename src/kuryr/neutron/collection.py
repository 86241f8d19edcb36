"""What all resources have in common: get by id, list by filter, create, change, delete, and the walk through pages."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Generic, TypeVar

from kuryr.errors import CloudError, InvalidInput, NotFound
from kuryr.neutron.api import Api
from kuryr.neutron.faults import SubjectGone

Resource = TypeVar("Resource")

FilterValue = str | bool | int | IPv4Address | IPv6Address | IPv4Network | IPv6Network
Filter = FilterValue | Sequence[FilterValue]

PAGE = 1000
"""Resources per request of a list; a server may allow fewer and says so by a link to the next page."""
VALUES = 50
"""Values of one filter per request: web servers refuse request lines over 4 to 8 KiB, and an id takes 40 bytes."""

_WALKS = 3
"""How often to begin a list anew."""

_TAG_FILTERS = {"tags", "tags-any", "not-tags", "not-tags-any"}

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Collection(Generic[Resource]):
    """One family of resources, e.g. `/ports`. Every method raises only `kuryr.errors.KuryrError`."""

    def __init__(
        self, api: Api, kind: str, parse: Callable[[Mapping[str, Any]], Resource], *, path: str = "", plural: str = ""
    ) -> None:
        """`kind` is the name of one in JSON; `plural` and `path`, where they are not made from it as usual."""
        self._api = api
        self._kind = kind
        self._plural = plural or f"{kind}s"
        self._path = path or f"/{self._plural}"
        self._parse = parse

    def get(self, id: str) -> Resource:  # noqa: A002 - Neutron's word
        """The resource with this id. Raises NotFound also when it is not visible to this project."""
        return self._parse(self._only(self._api.request("GET", self._path_of(id))))

    def list(self, **filters: Filter) -> list[Resource]:
        """Every visible resource whose attributes equal the filters; a list of values means any of them.

        Of `tags` all must be there, of `tags-any` one. Raises InvalidInput for a tag with a comma, which Neutron
        would read as two.
        """
        return [self._parse(body) for chunk in _chunks(_params(filters)) for body in self._walk(chunk)]

    def delete(self, id: str, *, revision: int | None = None) -> bool:  # noqa: A002
        """Remove the resource; False when it was gone already.

        Raises Conflict when it is in use, Overtaken when `revision` is given and no longer its own.
        """
        try:
            self._api.request("DELETE", self._path_of(id), revision=revision)
        except NotFound:
            return False
        return True

    def _create(self, body: Mapping[str, Any]) -> Resource:
        return self._parse(self._only(self._api.request("POST", self._path, json={self._kind: body})))

    def _create_many(self, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Resource]:
        """All or none, in one call and in the order of `bodies`."""
        if not bodies:
            return []
        if len(bodies) == 1:
            return [self._create(bodies[0])]
        made = self._many(self._api.request("POST", self._path, json={self._plural: bodies}))
        if len(made) != len(bodies):
            raise CloudError(f"Neutron made {len(made)} {self._plural} instead of {len(bodies)}")
        return [self._parse(body) for body in made]

    def _update(self, id: str, changes: Mapping[str, Any], revision: int | None = None) -> Resource | None:  # noqa: A002
        """The changed resource; None when it is gone. Raises Overtaken when `revision` is no longer its own."""
        path = self._path_of(id)
        try:
            return self._parse(
                self._only(self._api.request("PUT", path, json={self._kind: changes}, revision=revision))
            )
        except SubjectGone:
            return None

    def _path_of(self, id: str) -> str:  # noqa: A002
        # Anything else would address another path, e.g. "" the whole collection.
        if not _ID.fullmatch(id):
            raise SubjectGone(f"there is no {self._kind} {id!r}: that is not an id")
        return f"{self._path}/{id}"

    def _only(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        body = answer.get(self._kind)
        if not isinstance(body, dict):
            raise CloudError(f"Neutron's answer lacks the {self._kind} asked for")
        return body

    def _many(self, answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        bodies = answer.get(self._plural)
        if not isinstance(bodies, list) or not all(isinstance(body, dict) for body in bodies):
            raise CloudError(f"Neutron's answer lacks the list of {self._plural} asked for")
        return bodies

    def _walk(self, params: Mapping[str, Sequence[str]]) -> Sequence[Mapping[str, Any]]:
        """All pages. One starts where the other ended, so when that very resource is deleted we begin anew."""
        for _ in range(_WALKS):
            with contextlib.suppress(_LostPlace):
                return list(self._pages(params))
        raise CloudError(f"cannot list {self._plural}: they change faster than they can be read")

    def _pages(self, params: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, Any]]:
        page: dict[str, Sequence[str]] = {**params, "limit": [str(PAGE)]}
        seen: set[str] = set()
        while True:
            try:
                answer = self._api.request("GET", self._path, params=page)
            except NotFound as error:
                if "marker" in page:
                    raise _LostPlace from error
                raise
            bodies = self._many(answer)
            ids = [str(body.get("id")) for body in bodies]
            if not seen.isdisjoint(ids):
                raise _LostPlace
            seen.update(ids)
            yield from bodies
            # A next page exists exactly when Neutron links to it: the server may set a lower limit than ours.
            links = answer.get(f"{self._plural}_links") or ()
            if not bodies or not any(link.get("rel") == "next" for link in links):
                return
            page["marker"] = [ids[-1]]


class _LostPlace(Exception):
    """The last resource of the page before is gone: Neutron answers 404 (networks, ports) or the first page."""


def _params(filters: Mapping[str, Filter]) -> dict[str, Sequence[str]]:
    params: dict[str, Sequence[str]] = {
        name: [str(one) for one in value]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else [str(value)]
        for name, value in filters.items()
    }
    for name in _TAG_FILTERS & params.keys():
        for tag in params[name]:
            if "," in tag:
                raise InvalidInput(f'nothing can be looked up by the tag "{tag}": Neutron takes a comma for two tags')
    return params


def _chunks(params: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, Sequence[str]]]:
    """Split the longest list of alternatives over several requests; an empty list matches nothing."""
    if not params:
        yield params
        return
    longest = max(params, key=lambda name: len(params[name]))
    if not all(params.values()):
        return
    values = list(dict.fromkeys(params[longest]))
    for start in range(0, len(values), VALUES):
        yield {**params, longest: values[start : start + VALUES]}
