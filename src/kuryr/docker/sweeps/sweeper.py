"""When leftovers are looked for: after the start, when something failed, and now and then.

The engine says what is alive. While it does not answer, nothing is unused; so nothing is removed while it boots, and
nothing when it is gone but its containers live on (live-restore).

What looks unused is looked at again after the grace period; what resists (another host still uses the network that
this one made), at growing intervals.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from kuryr.docker.engine import Engine, EngineSilent, EngineView
from kuryr.errors import KuryrError
from kuryr.neutron.tracing import new_request_id, request_id

LOG = logging.getLogger(__name__)

JITTER = 0.2
"""Hosts that start together must not ask Neutron together for ever."""

SILENCE = 5.0
"""Seconds at most until an engine that does not answer is asked again: it boots, and then there is much to do."""

LONGEST_PAUSE = 300.0
"""Seconds between two looks while something resists or the cloud is down: leftovers go soon after a long outage."""


Sweep = Callable[[EngineView], int]
"""Removes what the engine does not use any more; returns how much looks unused and is still there."""


class Sweeper:
    """A thread that sweeps this host by several `sweeps`. `soon` may be called from anywhere."""

    def __init__(self, engine: Engine, sweeps: Sequence[Sweep], grace: float, interval: float) -> None:
        self._engine = engine
        self._sweeps = sweeps
        self._interval = interval
        self._wake = threading.Condition()
        self._next = time.monotonic()
        self._first_pause = self._pause = grace * 1.05
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin with a sweep."""
        self._thread.start()

    def soon(self) -> None:
        """Something may have been left behind: look now, and again after the grace period."""
        with self._wake:
            self._next = time.monotonic()
            self._pause = self._first_pause
            self._wake.notify_all()

    def close(self) -> None:
        """Stop; a sweep under way is not waited for, because any of its steps may be the last."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def sweep(self) -> int:
        """One look at everything; how much looks unused and is still there. Raises KuryrError."""
        view = self._engine.view()
        return sum(sweep(view) for sweep in self._sweeps)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._closed and self._next > time.monotonic():
                    self._wake.wait(self._next - time.monotonic())
                if self._closed:
                    return
                self._next = time.monotonic() + self._interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            left = self._try_sweep()
            with self._wake:
                if left:
                    self._next = min(self._next, time.monotonic() + self._pause)
                    self._pause = min(self._pause * 2, max(LONGEST_PAUSE, self._first_pause))
                else:
                    self._pause = self._first_pause

    def _try_sweep(self) -> bool:
        """Whether another look is needed soon."""
        request_id.set(new_request_id())
        LOG.info("sweep request_id=%s", request_id.get())
        try:
            return self.sweep() > 0
        except EngineSilent as error:
            LOG.info("no sweep: %s", error)
            self._pause = min(self._pause, SILENCE)
        except KuryrError as error:
            LOG.warning("no sweep: %s", error)
        except Exception:
            LOG.exception("the sweep failed")
        return True
