"""How Neutron answers a list: filters, visibility to a project, and pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from fakes.attributes import TABLES, Body, bad_request, invalid
from fakes.cloud import Cloud
from fakes.rights import Rights

Params = Mapping[str, Sequence[str]]


def listed(cloud: Cloud, kind: str, params: Params, rights: Rights, max_page: int | None) -> Body:
    """The answer to `GET /<kind>s`. `max_page` is the server's pagination_max_limit."""
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
    answer: Body = {f"{kind}s": [cloud.shown(kind, body) for body in page]}
    if limit and len(page) >= limit:
        answer[f"{kind}s_links"] = [{"rel": "next", "href": f"http://neutron/{kind}s?marker={page[-1]['id']}"}]
    return answer


def _matches(body: Body, filters: Params) -> bool:
    return all(_MATCHERS.get(name, _same)(body.get(name), values) for name, values in filters.items())


def _same(actual: Any, values: Sequence[str]) -> bool:
    if isinstance(actual, bool):
        return str(actual).lower() in {value.lower() for value in values}
    return str("" if actual is None else actual) in values


def _has_all_tags(actual: Any, values: Sequence[str]) -> bool:
    return all(tag in (actual or []) for value in values for tag in value.split(","))


def _has_address(actual: Any, values: Sequence[str]) -> bool:
    wanted: dict[str, set[str]] = {}
    for value in values:
        key, separator, text = value.partition("=")
        if not separator:
            raise invalid(f"'{value}' is not of the form <key>=[value]")
        wanted.setdefault(key, set()).add(text)
    return any(all(fixed.get(key) in texts for key, texts in wanted.items()) for fixed in actual)


_MATCHERS = {"fixed_ips": _has_address, "tags": _has_all_tags}
