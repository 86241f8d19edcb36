"""Await a condition, never a span of time: a loaded machine is slower, a quiet one faster than any guess."""

import time
from collections.abc import Callable

from kuryr_lab.errors import LabError

POLL_SECONDS = 0.05


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 30) -> float:
    """The seconds it took until `condition` held; LabError naming `what` if it does not within `seconds`."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began
