"""What many runs say together.

Two contenders take turns, so whatever else happens on the machine happens to both: each turn gives one ratio. The
median of the ratios is the figure. How far it may be off is told by the order statistics of the same ratios, which
assume nothing of how times are distributed: between the ranks named here the true median lies with 95 % confidence.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A median of `runs` runs and the 95 % interval in which the true one lies."""

    median: float
    low: float
    high: float
    runs: int

    @property
    def spread(self) -> float:
        """How far the median may be off: half of the interval."""
        return (self.high - self.low) / 2


def figure(values: Sequence[float]) -> Figure:
    """The figure of some values. Raises ValueError if there are none."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    rank = _rank(len(ordered))
    return Figure(statistics.median(ordered), ordered[rank], ordered[-1 - rank], len(ordered))


def ratio(ones: Sequence[float], others: Sequence[float]) -> Figure:
    """How many times as long the ones took as the others, turn by turn. Raises ValueError if the turns do not match."""
    return figure([one / other for one, other in zip(ones, others, strict=True)])


def _rank(count: int) -> int:
    """How many values may be cut off at either end: the chance that the median is among them is at most 5 %."""
    outside, rank = 0.0, 0
    while True:
        outside += 2 * math.comb(count, rank) / 2**count
        if outside > 1 - _CONFIDENCE:
            return max(rank - 1, 0)
        rank += 1
