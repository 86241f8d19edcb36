"""What a user may say by `-o` and `--ipam-opt`.

Options in Kuryr's own name spaces must be ones that it knows: a misspelt option that is silently ignored costs a
person hours. Others belong to Docker or to another tool and are left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from kuryr.errors import InvalidInput
from kuryr.gateway.topology import Existing

OWN = ("neutron.", "kuryr.")

EXISTING = {
    "neutron.net.uuid": "network_id",
    "neutron.net.name": "network_name",
    "neutron.subnet.uuid": "subnet_id",
    "neutron.subnet.name": "subnet_name",
}


def existing(options: Mapping[str, object] | None, others: Sequence[str] = ()) -> Existing:
    """The existing network and subnet that the options name.

    Raises InvalidInput for an option of Kuryr's name spaces that is neither of these nor one of `others`.
    """
    named: dict[str, str] = {}
    for key, value in (options or {}).items():
        if key in EXISTING:
            if not isinstance(value, str) or not value.strip():
                raise InvalidInput(f"option {key} is empty")
            named[EXISTING[key]] = value.strip()
        elif key.startswith(OWN) and key not in others:
            raise InvalidInput(f"Kuryr has no option {key}", hint=f"it has {', '.join([*EXISTING, *others])}")
    return Existing(**named)


def refuse_own(options: Mapping[str, object] | None) -> None:
    """Containers have no options of Kuryr's yet (`docker network connect --driver-opt`). Raises InvalidInput."""
    for key in options or {}:
        if key.startswith(OWN):
            raise InvalidInput(f"Kuryr has no option {key} for containers")


def agree(one: Existing, other: Existing) -> Existing:
    """What `-o` and `--ipam-opt` say together. Raises InvalidInput when they contradict."""
    for field in fields(Existing):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if first and second and first != second:
            raise InvalidInput(f"-o and --ipam-opt name two different ones: {first} and {second}")
    return replace(one, **{f.name: getattr(one, f.name) or getattr(other, f.name) for f in fields(Existing)})
