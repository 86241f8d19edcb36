"""Start a program that outlives this process.

`subprocess.Popen` wants its child to end first and warns if it does not; so this is posix_spawn.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

REPORT = 3
"""The file descriptor on which a program may report to whoever started it."""


class Spawned:
    """A program in a session of its own, without input, its output appended to `log`."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path, report: int | None = None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        if report is not None:
            actions.append((os.POSIX_SPAWN_DUP2, report, REPORT))
        self.pid = os.posix_spawnp(argv[0], list(argv), env, file_actions=actions, setsid=True)
        self._status: int | None = None

    def status(self, *, wait: bool = False) -> int | None:
        """Its exit status (negative: the signal that ended it), None as long as it runs and `wait` is not asked for."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, 0 if wait else os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status
