"""What may go wrong in a lab, in one line for a person, with the log of the part that failed."""

from pathlib import Path


class LabError(Exception):
    """A lab could not do what was asked; `log` is the file that says why, if there is one."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class CommandFailed(LabError):
    """A command in a node ended with a status other than 0."""

    def __init__(self, argv: list[str], returncode: int, stdout: str, stderr: str) -> None:
        said = " ".join((stderr or stdout).split())[-500:]
        super().__init__(f"`{' '.join(argv)}` ended with status {returncode}: {said}")
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


def tail(log: Path, lines: int = 20) -> str:
    """The last `lines` lines of `log`; empty if it does not exist."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
