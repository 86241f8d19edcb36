"""Neutron's networks."""

from typing import NotRequired, TypedDict, Unpack

from kuryr.neutron.api import Api
from kuryr.neutron.resources import NetworkResource
from kuryr.neutron.tags import Tagged


class NetworkSpec(TypedDict):
    """What a new network shall be; the keyword arguments of `Networks.create`. None leaves a choice to Neutron."""

    name: str
    description: str
    project_id: NotRequired[str | None]
    mtu: NotRequired[int | None]
    """Bytes."""
    shared: NotRequired[bool | None]
    """With all projects; by default the administrator's right."""
    port_security: NotRequired[bool | None]
    """The default of its ports."""
    dns_domain: NotRequired[str | None]
    """Ends in a dot; it and a port's dns_name make the port's name."""
    qos_policy_id: NotRequired[str | None]


class Networks(Tagged[NetworkResource]):
    """`/networks`. Deleting a network takes its subnets along, as long as no ports but Neutron's own are left."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "network", NetworkResource.parse)

    def create(self, **spec: Unpack[NetworkSpec]) -> NetworkResource:
        """Make a network.

        Raises InvalidInput (an MTU too large, a domain that is none), Exhausted (quota), CloudRefused (`shared`
        without the right to, another project), NotFound (no such policy).
        """
        given = {_NAMES.get(key, key): value for key, value in spec.items() if value is not None}
        return self._create(given)

    def update(self, id: str, *, description: str) -> NetworkResource | None:  # noqa: A002
        """Change what is given; answers the network, or None when it is gone."""
        return self._update(id, {"description": description})


_NAMES = {"port_security": "port_security_enabled"}
