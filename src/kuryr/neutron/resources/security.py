"""What guards ports, and what limits them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kuryr.model import IPAddress, IPNetwork
from kuryr.neutron.resources.reader import Reader


@dataclass(frozen=True)
class SecurityGroupRuleResource:
    """A rule of a security group. What is "" or None is not restricted."""

    id: str
    security_group_id: str = ""
    direction: str = ""
    """ "ingress" or "egress"."""
    ethertype: str = ""
    """ "IPv4" or "IPv6"."""
    protocol: str = ""
    port_first: int | None = None
    port_last: int | None = None
    remote_cidr: IPAddress | IPNetwork | None = None
    remote_group_id: str = ""
    description: str = ""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a rule; raises CloudError when it is nonsense."""
        read = Reader("security group rule", body)
        cidr = body.get("remote_ip_prefix")
        return cls(
            id=read.id,
            security_group_id=read.text("security_group_id"),
            direction=read.text("direction"),
            ethertype=read.text("ethertype"),
            protocol=read.text("protocol"),
            port_first=read.number("port_range_min", None),
            port_last=read.number("port_range_max", None),
            remote_cidr=None if cidr is None else read.address_or_cidr(cidr),
            remote_group_id=read.text("remote_group_id"),
            description=read.text("description"),
        )


@dataclass(frozen=True)
class SecurityGroupResource:
    """A Neutron security group with its rules."""

    id: str
    name: str = ""
    project_id: str = ""
    description: str = ""
    shared: bool = False
    """With other projects, which may then use it, too."""
    rules: tuple[SecurityGroupRuleResource, ...] = ()
    tags: tuple[str, ...] = ()
    revision: int = 0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a security group; raises CloudError when it is nonsense."""
        read = Reader("security group", body)
        return cls(
            id=read.id,
            name=read.text("name"),
            project_id=read.project_id,
            description=read.text("description"),
            shared=read.flag("shared"),
            rules=tuple(SecurityGroupRuleResource.parse(rule) for rule in read.items("security_group_rules", dict)),
            tags=read.texts("tags"),
            revision=read.number("revision_number", 0),
        )


@dataclass(frozen=True)
class QosPolicyResource:
    """A Neutron QoS policy; its rules are the administrator's concern."""

    id: str
    name: str = ""
    project_id: str = ""
    shared: bool = False
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read Neutron's JSON of a QoS policy; raises CloudError when it is nonsense."""
        read = Reader("QoS policy", body)
        return cls(read.id, read.text("name"), read.project_id, read.flag("shared"), read.texts("tags"))
