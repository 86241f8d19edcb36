"""Containers that come and go: at a steady rate, or as fast as the driver lets them.

At a steady rate a start counts from when it was due, not from when somebody had the time to ask for it: who waits for
his turn waits. Any refusal ends the load with `Refused`, once what had begun has come to its end.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from kuryr_lab.load.engine import Endpoint, Engine, Network


@dataclass(slots=True)
class Outcome:
    """What became of the starts."""

    seconds: list[float] = field(default_factory=list)
    """How long each took, in the order of their ends."""
    span: float = 0.0
    """From the beginning until the last one was done."""

    @property
    def per_second(self) -> float:
        """How many starts there were in a second."""
        return len(self.seconds) / self.span

    def percentile(self, percent: float) -> float:
        """The time within which so many of the starts were done."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


class Churn:
    """Starts and stops on networks of an engine, which have their turns."""

    def __init__(self, engine: Engine, *networks: Network) -> None:
        self._engine = engine
        self._networks = networks
        self._lock = threading.Lock()

    def steady(self, rate: float, count: int, life: float) -> Outcome:
        """`rate` starts in a second, `count` in all; each container lives `life` seconds, and its stop counts not."""
        began, outcome = time.monotonic(), Outcome()

        def one(number: int) -> None:
            endpoint = self._start(number, began, began + number / rate, outcome)
            time.sleep(life)
            self._engine.stop(endpoint)

        # Threads for all of them: nobody's start waits for the end of another container.
        _all(count, count, one, pace=lambda number: began + number / rate)
        return outcome

    def saturated(self, count: int, workers: int) -> Outcome:
        """`count` starts, each followed by its stop, by so many users at once, who never pause."""
        began, outcome = time.monotonic(), Outcome()

        def one(number: int) -> None:
            self._engine.stop(self._start(number, began, time.monotonic(), outcome))

        _all(count, workers, one)
        return outcome

    def _start(self, number: int, began: float, due: float, outcome: Outcome) -> Endpoint:
        endpoint = self._engine.start(self._networks[number % len(self._networks)])
        now = time.monotonic()
        with self._lock:
            outcome.seconds.append(now - due)
            outcome.span = now - began
        return endpoint


def _all(count: int, workers: int, one: Callable[[int], None], pace: Callable[[int], float] = lambda _: 0.0) -> None:
    """Do `one` for each number, not before the moment that `pace` says. Raises what the first failure raised."""
    with ThreadPoolExecutor(workers, thread_name_prefix="churn") as executor:
        begun = []
        for number in range(count):
            time.sleep(max(0.0, pace(number) - time.monotonic()))
            begun.append(executor.submit(one, number))
        for each in begun:
            each.result()
