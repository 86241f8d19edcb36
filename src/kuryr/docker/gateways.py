"""Where a container's traffic leaves its network, as the user of `docker network create` chooses.

    neutron   by the gateway of the Neutron subnet, where a router may be; Docker adds nothing (the default)
    engine    by a second interface, on Docker's own bridge: `-p` and `docker port` work, and the host translates
              addresses; Neutron's security groups do not see that interface
    none      nowhere: the container has no default route, and a network that Kuryr makes has no gateway in Neutron

`--internal` is `none`. The choice is written on the network's anchor, because Docker repeats it to nobody.
"""

from collections.abc import Iterable
from enum import Enum

from kuryr.errors import InvalidInput


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
    def chosen(cls, given: "GatewayStyle | None", *, internal: bool) -> "GatewayStyle":
        """What a new network's options say together. Raises InvalidInput."""
        if internal and given and given is not cls.NONE:
            raise InvalidInput(f"--internal contradicts kuryr.gateway={given.value}", hint="leave one of them out")
        return given or (cls.NONE if internal else cls.NEUTRON)
