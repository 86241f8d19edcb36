"""Where scenarios are run, and with how much effort."""

from dataclasses import dataclass

from kuryr_lab.bench.trials import Trials
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon


@dataclass(frozen=True, slots=True)
class Effort:
    """How many rounds: of what is fast, and of what is slow; and which part of what is large."""

    rounds: int = 30
    slow: int = 10
    part: float = 1.0
    only: tuple[str, ...] = ()
    """Scenarios; all if none is named."""

    @classmethod
    def of(cls, rounds: int, *only: str) -> "Effort":
        """All in proportion to the rounds of what is fast."""
        return cls(rounds, max(rounds // 3, 1), min(rounds / 30, 1.0), only)

    def of_many(self, count: int) -> int:
        """How many of a great number are taken."""
        return max(round(count * self.part), 1)

    @property
    def is_full(self) -> bool:
        """Whether what comes out is worth keeping."""
        return self.part == 1 and not self.only

    def wants(self, scenario: str) -> bool:
        """Whether it shall be run."""
        return not self.only or scenario in self.only


@dataclass(frozen=True, slots=True)
class Setting:
    """A lab with one host, on which the drivers run; what is measured goes to `trials`."""

    lab: Lab
    host: Host
    kuryr: Daemon
    trials: Trials
    effort: Effort
