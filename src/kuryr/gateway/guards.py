"""The security groups and QoS policies that users name: found once, in the project of the network.

Groups are those of the project, and those that others share with it, the project's own first. What was found is
remembered; whoever learns that one is gone asks anew.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import filterfalse
from typing import Protocol, TypeVar

from kuryr.errors import Conflict, NotFound
from kuryr.model import PortTraits
from kuryr.neutron.client import Neutron
from kuryr.neutron.collection import Collection

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class _Resource(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def shared(self) -> bool: ...


Found = TypeVar("Found", bound=_Resource)


class Guards:
    """Looks names up. Thread-safe."""

    def __init__(self, neutron: Neutron) -> None:
        self._neutron = neutron
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], str] = {}

    def resolve(self, traits: PortTraits, project_id: str = "", *, anew: bool = False) -> PortTraits:
        """The same traits with ids instead of names: one request for groups by name, one by id, one for the policy.

        `project_id` is the network's, by default Kuryr's own. No request for what is remembered, unless it is asked for
        `anew`. Raises NotFound, and Conflict for a name of two.
        """
        project = project_id or self._neutron.project_id
        groups, policy = traits.security_groups, traits.qos_policy
        if groups:
            found = self._found("security group", self._neutron.security_groups, groups, project, anew=anew)
            groups = tuple(dict.fromkeys(found))
        if policy:
            (policy,) = self._found("QoS policy", self._neutron.qos_policies, [policy], project, anew=anew)
        return replace(traits, security_groups=groups, qos_policy=policy)

    def _found(
        self, kind: str, collection: Collection[Found], named: Sequence[str], project_id: str, *, anew: bool
    ) -> list[str]:
        """The ids of what is named, in order."""
        with self._lock:
            remembered = {} if anew else self._known
            known = {name: remembered.get((kind, project_id, name), "") for name in named}
        missing = [name for name in named if not known[name]]
        listed: list[Found] = []
        for attribute, wanted in (("id", filter(_is_id, missing)), ("name", filterfalse(_is_id, missing))):
            # Kuryr's role may see more than the project does.
            listed += [
                each
                for each in collection.list(**{attribute: list(wanted)})
                if each.shared or each.project_id == project_id
            ]
        for name in missing:
            known[name] = _only(kind, name, [each for each in listed if name in {each.id, each.name}], project_id).id
        with self._lock:
            self._known.update({(kind, project_id, name): known[name] for name in missing})
        return [known[name] for name in named]


def _is_id(name: str) -> bool:
    return _UUID.fullmatch(name) is not None


def _only(kind: str, name: str, found: Sequence[Found], project_id: str) -> Found:
    candidates = [each for each in found if each.project_id == project_id] or found
    if not candidates:
        raise NotFound(f"no {kind} {name!r} is visible to project {project_id}", hint="check what you named")
    if len(candidates) > 1:
        ids = ", ".join(sorted(each.id for each in candidates))
        raise Conflict(f"project {project_id} has {len(candidates)} {kind}s named {name!r}: {ids}", hint="give an id")
    return candidates[0]
