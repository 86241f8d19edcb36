"""The contract between the host's side and a driver that plugs one kind of port.

A port goes through three steps, so that the slow ones need not be waited for one after the other: `stage` makes
the interface and claims it, `plug` connects it, `await_ready` waits until Neutron's agent has wired it. Then
`announce` tells the neighbours. `unplug` goes back from wherever a port stands, by looking at the kernel and Open
vSwitch alone: a driver remembers nothing, so nothing is lost when the process dies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kuryr.model import Claim, Vif

GROUP = "kuryr.binding"
"""The entry point group of drivers; an entry's name is the `binding:vif_type` that it serves."""


@dataclass(frozen=True)
class BindingContext:
    """What every driver is told about this host."""

    deployment: str
    """Whose interfaces these are: tells apart independent installations on one host. Holds no blank."""
    host: str = ""
    """The host's name as Neutron knows it, for messages."""
    integration_bridge: str = "br-int"
    """The Open vSwitch bridge of ports that name none themselves."""
    ovsdb: str = "unix:/run/openvswitch/db.sock"
    """Where the local ovsdb-server listens, in Open vSwitch's notation."""
    sysctl: Path = Path("/proc/sys/net")
    """Where the network settings of this host's kernel can be written."""
    timeout: float = 10.0
    """Seconds that Open vSwitch may take to answer. A lost connection is tried again every 8 s at the least often."""


@dataclass(frozen=True)
class Interface:
    """The inner end of a plugged port, as it waits in the host's namespace to be handed to an engine."""

    name: str


@dataclass(frozen=True)
class Found:
    """Something of this deployment that exists on this host.

    `owner` is "" when nobody has claimed it or no claim can be read. `port_id` is only the beginning of a port's id
    if the driver died in the middle of making an interface: it equals no port's id, and `unplug` takes it.
    """

    port_id: str
    owner: str


class BindingDriver(Protocol):
    """Plugs one kind of port. Made with a `BindingContext`, cheap to make: it connects to nothing before its first use.

    Every method is synchronous, bounded in time, thread-safe (the caller orders calls for one and the same port),
    and raises `kuryr.errors.KuryrError` only.
    """

    def __init__(self, context: BindingContext) -> None: ...

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the interface of `vif`, claimed by `claim`, not yet connected. Twice is once; a half is completed.

        The interface waits down and without addresses. A claim without an owner may later be given one by staging
        again. Raises Conflict when another owner has claimed it, or a foreign interface is in the way.
        """

    def plug(self, vif: Vif) -> None:
        """Connect a staged interface. Twice is once. Raises PlugError."""

    def await_ready(self, vif: Vif, timeout: float) -> None:
        """Wait until the port carries traffic, for `timeout` seconds at most; 0 only looks. Raises PlugError."""

    def announce(self, vif: Vif) -> None:
        """Tell the neighbours, once the port carries traffic, which MAC address has its addresses now.

        Raises PlugError.
        """

    def unplug(self, port_id: str) -> None:
        """Remove whatever there is of the port. What is gone already is no error; what is not ours stays."""

    def found(self) -> Sequence[Found]:
        """Everything of this deployment on this host, however incomplete."""

    def close(self) -> None:
        """Let go of connections; plugged ports stay plugged."""
