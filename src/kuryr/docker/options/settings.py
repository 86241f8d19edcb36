"""What the user of `docker network create -o` chooses once for all containers of the network.

It is written on the network's anchor, because Docker repeats it to nobody. A default is not written.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Self


class Setting(Enum):
    """One such choice; the first value is the default. A subclass says by `key` how an anchor calls it."""

    @classmethod
    def key(cls) -> str:
        """Short, because an anchor must be."""
        raise NotImplementedError

    @property
    def recorded(self) -> tuple[str, ...]:
        """What an anchor records."""
        return () if self is self.default() else (f"{self.key()}={self.value}",)

    @classmethod
    def default(cls) -> Self:
        """The value of a network whose user chose none."""
        return next(iter(cls))

    @classmethod
    def of(cls, settings: Iterable[str]) -> Self:
        """What an anchor's settings say."""
        return next((each for each in cls if set(each.recorded) & set(settings)), cls.default())

    @classmethod
    def chosen(cls, given: object) -> Self:
        """The value of an option, if it was given."""
        return given if isinstance(given, cls) else cls.default()


class Sticky(Setting):
    """By what the containers of a network keep their ports."""

    NONE = "none"
    IP = "ip"
    NAME = "name"

    @classmethod
    def key(cls) -> str:
        """See `Setting`."""
        return "sticky"


class Ahead(Setting):
    """Whether ports are made ahead for the containers of a network."""

    AUTO = "auto"
    OFF = "off"

    @classmethod
    def key(cls) -> str:
        """See `Setting`."""
        return "ready"


class Labels(Setting):
    """What becomes of the containers' labels."""

    USE = "use"
    REQUIRE = "require"
    IGNORE = "ignore"

    @classmethod
    def key(cls) -> str:
        """See `Setting`."""
        return "labels"
