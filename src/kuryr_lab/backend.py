"""What turns Neutron's ports into working interfaces: the part of a cloud in which profiles differ.

A back end is a mechanism driver of Neutron's ML2 with whatever it needs beside Neutron on the control node and on each
host. What it plugs ports into is its switch. Both are data and a few steps; `profiles` puts them together.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kuryr_lab.layout import Layout
from kuryr_lab.node import Node
from kuryr_lab.parts import Part

if TYPE_CHECKING:
    from kuryr_lab.client import Resource
    from kuryr_lab.host import Host

PHYSICAL_NETWORK = "physnet1"
"""What Neutron calls the wire to the external network."""

Sections = Mapping[str, Mapping[str, object]]
"""A configuration file."""


@dataclass(frozen=True, slots=True)
class Tap:
    """An interface `name` on a host, whose far end `eth0` in the network namespace `namespace` belongs to `port`."""

    name: str
    namespace: str
    port: "Resource"


class Switch(ABC):
    """What a host's interfaces are plugged into."""

    title: ClassVar[str]
    """In words for a person."""
    programs: ClassVar[Sequence[str]]
    """What must be installed."""

    @abstractmethod
    def start(self, host: "Host") -> None:
        """Make it ready on a host that has just been made."""

    @abstractmethod
    def plug(self, host: "Host", tap: Tap) -> None:
        """Plug an interface that is up, as Nova would plug a machine's."""

    @abstractmethod
    def unplug(self, host: "Host", tap: Tap) -> None:
        """Take it out; what is gone already is fine."""

    @abstractmethod
    def inventory(self, host: "Host") -> set[str]:
        """A line for each thing that is plugged on a host, besides its links."""


class Backend(ABC):
    """A mechanism driver with its services."""

    switch: Switch
    agent: str
    """What wires ports on a host, by the name of its program."""
    wiring_shows: bool
    """Whether a host shows when a port is wired, so that nobody need ask Neutron for the port's status."""
    needs: ClassVar[tuple[str, ...]]
    """Which of its parts must be there before Neutron starts."""
    workers: ClassVar[int]
    """How many processes serve Neutron's API."""
    programs: ClassVar[Sequence[str]]
    """What must be installed, besides what the switch needs."""
    setup: ClassVar[str] = "make setup"
    """How it is installed."""

    def environment(self, layout: Layout) -> Path:
        """The virtual environment that Neutron runs from."""
        return layout.cloud

    @abstractmethod
    def settings(self, layout: Layout) -> Sections:
        """What goes into Neutron's configuration besides what every profile has."""

    @abstractmethod
    def control_parts(self, control: Node) -> list[Part]:
        """What runs beside Neutron on the control node. Each may need `configuration`, `mariadb` and one another."""

    @abstractmethod
    def host_parts(self, control: Node, host: "Host") -> list[Part]:
        """What runs on a host. Each may need the host by its name, what runs on the control node, and `neutron`."""

    @abstractmethod
    def start_agent(self, host: "Host") -> None:
        """Start the agent on a host, and return when it works; the same again after `Daemon.stop` or `kill`."""
