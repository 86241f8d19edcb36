"""Neutron's routers, made by the tenant; Kuryr attaches networks to them.

Which networks a router serves, its ports tell: `ports.list(network_id=…, device_owner=INTERFACES)`.
"""

from kuryr.errors import NotFound
from kuryr.neutron.api import Api
from kuryr.neutron.resources import RouterResource
from kuryr.neutron.tags import Tagged

INTERFACES = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)
"""Device owners of the ports by which routers are in a network (neutron_lib.constants); `device_id` is the router."""


class Routers(Tagged[RouterResource]):
    """`/routers`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "router", RouterResource.parse)

    def create(
        self, *, name: str, description: str, external_network_id: str = "", project_id: str | None = None
    ) -> RouterResource:
        """Make a router, with a gateway to an external network if one is given. Raises NotFound, Exhausted."""
        gateway = {"external_gateway_info": {"network_id": external_network_id}} if external_network_id else {}
        project = {} if project_id is None else {"project_id": project_id}
        return self._create({"name": name, "description": description, **gateway, **project})

    def add_interface(self, id: str, subnet_id: str) -> str:  # noqa: A002
        """Attach a subnet at its gateway's address; answers the interface's port.

        Raises InvalidInput (this subnet is attached already, or overlaps one that is; it has no gateway), Conflict
        (somebody, such as another router, has the gateway's address), NotFound (no such router or subnet).
        """
        answer = self._api.request("PUT", f"{self._path_of(id)}/add_router_interface", json={"subnet_id": subnet_id})
        return str(answer.get("port_id") or "")

    def remove_interface(self, id: str, subnet_id: str) -> bool:  # noqa: A002
        """Detach a subnet; False when it, or the router, was gone already.

        Raises Conflict while a floating IP leads to the subnet.
        """
        try:
            self._api.request("PUT", f"{self._path_of(id)}/remove_router_interface", json={"subnet_id": subnet_id})
        except NotFound:
            return False
        return True
