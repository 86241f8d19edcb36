"""Neutron's floating IPs, and the ports of them that are forwarded one by one."""

from typing import Any

from kuryr.model import IPAddress
from kuryr.neutron.api import Api
from kuryr.neutron.collection import Collection
from kuryr.neutron.resources import FloatingIPResource, PortForwardingResource
from kuryr.neutron.tags import Tagged


class FloatingIPs(Tagged[FloatingIPResource]):
    """`/floatingips`. When its port is deleted, a floating IP stays and leads to nobody.

    One that has port forwardings cannot be deleted: Conflict.
    """

    def __init__(self, api: Api) -> None:
        super().__init__(api, "floatingip", FloatingIPResource.parse)

    def create(
        self,
        *,
        network_id: str,
        description: str,
        port_id: str | None = None,
        fixed_address: IPAddress | None = None,
        address: IPAddress | None = None,
        project_id: str | None = None,
    ) -> FloatingIPResource:
        """Take an address of an external network, and lead it to a port (to which of its addresses, if it has several).

        A wanted `address` needs the right to choose, by default the administrator's. Raises Exhausted, Conflict (the
        port has a floating IP already, the address is taken), InvalidInput (the network is not external, the port has
        no such address), NotFound (no such network or port, no router leads there), CloudRefused.
        """
        body: dict[str, Any] = {"floating_network_id": network_id, "description": description}
        optional = {
            "port_id": port_id,
            "fixed_ip_address": None if fixed_address is None else str(fixed_address),
            "floating_ip_address": None if address is None else str(address),
            "project_id": project_id,
        }
        return self._create(body | {key: value for key, value in optional.items() if value is not None})

    def lead(
        self,
        id: str,  # noqa: A002
        port_id: str | None,
        fixed_address: IPAddress | None = None,
        *,
        revision: int | None = None,
    ) -> FloatingIPResource | None:
        """Lead the address to a port, or with None to nobody; answers it, or None when it is gone.

        Raises as `create`, and Overtaken when `revision` is no longer its own.
        """
        fixed = {} if fixed_address is None else {"fixed_ip_address": str(fixed_address)}
        return self._update(id, {"port_id": port_id, **fixed}, revision)

    def port_forwardings(self, id: str) -> "PortForwardings":  # noqa: A002
        """What of this floating IP is forwarded."""
        return PortForwardings(self._api, self._path_of(id))


class PortForwardings(Collection[PortForwardingResource]):
    """`/floatingips/<id>/port_forwardings`. Deleting the port they lead to takes them along."""

    def __init__(self, api: Api, floating_ip: str) -> None:
        """`floating_ip` is the path of the floating IP."""
        super().__init__(api, "port_forwarding", PortForwardingResource.parse, path=f"{floating_ip}/port_forwardings")

    def create(
        self,
        *,
        protocol: str,
        external_port: int,
        internal_port: int,
        internal_port_id: str,
        internal_address: IPAddress,
        description: str = "",
    ) -> PortForwardingResource:
        """Forward a port of the floating IP to a port at an address of a Neutron port.

        Raises InvalidInput (the external or the internal port is forwarded already, the port has no such address),
        Conflict (the floating IP leads to a port as a whole), NotFound (no such port or floating IP).

        CloudError for an identity with the role `service`, unless the cloud's policy lets that role do it: Neutron
        (2026.2) cannot work out who owns the floating IP then.
        """
        return self._create(
            {
                "protocol": protocol,
                "external_port": external_port,
                "internal_port": internal_port,
                "internal_port_id": internal_port_id,
                "internal_ip_address": str(internal_address),
                "description": description,
            }
        )
