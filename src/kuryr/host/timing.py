"""How long things may take on a host."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """In seconds."""

    ready: float = 20.0
    """Until the host's agent has wired a port; 0 for not waiting."""
    identify: float = 2.0
    """An endpoint that lives less long is not worth a request that writes its name on the port."""
    patience: float = 60.0
    """A reservation whose user has not come by then, or that nobody gave back, is looked at by the sweep."""
    settle: float = 10.0
    """How long a request waits for a port that is still being deleted."""
    clock: Callable[[], float] = time.monotonic
    """What tells the time."""
