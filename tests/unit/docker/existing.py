"""What a tenant has in the cloud, and how a user of Docker names it."""

from collections.abc import Mapping
from typing import Any

from fakes.neutron import FakeNeutron
from unit.host.node import Site, snapshot

LENT = "compute:kuryr:test"


def port(neutron: FakeNeutron, where: Site, number: int, **fields: Any) -> dict[str, Any]:
    """A port that a tenant has made."""
    fixed = [{"subnet_id": where.subnet_id, "ip_address": str(where[number])}]
    body = {"network_id": where.network_id, "fixed_ips": fixed, **fields}
    return neutron.cloud.create("port", [body], neutron.project_id)[0]


def the_subnet(neutron: FakeNeutron) -> Mapping[str, Any]:
    """The one subnet in the cloud."""
    (subnet,) = snapshot(neutron)["subnet"].values()
    return dict(subnet)


def option(by: str, blue: Site) -> dict[str, str]:
    return {
        by: {
            "neutron.net.uuid": blue.network_id,
            "neutron.net.name": "blue",
            "neutron.subnet.uuid": blue.subnet_id,
            "neutron.subnet.name": "sub",
        }[by]
    }
