"""Neutron's agents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kuryr.neutron.resources.reader import Reader


@dataclass(frozen=True)
class AgentResource:
    """A process on a host that works for Neutron."""

    id: str
    type: str = ""
    """What it is called, e.g. `Open vSwitch agent`."""
    host: str = ""
    alive: bool = False
    """Whether it has reported lately."""
    enabled: bool = True
    """admin_state_up."""
    heartbeat: str = ""
    """When it reported last."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of an agent; raises CloudError when it is nonsense."""
        read = Reader("agent", body)
        return cls(
            id=read.id,
            type=read.text("agent_type"),
            host=read.text("host"),
            alive=read.flag("alive"),
            enabled=read.flag("admin_state_up", default=True),
            heartbeat=read.text("heartbeat_timestamp"),
        )
