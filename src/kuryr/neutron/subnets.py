"""Neutron's subnets."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict, Unpack

from kuryr.model import AddressRange, IPAddress, IPNetwork, Route
from kuryr.neutron.api import Api
from kuryr.neutron.resources import SubnetResource
from kuryr.neutron.tags import Tagged


class SubnetSpec(TypedDict):
    """What a new subnet shall be; the keyword arguments of `Subnets.create`."""

    network_id: str
    name: str
    description: str
    cidr: IPNetwork
    gateway: NotRequired[IPAddress | None]
    """When it is not given Neutron takes the first address; with None the subnet has no gateway."""
    pools: NotRequired[Sequence[AddressRange]]
    """Without any, every address but the gateway's may be handed out."""
    enable_dhcp: NotRequired[bool]
    routes: NotRequired[Sequence[Route]]
    subnetpool_id: NotRequired[str | None]
    """The pool that `cidr` is cut from. All subnets of a network (of one family) are from one pool, or from none."""
    project_id: NotRequired[str | None]


class Subnets(Tagged[SubnetResource]):
    """`/subnets`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "subnet", SubnetResource.parse)

    def create(self, **spec: Unpack[SubnetSpec]) -> SubnetResource:
        """Make a subnet.

        Raises InvalidInput (the CIDR overlaps another subnet of the network, a pool leaves it), NotFound (no such
        network or subnet pool), Conflict (the gateway lies in a pool, pools overlap), Exhausted (the subnet pool has
        no such CIDR, or it is taken).
        """
        return self._create(_body(spec))

    def create_many(self, specs: Sequence[SubnetSpec]) -> Sequence[SubnetResource]:
        """Make several subnets in one call, all or none; answers them in the order of `specs`. Raises as `create`."""
        return self._create_many([_body(spec) for spec in specs])


def _body(spec: SubnetSpec) -> dict[str, Any]:
    body: dict[str, Any] = {
        "network_id": spec["network_id"],
        "name": spec["name"],
        "description": spec["description"],
        "cidr": str(spec["cidr"]),
        "ip_version": spec["cidr"].version,
        "enable_dhcp": spec.get("enable_dhcp", True),
    }
    if "gateway" in spec:
        body["gateway_ip"] = None if spec["gateway"] is None else str(spec["gateway"])
    if pools := spec.get("pools"):
        body["allocation_pools"] = [{"start": str(pool.first), "end": str(pool.last)} for pool in pools]
    if routes := spec.get("routes"):
        body["host_routes"] = [{"destination": str(one.destination), "nexthop": str(one.nexthop)} for one in routes]
    if subnetpool_id := spec.get("subnetpool_id"):
        body["subnetpool_id"] = subnetpool_id
    if project_id := spec.get("project_id"):
        body["project_id"] = project_id
    return body
