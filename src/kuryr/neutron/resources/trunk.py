"""Trunks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from kuryr.neutron.resources.reader import Reader


@dataclass(frozen=True)
class TrunkResource:
    """A Neutron trunk."""

    id: str
    name: str = ""
    port_id: str = ""
    """Its parent."""
    project_id: str = ""
    description: str = ""
    status: str = ""
    vlans: Mapping[str, int] = field(default_factory=dict)
    """By the ids of its subports."""
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a trunk; raises CloudError when it is nonsense."""
        read = Reader("trunk", body)
        return cls(
            id=read.id,
            name=read.text("name"),
            port_id=read.text("port_id"),
            project_id=read.project_id,
            description=read.text("description"),
            status=read.text("status"),
            vlans={
                str(each.get("port_id")): int(each.get("segmentation_id") or 0)
                for each in read.items("sub_ports", dict)
            },
            tags=read.texts("tags"),
        )
