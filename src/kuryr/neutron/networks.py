"""Neutron's networks."""

from typing import Any

from kuryr.neutron.api import Api
from kuryr.neutron.resources import NetworkResource
from kuryr.neutron.tags import Tagged


class Networks(Tagged[NetworkResource]):
    """`/networks`. Deleting a network takes its subnets along, as long as no ports but Neutron's own are left."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "network", NetworkResource.parse)

    def create(
        self, *, name: str, description: str, project_id: str | None = None, mtu: int | None = None
    ) -> NetworkResource:
        """Make a network. `mtu` in bytes; the cloud chooses when it is None. Raises InvalidInput, Exhausted (quota)."""
        body: dict[str, Any] = {"name": name, "description": description}
        if project_id is not None:
            body["project_id"] = project_id
        if mtu is not None:
            body["mtu"] = mtu
        return self._create(body)
