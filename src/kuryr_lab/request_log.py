"""Read an API's request log: which calls a command made of Neutron, and when.

uWSGI writes one line per answered request. A `Cursor` remembers a place in the file, so that a test can count the
calls from before a command until the API has been quiet for a while.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from kuryr_lab.errors import LabError
from kuryr_lab.layout import MAX_HOSTS, Layout
from kuryr_lab.waiting import POLL_SECONDS

# The variables are described in uWSGI's "Formatting uWSGI requests logs". The client's own words come last.
FORMAT = "\t".join(
    (
        "%(tmsecs)",
        "%(addr)",
        "%(method)",
        "%(status)",
        "%(msecs)",
        "%(var.HTTP_X_OPENSTACK_REQUEST_ID)",
        "%(uri)",
        "%(uagent)",
    )
)

_SWEEP = re.compile(r"sweep request_id=(\S+)")
"""How a driver's log names the id of the requests that it is about to sweep with."""


def path_of(layout: Layout, api: str) -> Path:
    """The request log of the API `api`."""
    return layout.log("control", f"{api}-requests")


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request."""

    began: float
    """Seconds since the epoch."""
    client: str
    """Who sent it: `host1`, `vm1` and so on, `machine` (the lab's own clients, tests) or `control`."""
    method: str
    status: int
    milliseconds: int
    request_id: str
    """The global request id the client sent, empty if none."""
    path: str
    """With the query."""
    user_agent: str


class Cursor:
    """A place in a request log; what comes after it is read once.

    Without `sweeps`, what the drivers of `client` look for behind everybody's back is left out: when they do so is
    nobody's affair.
    """

    def __init__(self, log: Path, layout: Layout, client: str | None = None, *, sweeps: bool = True) -> None:
        self._log = log
        self._layout = layout
        self._client = client
        self._drivers = None if sweeps or client is None else layout.log(client, "kuryr").parent
        self._offset = log.stat().st_size if log.exists() else 0

    def read(self) -> list[Request]:
        """The requests logged since the last reading, in the order of their answers."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        requests = [parse(line, self._layout) for line in whole.decode(errors="replace").splitlines()]
        own = [request for request in requests if self._client in (None, request.client)]
        swept = self._swept() if own else frozenset()
        return [request for request in own if request.request_id not in swept]

    def read_until_quiet(self, quiet: float = 5, seconds: float = 60) -> list[Request]:
        """The requests until none has come for `quiet` seconds. LabError if they never cease within `seconds`."""
        found: list[Request] = []
        end = time.monotonic() + seconds
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            if new := self.read():
                found += new
                last = time.monotonic()
            if time.monotonic() > end:
                raise LabError(f"requests of {self._client or 'anybody'} did not cease within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        return found

    def _swept(self) -> frozenset[str]:
        logs = self._drivers.glob("kuryr*.log") if self._drivers else ()
        return frozenset(found for log in logs for found in _SWEEP.findall(log.read_text(errors="replace")))


def parse(line: str, layout: Layout) -> Request:
    """One line of the log."""
    began, address, method, status, milliseconds, request_id, path, user_agent = line.split("\t", 7)
    return Request(
        began=int(began) / 1000,
        client=client_of(address, layout),
        method=method,
        status=int(status),
        milliseconds=int(milliseconds),
        request_id=request_id.strip("-") and request_id,
        path=path,
        user_agent=user_agent,
    )


def client_of(address: str, layout: Layout) -> str:
    """The name that goes with an address of the management network."""
    known = {layout.machine_address: "machine", layout.control_address: "control"}
    number = int(address.rsplit(".", 1)[-1])
    return known.get(address) or (f"host{number}" if number <= MAX_HOSTS else f"vm{number - MAX_HOSTS}")
