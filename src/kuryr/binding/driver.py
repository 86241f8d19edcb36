"""The contract between the host's side and a driver that plugs one kind of port.

A port goes through three steps, so that the slow ones need not be waited for one after the other: `stage` makes
the interface and claims it, `plug` connects it, `await_ready` waits until Neutron's agent has wired it. Then
`announce` tells the neighbours. `unplug` goes back from wherever a port stands, by looking at the kernel and Open
vSwitch alone: a driver remembers nothing, so nothing is lost when the process dies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kuryr.binding.announcement import Announcer
from kuryr.model import Claim, Vif

if TYPE_CHECKING:  # it takes a moment to load, and most hosts' ports need one driver only
    from kuryr.binding.ovsdb import Ovsdb

GROUP = "kuryr.binding"
"""The entry point group of drivers; an entry's name is the kind of port that it serves, see `kind_of`."""


def kind_of(vif: Vif) -> str:
    """Which driver a port takes: its `binding:vif_type`, and what else makes it another kind of port.

    That is the `binding:vnic_type`, unless it is `normal` (`hw_veb.direct`), and `hybrid` where the agent's firewall
    sits on a bridge between port and switch (`ovs.hybrid`).
    """
    if vif.vnic_type not in ("", "normal"):
        return f"{vif.vif_type}.{vif.vnic_type}"
    return f"{vif.vif_type}.hybrid" if vif.details.get("ovs_hybrid_plug") is True else vif.vif_type


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
    link: str = "eth0"
    """The interface of a virtual machine that its containers are on top of."""
    drivers: Mapping[str, str] = field(default_factory=dict)
    """Kinds of port that another driver shall serve than the one of that name."""
    scripts: Path | None = None
    """The folder of scripts that plug the types of port which no driver serves."""
    script_timeout: float = 30.0
    """Seconds that a script may take."""
    os_vif_python: Path = Path("python3")
    """The interpreter of an environment with os-vif and its plugins."""
    sysfs: Path = Path("/sys")
    """Where the kernel shows devices."""
    sriov_cards: Sequence[str] = ()
    """Interfaces of network cards whose virtual functions are Kuryr's; `network:interface` for one on that network."""
    vhostuser_directory: Path = Path("/run/kuryr/vhostuser")
    """Where the directories of vhost-user ports are made."""

    @cached_property
    def switch(self) -> "Ovsdb":
        """The one connection to this host's Open vSwitch, for all drivers."""
        from kuryr.binding.ovsdb import Ovsdb  # noqa: PLC0415

        return Ovsdb(self.deployment, self.ovsdb, self.timeout)

    @cached_property
    def announcer(self) -> Announcer:
        """The one that all drivers send announcements by."""
        return Announcer()


@dataclass(frozen=True)
class Interface:
    """The inner end of a plugged port, as it waits in the host's namespace to be handed to an engine.

    `name` is "" for a port that is no interface of the kernel's, such as a vhost-user socket.
    """

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

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """Wait until the port carries traffic, for `timeout` seconds at most; 0 only looks. Raises PlugError.

        False if nothing on this host shows whether it does: then Neutron is asked for the port's status.
        """

    def announce(self, vif: Vif) -> None:
        """Tell the neighbours, once the port carries traffic, which MAC address has its addresses now.

        Raises PlugError.
        """

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Remove whatever there is of the port. What is gone already is no error; what is not ours stays.

        `vif` is the port if it is known: something beyond this host may have to be told of it. It may be a port of
        another driver's.
        """

    def found(self) -> Sequence[Found]:
        """Everything of this deployment on this host, however incomplete."""

    def close(self) -> None:
        """Let go of connections; plugged ports stay plugged."""
