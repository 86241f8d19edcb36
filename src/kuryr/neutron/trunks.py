"""Neutron's trunks: a port that carries, each in a VLAN of its own, the frames of further ports."""

from collections.abc import Mapping, Sequence

from kuryr.errors import NotFound
from kuryr.neutron.api import Api
from kuryr.neutron.resources import TrunkResource
from kuryr.neutron.tags import Tagged

VLANS = range(1, 4095)
"""The ids that a trunk can give (neutron.services.trunk.validators.vlan)."""


class Trunks(Tagged[TrunkResource]):
    """`/trunks`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "trunk", TrunkResource.parse)

    def create(self, *, port_id: str, name: str, description: str, project_id: str | None = None) -> TrunkResource:
        """Make a trunk without subports, of which `port_id` is the parent.

        Raises Conflict when the port is part of a trunk already, or bound in a way that forbids it.
        """
        project = {} if project_id is None else {"project_id": project_id}
        return self._create({"port_id": port_id, "name": name, "description": description, **project})

    def add_subports(self, id: str, vlans: Mapping[str, int]) -> TrunkResource:  # noqa: A002
        """Add ports by their ids, each with its VLAN, all or none; answers the trunk with all of its subports.

        Raises SegmentTaken when a VLAN is in use, Conflict (a port is in use or in a trunk; its network's MTU is too
        great; the trunk is in error), NotFound (no such trunk or port).
        """
        wanted = [
            {"port_id": port_id, "segmentation_type": "vlan", "segmentation_id": vlan}
            for port_id, vlan in vlans.items()
        ]
        return self._changed(id, "add_subports", wanted)

    def remove_subports(self, id: str, port_ids: Sequence[str]) -> bool:  # noqa: A002
        """Take ports out of the trunk, all or none; False when one of them, or the trunk, was not there any more."""
        try:
            self._changed(id, "remove_subports", [{"port_id": port_id} for port_id in port_ids])
        except NotFound:
            return False
        return True

    def _changed(self, id: str, action: str, sub_ports: Sequence[Mapping[str, object]]) -> TrunkResource:  # noqa: A002
        # Neutron answers the trunk itself, without the name of its kind around it.
        answer = self._api.request("PUT", f"{self._path_of(id)}/{action}", json={"sub_ports": sub_ports})
        return TrunkResource.parse(answer)
