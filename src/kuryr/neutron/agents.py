"""Neutron's agents: seen by administrators only."""

from kuryr.neutron.api import Api
from kuryr.neutron.collection import Collection
from kuryr.neutron.resources import AgentResource


class Agents(Collection[AgentResource]):
    """`/agents`: what wires ports on hosts, OVN's controllers among it; empty for who may not see them."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "agent", AgentResource.parse)
