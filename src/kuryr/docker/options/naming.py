"""What of Neutron's a user's options name: an existing network, subnet, port or subnet pool, by id, name or tag."""

from dataclasses import fields, replace

from kuryr.docker.options.catalogue import Values
from kuryr.errors import InvalidInput
from kuryr.gateway.topology import Existing
from kuryr.model import Choice, Named


def named(values: Values, prefix: str) -> Named:
    """What the options `<prefix>.uuid`, `.name` and `.tag` say together."""
    parts = {"id": "uuid", "name": "name", "tag": "tag"}
    return Named(**{part: str(values.get(f"{prefix}.{word}", "")) for part, word in parts.items()})


def existing(values: Values) -> Existing:
    """The existing network and subnets that options name."""
    return Existing(*(named(values, prefix) for prefix in ("neutron.net", "neutron.subnet", "neutron.subnet.v6")))


def subnet_pool(values: Values, version: int) -> Named:
    """The subnet pool that options name for an address family."""
    return named(values, "neutron.pool.v6" if version == 6 else "neutron.pool")


def choice(values: Values) -> Choice:
    """The port that options choose. Raises InvalidInput when they choose two."""
    chosen = Choice(named(values, "neutron.port"), str(values.get("kuryr.sticky.key", "")))
    if chosen.port and chosen.sticky:
        raise InvalidInput("kuryr.sticky.key and neutron.port choose two ports", hint="leave one of them out")
    return chosen


def agree(one: Existing, other: Existing) -> Existing:
    """What `-o` and `--ipam-opt` say together. Raises InvalidInput when they contradict."""
    return Existing(
        **{each.name: agree_on(getattr(one, each.name), getattr(other, each.name)) for each in fields(Existing)}
    )


def agree_on(one: Named, other: Named) -> Named:
    """What `-o` and `--ipam-opt` say of one thing. Raises InvalidInput when they contradict."""
    for each in fields(Named):
        first, second = getattr(one, each.name), getattr(other, each.name)
        if first and second and first != second:
            raise InvalidInput(f"-o and --ipam-opt name two different ones: {first} and {second}")
    return replace(one, **{each.name: getattr(one, each.name) or getattr(other, each.name) for each in fields(Named)})
