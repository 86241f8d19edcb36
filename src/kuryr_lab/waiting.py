"""Await a condition, never a span of time: a loaded machine is slower, a quiet one faster than any guess."""

import time
from collections.abc import Callable

from kuryr_lab.errors import LabError

POLL_SECONDS = 0.05


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 30) -> None:
    """Return as soon as `condition` holds; LabError naming `what` if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
