"""Subnet pools (neutron.db.db_base_plugin_v2, neutron.ipam.subnet_alloc)."""

from ipaddress import ip_network
from typing import Any

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.refusals import Refusal
from kuryr_lab.fake.rules import Rules


class PoolRules(Rules):
    """Subnet pools."""

    def complete(self, pool: Body) -> None:
        version = ip_network(pool["prefixes"][0]).version
        pool["ip_version"] = version
        for name, default in (("min_prefixlen", 8), ("max_prefixlen", 32), ("default_prefixlen", 8)):
            # As texts, and only in the answer to the POST.
            pool[name] = str(pool.get(name) or (default if version == 4 else min(default * 8, 128)))

    def remove(self, pool: Body) -> None:
        if self.cloud.where("subnet", subnetpool_id=pool["id"]):
            raise Refusal(
                400,
                "SubnetPoolDeleteError",
                "Unable to delete subnet pool: Subnet pool has existing allocations.",
            )


def check_affinity(subnet: Body, others: list[Body]) -> None:
    """Raises Refusal when a network's subnets of one family would be from different pools."""
    if any(
        other["subnetpool_id"] != subnet["subnetpool_id"]
        for other in others
        if other["ip_version"] == subnet["ip_version"]
    ):
        raise Refusal(
            400,
            "NetworkSubnetPoolAffinityError",
            "Subnets hosted on the same network must be allocated from the same subnet pool.",
        )


def cut(pool: Body, subnet: Body, taken: list[Any]) -> str:
    """The CIDR of a new subnet of a pool: the wanted one, or the first that is free."""
    if pool["ip_version"] != subnet["ip_version"]:
        raise Refusal(
            400,
            "BadRequest",
            f"Bad subnets request: Cannot allocate IPv{subnet['ip_version']} subnet from IPv{pool['ip_version']} "
            "subnet pool.",
        )
    prefixes: list[Any] = [ip_network(prefix) for prefix in pool["prefixes"]]
    if subnet["cidr"]:
        wanted: Any = ip_network(subnet["cidr"], strict=False)
        inside = any(wanted.subnet_of(prefix) for prefix in prefixes)
        if not inside or any(wanted.overlaps(other) for other in taken):
            raise _failed("Cannot allocate requested subnet from the available set of prefixes.")
        return str(wanted)
    length = int(pool["default_prefixlen"])
    for prefix in prefixes:
        if prefix.prefixlen <= length:
            for candidate in prefix.subnets(new_prefix=length):
                if not any(candidate.overlaps(other) for other in taken):
                    return str(candidate)
    raise _failed(f"Insufficient prefix space to allocate subnet size /{length}.")


def _failed(reason: str) -> Refusal:
    return Refusal(500, "SubnetAllocationError", f"Failed to allocate subnet: {reason}")
