"""Neutron's subnet pools: looked up; subnets are made from them by `Subnets.create`."""

from kuryr.neutron.api import Api
from kuryr.neutron.resources import SubnetPoolResource
from kuryr.neutron.tags import Tagged


class SubnetPools(Tagged[SubnetPoolResource]):
    """`/subnetpools`: the project's own, and those that are shared. One per address family may be `is_default`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "subnetpool", SubnetPoolResource.parse)
