"""When may something be removed that nobody seems to use? Not at first sight.

An engine tells of a network or a container only after the driver has answered for it, and repeats a call for 15
seconds. So what looks unused is only suspected at first; it is removed when every look during the grace period
found it unused.
"""

import threading
import time
from collections.abc import Callable, Collection


class Suspects:
    """Remembers since when things have looked unused. Thread-safe."""

    def __init__(self, grace: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.grace = grace
        self._clock = clock
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def convict(self, unused: Collection[str]) -> set[str]:
        """Those of `unused` that have been so for the whole grace period. All others start anew."""
        now = self._clock()
        with self._lock:
            self._since = {key: self._since.get(key, now) for key in unused}
            return {key for key, since in self._since.items() if now - since >= self.grace}
