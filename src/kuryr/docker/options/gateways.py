"""Where a container's traffic leaves its network, as the user of `docker network create` chooses.

    neutron   by the gateway of the Neutron subnet, where a router may be; Docker adds nothing (the default)
    engine    by a second interface, on Docker's own bridge: `-p` and `docker port` work, and the host translates
              addresses; Neutron's security groups do not see that interface
    none      nowhere: the container has no default route, and a network that Kuryr makes has no gateway in Neutron

`--internal` is `none`.
"""

from kuryr.docker.options.settings import Setting
from kuryr.errors import InvalidInput


class GatewayStyle(Setting):
    """The values of the option."""

    NEUTRON = "neutron"
    ENGINE = "engine"
    NONE = "none"

    @classmethod
    def key(cls) -> str:
        """See `Setting`."""
        return "gateway"

    @classmethod
    def decided(cls, given: object, *, internal: bool) -> "GatewayStyle":
        """What a new network's options say together. Raises InvalidInput."""
        if internal and given not in {None, cls.NONE}:
            raise InvalidInput(
                f"--internal contradicts kuryr.gateway={cls.chosen(given).value}", hint="leave one of them out"
            )
        return cls.NONE if internal else cls.chosen(given)
