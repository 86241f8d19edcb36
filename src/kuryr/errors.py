"""Every error that a person may read, in one small tree.

    KuryrError
    ├── InvalidInput            what was asked for cannot be meant             400
    ├── NotFound                what was named does not exist                  404
    ├── Conflict                it exists, but in a way that forbids this      409
    │   ├── Exhausted           no address or id is left                       409
    │   │   └── OverQuota       the project's quota is used up                 409
    │   └── Overtaken           somebody else changed it first                 409
    ├── CloudError              Neutron answered, but with a failure           502
    │   ├── CloudRefused        Keystone or a policy said no                   502
    │   └── CloudUnavailable    Neutron or Keystone did not answer             503
    └── PlugError               the kernel, Open vSwitch or an agent failed    500

An error says what failed, on which object, why, and what the reader can do about it. It is one line, because
Docker prints it to a person verbatim. The technical cause travels as `__cause__` into the log only.
"""

from typing import ClassVar

MAX_LENGTH = 500
"""Longest message in characters: a server's error page must not fill a terminal."""


class KuryrError(Exception):
    """What failed and why, in one line for a person; `hint` says what to do next."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = one_line(message)
        self.hint = one_line(hint)
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidInput(KuryrError):
    """What was asked for cannot be meant: a malformed value, options that contradict each other."""

    status = 400


class NotFound(KuryrError):
    """What was named does not exist, or is not visible to this project."""

    status = 404


class Conflict(KuryrError):
    """The object exists in a way that forbids the request: in use, ambiguous, or different from what was asked."""

    status = 409


class Exhausted(Conflict):
    """Nothing is left to hand out: addresses of a subnet, a quota."""


class OverQuota(Exhausted):
    """The project has as many of a kind as its quota allows."""


class Overtaken(Conflict):
    """The object is no longer what it was when it was read: somebody else was faster. Read it again, then decide."""


class CloudError(KuryrError):
    """Neutron answered with a failure that is not the caller's fault."""

    status = 502


class CloudRefused(CloudError):
    """Keystone refused the credentials, or a policy forbade the call."""


class CloudUnavailable(CloudError):
    """Neutron or Keystone could not be reached, or did not answer in time."""

    status = 503


class PlugError(KuryrError):
    """The host's side failed: the kernel, Open vSwitch, or the agent that should have wired the port."""


def one_line(text: str) -> str:
    """`text` without line breaks and repeated blanks, cut to `MAX_LENGTH` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_LENGTH else flat[: MAX_LENGTH - 1] + "…"
