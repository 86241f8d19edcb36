"""Neutron's subnets."""

from collections.abc import Sequence
from typing import Any

from kuryr.model import AddressRange, IPAddress, IPNetwork
from kuryr.neutron.api import Api
from kuryr.neutron.collection import UNSET, Collection, Unset
from kuryr.neutron.resources import SubnetResource


class Subnets(Collection[SubnetResource]):
    """`/subnets`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "subnet", SubnetResource.parse)

    def create(
        self,
        *,
        network_id: str,
        name: str,
        description: str,
        cidr: IPNetwork,
        gateway: IPAddress | Unset | None = UNSET,
        pools: Sequence[AddressRange] = (),
        enable_dhcp: bool = True,
        project_id: str | None = None,
    ) -> SubnetResource:
        """Make a subnet.

        Without `gateway` Neutron takes the first address, with None the subnet has no gateway. Without `pools`
        every address but the gateway's may be handed out.

        Raises InvalidInput (the CIDR overlaps another subnet of the network, a pool leaves it), NotFound (no such
        network), Conflict (the gateway lies in a pool, pools overlap).
        """
        body: dict[str, Any] = {
            "network_id": network_id,
            "name": name,
            "description": description,
            "cidr": str(cidr),
            "ip_version": cidr.version,
            "enable_dhcp": enable_dhcp,
        }
        if gateway is not UNSET:
            body["gateway_ip"] = None if gateway is None else str(gateway)
        if pools:
            body["allocation_pools"] = [{"start": str(pool.first), "end": str(pool.last)} for pool in pools]
        if project_id is not None:
            body["project_id"] = project_id
        return self._create(body)
