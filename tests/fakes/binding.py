"""An in-memory host: links with claims, behind the registry that finds binding drivers.

    kernel = FakeKernel()
    binding = kernel.binding()

The kernel outlives the drivers made for it, as a real one outlives the process. Its rules are those of
`kuryr.binding.driver.BindingDriver`, which `tests/binding` proves of the real driver.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import cast

from kuryr.binding.driver import BindingContext, BindingDriver, Found, Interface
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, KuryrError, PlugError
from kuryr.model import Claim, Vif, is_ready


@dataclass(frozen=True)
class Link:
    """An interface: whose it is, and whether it is connected."""

    owner: str
    mac: str
    plugged: bool = False


class FakeKernel:
    """What exists on one host, and how it misbehaves. Thread-safe."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        """By port id."""
        self.on_step: Callable[[str, str], None] | None = None
        """Called with the name of a step and the port id before it is done, e.g. to change the world meanwhile."""
        self.tells_readiness = True
        """Whether a port's being wired shows on this host."""
        self.has_interfaces = True
        """Whether a port is an interface, and not a socket, say."""
        self._failing: dict[tuple[str, str], KuryrError] = {}
        self._lock = threading.Lock()

    def binding(self) -> Binding:
        """A registry with one driver, for this kernel; what a new process makes."""
        driver = cast("EntryPoint", _Entry(self))
        return Binding(BindingContext("test"), {"ovs": driver, "card.direct": driver})

    def owners(self) -> set[str]:
        """Whom the links belong to."""
        return {link.owner for link in self.links.values()}

    @contextmanager
    def failing(self, step: str, port_id: str = "", error: KuryrError | None = None) -> Iterator[None]:
        """Within this context a step ("stage", "plug", …) fails, of one port or of all."""
        self._failing[step, port_id] = error or PlugError(f"cannot {step}")
        try:
            yield
        finally:
            del self._failing[step, port_id]

    def begin(self, step: str, port_id: str = "") -> None:
        """A driver is about to do a step."""
        if self.on_step:
            self.on_step(step, port_id)
        for key in {(step, ""), (step, port_id)}:
            if key in self._failing:
                raise self._failing[key]

    def stage(self, vif: Vif, claim: Claim) -> None:
        """Make a link, or complete it."""
        with self._lock:
            link = self.links.get(vif.port_id, Link("", vif.mac))
            if not is_ready(link.owner) and link.owner not in {"", claim.owner}:
                raise Conflict(f"port {vif.port_id} is claimed by {link.owner}")
            self.links[vif.port_id] = replace(link, owner=claim.owner)

    def plug(self, port_id: str) -> None:
        """Connect a link."""
        with self._lock:
            if port_id not in self.links:
                raise PlugError(f"port {port_id} has no link")
            self.links[port_id] = replace(self.links[port_id], plugged=True)

    def unplug(self, port_id: str) -> None:
        """Remove a link."""
        with self._lock:
            self.links.pop(port_id, None)


@dataclass(frozen=True)
class _Entry:
    """Stands where an installed entry point stands."""

    kernel: FakeKernel
    value: str = "fakes.binding:FakeDriver"

    def load(self) -> Callable[[BindingContext], BindingDriver]:
        return lambda context: FakeDriver(self.kernel, context)


class FakeDriver:
    """See `kuryr.binding.driver.BindingDriver`."""

    def __init__(self, kernel: FakeKernel, context: BindingContext) -> None:
        self._kernel = kernel
        self._context = context

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        self._kernel.begin("stage", vif.port_id)
        if "bound_drivers" not in vif.details:
            raise PlugError(f"nobody is known who would wire port {vif.port_id}")
        self._kernel.stage(vif, claim)
        return Interface(f"tap{vif.port_id[:11]}" if self._kernel.has_interfaces else "")

    def plug(self, vif: Vif) -> None:
        self._kernel.begin("plug", vif.port_id)
        self._kernel.plug(vif.port_id)

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        self._kernel.begin("await_ready", vif.port_id)
        if not self._kernel.links[vif.port_id].plugged:
            raise PlugError(f"port {vif.port_id} is not plugged")
        return self._kernel.tells_readiness

    def announce(self, vif: Vif) -> None:
        self._kernel.begin("announce", vif.port_id)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        self._kernel.begin("unplug", port_id)
        self._kernel.unplug(port_id)

    def found(self) -> Sequence[Found]:
        self._kernel.begin("found")
        return [Found(port_id, link.owner) for port_id, link in list(self._kernel.links.items())]

    def close(self) -> None:
        """Nothing to close."""
