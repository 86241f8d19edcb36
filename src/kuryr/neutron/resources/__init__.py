"""Neutron's resources as plain immutable values, read from its JSON.

Clouds differ in their extensions: an attribute that is missing reads as its empty value, one that is unknown is
ignored. Only what cannot be meant (no id, an address that is none) is an error, and it is the cloud's.
"""

from kuryr.neutron.resources.network import NetworkResource, SubnetResource
from kuryr.neutron.resources.port import PortResource

__all__ = ["NetworkResource", "PortResource", "SubnetResource"]
