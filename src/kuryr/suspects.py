"""When may something be removed that nobody seems to use? Not at first sight.

An engine tells of a network or a container only after the driver has answered for it, and repeats a call for 15
seconds. So what looks unused is only suspected at first; it is removed when every look during the grace period
found it unused.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from kuryr.errors import CloudUnavailable, KuryrError

LOG = logging.getLogger(__name__)


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

    def sweep(self, unused: Mapping[str, str], remove: Callable[[str], object]) -> int:
        """Remove those keys of `unused` that are convicted; their values say what people call them.

        Returns how many are still there: in their grace period, or because they resist, which must not keep the sweep
        from all the rest. Raises CloudUnavailable.
        """
        left = len(unused)
        for key in sorted(self.convict(unused)):
            try:
                remove(key)
            except CloudUnavailable:
                raise
            except KuryrError as error:
                LOG.info("%s cannot be swept yet: %s", unused[key], error)
            else:
                LOG.info("swept %s", unused[key])
                left -= 1
        return left
