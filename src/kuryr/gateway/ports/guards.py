"""The security groups and QoS policies that users name: found once, in the project of the network.

What was found is remembered; whoever learns that one is gone asks anew.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace

from kuryr.gateway.naming import Names, Shared
from kuryr.model import Named, PortTraits
from kuryr.neutron.client import Neutron
from kuryr.neutron.collection import Collection


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
        self, kind: str, collection: Collection[Shared], texts: Sequence[str], project_id: str, *, anew: bool
    ) -> list[str]:
        """The ids of what is named, in order."""
        with self._lock:
            remembered = {} if anew else self._known
            known = {text: remembered.get((kind, project_id, text), "") for text in texts}
        missing = {text: Named.of(text) for text in texts if not known[text]}
        names = Names(self._neutron, project_id)
        listed = names.visible(
            [
                *collection.list(id=[named.id for named in missing.values() if named.id]),
                *collection.list(name=[named.name for named in missing.values() if named.name]),
            ]
        )
        for text, named in missing.items():
            alike = [each for each in listed if each.id == named.id or (named.name and each.name == named.name)]
            known[text] = names.only(alike, kind, named, "its id").id
        with self._lock:
            self._known.update({(kind, project_id, text): known[text] for text in missing})
        return [known[text] for text in texts]
