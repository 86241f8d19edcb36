"""Waiting until nothing else happens on the machine, so that a run does not pay for the one before it."""

import time
from pathlib import Path

_SPAN = 0.25
"""Seconds over which the machine is watched."""
_BUSY = 0.15
"""The share of all cores' time above which it is not quiet: the idle cloud takes about 0.03."""


def await_quiet(seconds: float = 20) -> float:
    """Wait until the machine is quiet, `seconds` at most; the share of its time that was busy when last seen."""
    end = time.monotonic() + seconds
    while True:
        before = _times()
        time.sleep(_SPAN)
        busy, total = (after - earlier for after, earlier in zip(_times(), before, strict=True))
        share = busy / total if total else 0.0
        if share < _BUSY or time.monotonic() > end:
            return share


def _times() -> tuple[int, int]:
    """The jiffies that all cores together were busy, and all (proc(5), /proc/stat; guests count as user)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)
