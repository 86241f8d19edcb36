"""Resources that carry tags: added and removed one by one, so that nobody else's are ever lost.

Only ports take tags in the call that creates them (extension tag-ports-during-bulk-creation, also for a single one).
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from kuryr.errors import CloudError, CloudRefused, CloudUnavailable, InvalidInput, NotFound
from kuryr.neutron.collection import Collection, Resource

_SINGLE = re.compile(r"[ -.0-~]+")
"""What arrives unharmed in a path: servers take %2F for a slash, and what is not ASCII for Latin-1."""


class Tagged(Collection[Resource]):
    """A family whose resources have tags."""

    def add_tag(self, id: str, tag: str) -> None:  # noqa: A002
        """Add a tag; no error when it is there already. Raises NotFound, InvalidInput (too long, not `_SINGLE`)."""
        self._request_tag("PUT", id, tag)

    def add_tags(self, id: str, tags: Sequence[str]) -> None:  # noqa: A002
        """Add tags of any text in one call (extension tag-creation). Raises NotFound, InvalidInput (too long)."""
        if tags:
            self._with_tags("POST", id, "", {"tags": list(dict.fromkeys(tags))})

    def remove_tag(self, id: str, tag: str) -> bool:  # noqa: A002
        """Remove a tag; False when it, or the resource, was gone already. Raises InvalidInput (not `_SINGLE`)."""
        try:
            self._request_tag("DELETE", id, tag)
        except NotFound:
            return False
        return True

    def _request_tag(self, method: str, id: str, tag: str) -> None:  # noqa: A002
        if not _SINGLE.fullmatch(tag):
            raise InvalidInput(f'"{tag}" cannot be added or removed as a single tag: only ASCII without "/" can')
        self._with_tags(method, id, f"/{quote(tag, safe='')}", None)

    def _with_tags(self, method: str, id: str, rest: str, json: dict[str, list[str]] | None) -> None:  # noqa: A002
        try:
            self._api.request(method, f"{self._path_of(id)}/tags{rest}", json=json)
        except CloudError as error:
            # Neutron 2026.2 answers 500 when the resource is gone; if so, this raises NotFound.
            if not isinstance(error, CloudRefused | CloudUnavailable):
                self.get(id)
            raise
