"""Somebody else's programs: run without a shell, for a bounded time, and ended with all that they have started."""

import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kuryr.errors import PlugError

LOG = logging.getLogger(__name__)


def run(command: Sequence[str | Path], what: str, timeout: float) -> None:
    """Run a program, which may take `timeout` seconds and gets of this process's environment only the PATH.

    Raises PlugError with what it wrote when it fails. What it writes to its error output otherwise is logged.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            text=True,
            errors="replace",
        )
    except OSError as cause:
        raise PlugError(f"{what} cannot be run: {cause.strerror}") from cause
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as cause:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise PlugError(f"{what} did not end within {timeout:g} s") from cause
    if process.returncode:
        said = errors.strip() or output.strip() or "without a word"
        raise PlugError(f"{what} failed with status {process.returncode}: {said}")
    if errors.strip():
        LOG.warning("%s says: %s", what, errors.strip())
