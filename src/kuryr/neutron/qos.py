"""Neutron's QoS policies: looked up, never made, for they are the administrator's."""

from kuryr.neutron.api import Api
from kuryr.neutron.collection import Collection
from kuryr.neutron.resources import QosPolicyResource


class QosPolicies(Collection[QosPolicyResource]):
    """`/qos/policies`: the project's own, and those that are shared with it."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "policy", QosPolicyResource.parse, path="/qos/policies", plural="policies")
