"""How a user names something that exists in Neutron, and which one is meant.

An id, a name or a tag; only what belongs to one project, or is shared with it, is seen, although the service role could
see more; and the project's own comes before what others share.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from kuryr.errors import Conflict, InvalidInput, NotFound
from kuryr.model import Named

if TYPE_CHECKING:  # the front end names things before the libraries of the cloud are loaded
    from kuryr.neutron.client import Neutron
    from kuryr.neutron.collection import Collection


class _Resource(Protocol):
    """What can be named."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def project_id(self) -> str: ...


class _Sharable(_Resource, Protocol):
    """What its project may share with all others."""

    @property
    def shared(self) -> bool: ...


Found = TypeVar("Found", bound=_Resource)
Shared = TypeVar("Shared", bound=_Sharable)


class Names:
    """Finds what is named from a project, by default Kuryr's own. Thread-safe."""

    def __init__(self, neutron: "Neutron", project_id: str = "") -> None:
        self._neutron = neutron
        self._given = project_id

    @property
    def _project_id(self) -> str:
        # Not in __init__: to know Kuryr's own may take a request to Keystone.
        return self._given or self._neutron.project_id

    def visible(self, found: Iterable[Shared]) -> list[Shared]:
        """Those that the project may see."""
        return [each for each in found if each.shared or each.project_id == self._project_id]

    def find(self, collection: "Collection[Found]", named: Named) -> Sequence[Found]:
        """All that are named so, visible or not: one request."""
        if named.id:
            with suppress(NotFound):
                return [collection.get(named.id)]
            return []
        filters = {"name": named.name, "tags": named.tag}
        return collection.list(**{key: value for key, value in filters.items() if value})

    def only(self, found: Sequence[Found], kind: str, named: Named, option: str) -> Found:
        """The one of the visible ones that is meant.

        Raises NotFound, in the same words whether there is none or it is not visible, InvalidInput for a wrong name,
        Conflict when there are several.

        `option` is that by which the user can tell them apart.
        """
        if named.id and found and named.name not in {"", found[0].name}:
            raise InvalidInput(f"{kind} {named.id} is named {found[0].name!r}, not {named.name!r}")
        candidates = [each for each in found if each.project_id == self._project_id] or found
        if not candidates:
            own = self._project_id == self._neutron.project_id
            whose = "this project" if own else f"project {self._project_id}"
            raise NotFound(f"no Neutron {kind} {named} is visible to {whose}", hint="check what you named")
        if len(candidates) > 1:
            ids = ", ".join(sorted(each.id for each in candidates))
            kinds = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
            raise Conflict(f"{len(candidates)} Neutron {kinds} are {named}: {ids}", hint=f"choose one by {option}")
        return candidates[0]
