"""Where a container's traffic leaves its network, as the user of `docker network create` chooses.

    neutron   by the gateway of the Neutron subnet, where a router may be; Docker adds nothing (the default)
    engine    by a second interface, on Docker's own bridge: `-p` and `docker port` work, and the host translates
              addresses; Neutron's security groups do not see that interface
    none      nowhere: the container has no default route

`--internal` is `none`, and a network that Kuryr makes for it has no gateway in Neutron either. The choice is written
on the network's anchor, because Docker repeats it to nobody.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from kuryr.errors import InvalidInput

OPTION = "kuryr.gateway"


class GatewayStyle(Enum):
    """The values of the option."""

    NEUTRON = "neutron"
    ENGINE = "engine"
    NONE = "none"

    @property
    def settings(self) -> tuple[str, ...]:
        """What an anchor records; nothing for the default."""
        return () if self is GatewayStyle.NEUTRON else (f"gateway={self.value}",)

    @classmethod
    def of(cls, settings: Iterable[str]) -> "GatewayStyle":
        """What an anchor's settings say."""
        return next((style for style in cls if set(style.settings) & set(settings)), cls.NEUTRON)

    @classmethod
    def chosen(cls, options: Mapping[str, object], *, internal: bool) -> "GatewayStyle":
        """What the options of a new network say. Raises InvalidInput."""
        value = options.get(OPTION, cls.NONE.value if internal else cls.NEUTRON.value)
        style = next((style for style in cls if style.value == value), None)
        if style is None:
            words = ", ".join(style.value for style in cls)
            raise InvalidInput(f"option {OPTION}={value} is not known", hint=f"it is one of {words}")
        if internal and style is not cls.NONE:
            raise InvalidInput(f"--internal contradicts {OPTION}={value}", hint="leave one of them out")
        return style
