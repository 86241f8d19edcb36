"""How Neutron answers a list: filters, visibility to a project, and pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.cloud import Cloud
from kuryr_lab.fake.refusals import bad_request, invalid
from kuryr_lab.fake.rights import Rights
from kuryr_lab.fake.tables import TABLES

Params = Mapping[str, Sequence[str]]


def listed(cloud: Cloud, kind: str, plural: str, params: Params, rights: Rights, max_page: int | None) -> Body:
    """The answer to `GET /<plural>`. `max_page` is the server's pagination_max_limit."""
    filters = {name: values for name, values in params.items() if name not in {"limit", "marker"}}
    unknown = sorted(filters.keys() - TABLES[kind].filters)
    if unknown:
        raise bad_request(f"{unknown} is invalid attribute for filtering")
    found = [
        body
        for _, body in sorted(cloud.resources[kind].items())
        if rights.may_see(kind, body) and _matches(body, filters)
    ]
    limit = min(filter(None, (int(params.get("limit", ["0"])[0]), max_page)), default=0)
    marker = params.get("marker", [""])[0]
    if marker and limit:
        # Subnets are paged by other code than networks and ports, which forgives a marker that is gone.
        if kind != "subnet":
            cloud.get(kind, marker)
        found = [body for body in found if body["id"] > marker or marker not in cloud.resources[kind]]
    page = found[:limit] if limit else found
    answer: Body = {plural: [cloud.shown(kind, body) for body in page]}
    if limit and len(page) >= limit:
        answer[f"{plural}_links"] = [{"rel": "next", "href": f"http://neutron/{plural}?marker={page[-1]['id']}"}]
    return answer


def _matches(body: Body, filters: Params) -> bool:
    return all(_match(body, name, values) for name, values in filters.items())


def _match(body: Body, name: str, values: Sequence[str]) -> bool:
    if name == "fixed_ips":
        return _has_address(body, values)
    if name in _TAGGED:
        return _TAGGED[name](set(body["tags"]), {tag for value in values for tag in value.split(",")})
    if name == "mac_address":
        return body[name] in {value.lower() for value in values}
    if isinstance(body.get(name), list):
        return not set(values).isdisjoint(body[name])
    return _same(body.get(name), values)


_TAGGED: Mapping[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda there, wanted: wanted <= there,
    "tags-any": lambda there, wanted: not wanted.isdisjoint(there),
    "not-tags": lambda there, wanted: not wanted <= there,
    "not-tags-any": lambda there, wanted: wanted.isdisjoint(there),
}


def _same(actual: Any, values: Sequence[str]) -> bool:
    if isinstance(actual, bool):
        return str(actual).lower() in {value.lower() for value in values}
    return str("" if actual is None else actual) in values


def _has_address(body: Body, values: Sequence[str]) -> bool:
    wanted: dict[str, set[str]] = {}
    for value in values:
        key, separator, text = value.partition("=")
        if not separator:
            raise invalid(f"'{value}' is not of the form <key>=[value]")
        wanted.setdefault(key, set()).add(text)
    return any(all(fixed.get(key) in texts for key, texts in wanted.items()) for fixed in body["fixed_ips"])
