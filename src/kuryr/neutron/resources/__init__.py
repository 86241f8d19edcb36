"""Neutron's resources as plain immutable values, read from its JSON.

Clouds differ in their extensions: an attribute that is missing reads as its empty value, one that is unknown is
ignored. Only what cannot be meant (no id, an address that is none) is an error, and it is the cloud's.
"""

from kuryr.neutron.resources.agent import AgentResource
from kuryr.neutron.resources.network import NetworkResource, SubnetPoolResource, SubnetResource
from kuryr.neutron.resources.port import PortResource
from kuryr.neutron.resources.routing import FloatingIPResource, PortForwardingResource, RouterResource
from kuryr.neutron.resources.security import QosPolicyResource, SecurityGroupResource, SecurityGroupRuleResource
from kuryr.neutron.resources.trunk import TrunkResource

__all__ = [
    "AgentResource",
    "FloatingIPResource",
    "NetworkResource",
    "PortForwardingResource",
    "PortResource",
    "QosPolicyResource",
    "RouterResource",
    "SecurityGroupResource",
    "SecurityGroupRuleResource",
    "SubnetPoolResource",
    "SubnetResource",
    "TrunkResource",
]
