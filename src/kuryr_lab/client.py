"""The lab's Neutron for tests and the demo: resources as plain dictionaries, by any of the lab's identities."""

import contextlib
from collections.abc import Sequence
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import NotFound
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from kuryr_lab.identity import IDENTITIES, Identity, password_options
from kuryr_lab.layout import Layout

Resource = dict[str, Any]
USER_AGENT = "kuryr-lab"


def session(layout: Layout, identity: Identity) -> Session:
    """An authenticated session; it also works from the machine's own network."""
    options = password_options(identity, layout.auth_url)
    for other in ("auth_type", "region_name"):
        del options[other]
    return Session(Password(**options), timeout=60, user_agent=USER_AGENT)


class Neutron:
    """Neutron's API as one of the lab's identities; failures are keystoneauth's HTTP exceptions."""

    def __init__(self, layout: Layout, identity: str = "admin") -> None:
        self.adapter = Adapter(session(layout, IDENTITIES[identity]), endpoint_override=f"{layout.neutron_url}/v2.0")

    @property
    def project_id(self) -> str:
        """The project its tokens are scoped to."""
        return str(self.adapter.get_project_id())

    def create(self, kind: str, **fields: object) -> Resource:
        """Create a resource; `kind` is singular with underscores: `network`, `security_group_rule`."""
        resource: Resource = self.adapter.post(_path(kind), json={kind: fields}).json()[kind]
        return resource

    def create_many(self, kind: str, fields: Sequence[Resource]) -> list[Resource]:
        """Create resources by one request: all or none."""
        resources: list[Resource] = self.adapter.post(_path(kind), json={f"{kind}s": list(fields)}).json()[f"{kind}s"]
        return resources

    def show(self, kind: str, identifier: str) -> Resource:
        """One resource by its id."""
        resource: Resource = self.adapter.get(_path(kind, identifier)).json()[kind]
        return resource

    def find(self, kind: str, **filters: object) -> list[Resource]:
        """All resources of a kind that match the filters."""
        resources: list[Resource] = self.adapter.get(_path(kind), params=filters).json()[f"{kind}s"]
        return resources

    def update(self, kind: str, identifier: str, **fields: object) -> Resource:
        """Change a resource."""
        resource: Resource = self.adapter.put(_path(kind, identifier), json={kind: fields}).json()[kind]
        return resource

    def delete(self, kind: str, identifier: str) -> None:
        """Delete a resource; one that is gone already is fine."""
        with contextlib.suppress(NotFound):
            self.adapter.delete(_path(kind, identifier))


def _path(kind: str, *more: str) -> str:
    return "/".join(("", f"{kind}s".replace("_", "-"), *more))
