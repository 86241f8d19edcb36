"""Where a container's port is: bound to the host itself, or on top of the one port that a virtual machine has.

A port is *seated* after it is made and before a binding driver is told of it, and *unseated* before it goes. For a
port that is bound to its host Neutron does both in the calls that make and delete the port.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kuryr.errors import InvalidInput
from kuryr.gateway.identity import PORT_OWNER, lent_owner
from kuryr.gateway.ports.lending import Lending
from kuryr.model import Mark, Network, PortRequest
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortSpec
from kuryr.neutron.resources import PortResource


@dataclass(frozen=True)
class Seat:
    """How a port comes to its container: what a binding driver is told of it, besides addresses."""

    mac: str
    vif_type: str
    vnic_type: str = "normal"
    details: Mapping[str, Any] = field(default_factory=dict)


class Placement(Protocol):
    """One way to place ports. Thread-safe."""

    @property
    def lends(self) -> bool:
        """Whether existing ports can be lent to containers here."""

    @property
    def guards(self) -> bool:
        """Whether a container's port, with its groups, is what guards the container."""

    def check(self, request: PortRequest, network: Network) -> None:
        """Raises InvalidInput for what cannot be had here."""

    def adapt(self, spec: PortSpec) -> PortSpec:
        """A container port's specification as it must be here."""

    def seat(self, ports: Sequence[PortResource]) -> None:
        """Place new ports, or ports with new addresses, all or none. Raises Conflict, Exhausted, CloudError."""

    def unseat(self, port_id: str) -> None:
        """Take a port away from its place, before it is deleted. Not there is no error."""

    def seat_of(self, port: PortResource) -> Seat:
        """The place of a port."""

    def held(self) -> Sequence[PortResource]:
        """Every container port of this host."""


def refuse_existing(request: PortRequest) -> None:
    """Raises InvalidInput when an existing port is chosen where none can be lent."""
    if request.choice:
        raise InvalidInput(
            f"{request.choice} cannot be lent to a container of a virtual machine", hint="leave that option out"
        )


class OnHost:
    """Ports that are bound to this host: a compute host, whose Neutron agent wires them."""

    lends = True
    guards = True

    def __init__(self, neutron: Neutron, lending: Lending, mark: Mark) -> None:
        self._neutron = neutron
        self._lending = lending
        self._mark = mark

    def check(self, request: PortRequest, network: Network) -> None:
        """Everything can be had."""

    def adapt(self, spec: PortSpec) -> PortSpec:
        """Bound to the host from its birth on."""
        spec["host"] = self._mark.host
        return spec

    def seat(self, ports: Sequence[PortResource]) -> None:
        """They are bound already."""

    def unseat(self, port_id: str) -> None:
        """A port's binding goes with it."""

    def seat_of(self, port: PortResource) -> Seat:
        """What Neutron's mechanism driver says."""
        return Seat(port.mac, port.vif_type, port.vnic_type, port.details)

    def held(self) -> Sequence[PortResource]:
        """One request."""
        # The host is not anybody's to write, as a description is.
        filters = {"binding:host_id": self._mark.host, "device_owner": [PORT_OWNER, lent_owner(self._mark)]}
        listed = self._neutron.ports.list(**filters)
        return [port for port in listed if port.description == str(self._mark) or self._lending.is_lent_here(port)]
