"""Who is compared: ways to connect a container on one and the same host.

Each has its own Docker network for the whole of a scenario, so that a run is the same command but for the network.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kuryr_lab.host import Host

BRIDGE, CONTROL, NONE = "bridge", "bridge (control)", "none"
KURYR, READY, LIBNETWORK = "kuryr (miss)", "kuryr (ready)", "kuryr-libnetwork"
NOWAIT = "kuryr (miss, not waiting)"
"""As kuryr-libnetwork does by default: whether the port carries traffic is found out by the container."""

_NONE_AHEAD = ("-o", "kuryr.ready_ports=off")
_FIRST = 60
"""The second number of the first contender's subnet."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way; `driver` is Docker's name for it, "" for a container without a network."""

    name: str
    driver: str
    options: tuple[str, ...] = ()
    """Of `docker network create`."""
    subnet: str = ""
    """That of an existing network; else one of its own."""

    @property
    def ipam(self) -> tuple[str, ...]:
        """A remote driver brings its own."""
        return () if self.driver in {"", "bridge"} else ("--ipam-driver", self.driver)

    def open(self, host: Host, number: int) -> "Lane":
        """Its network on a host, told from other contenders' by `number`."""
        if not self.driver:
            return Lane(self, host, "none", number)
        network, own = f"bench{number}", ("--driver", self.driver, *self.ipam)
        # kuryr-libnetwork cannot choose a gateway itself.
        new = ("--subnet", f"10.{_FIRST + number}.0.0/16", "--gateway", f"10.{_FIRST + number}.0.1")
        subnet = ("--subnet", self.subnet) if self.subnet else new
        host.docker("network", "create", *own, *subnet, *self.options, network)
        return Lane(self, host, network, number)


CONTENDERS: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender(NONE, ""),
        Contender(BRIDGE, "bridge"),
        Contender(CONTROL, "bridge"),
        Contender(READY, "kuryr"),
        Contender(KURYR, "kuryr", _NONE_AHEAD),
        Contender(NOWAIT, "kuryr-nowait", _NONE_AHEAD),
        Contender(LIBNETWORK, "libnetwork"),
    )
}


@dataclass(frozen=True, slots=True)
class Lane:
    """A contender with its network on a host."""

    contender: Contender
    host: Host
    network: str
    number: int
    containers: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The contender's."""
        return self.contender.name

    def run(self, *options: str, command: tuple[str, ...] = ("sleep", "9999"), image: str = "busybox") -> str:
        """`docker run --detach`; the container's name."""
        name = f"b{secrets.token_hex(5)}"
        self.containers.append(name)
        # A container that ignores SIGTERM would cost every contender ten seconds.
        own = ("--detach", "--stop-signal", "KILL", "--name", name, "--network", self.network)
        self.host.docker("run", *own, *options, image, *command)
        return name

    def address(self, number: int) -> str:
        """An address of its subnet that is handed out to nobody who does not ask for it."""
        return f"10.{_FIRST + self.number}.200.{number}"

    def close(self) -> None:
        """`docker network rm`."""
        if self.contender.driver:
            self.host.docker("network", "rm", self.network)

    def remove(self, *containers: str) -> None:
        """`docker rm --force`."""
        if containers:
            self.host.docker("rm", "--force", *containers)
            for container in containers:
                self.containers.remove(container)


@contextlib.contextmanager
def lanes(host: Host, contenders: Mapping[str, Contender], *names: str) -> Iterator[list[Lane]]:
    """The named contenders, each with a network of its own; all of it is gone afterwards."""
    opened: list[Lane] = []
    try:
        for number, name in enumerate(names):
            opened.append(contenders[name].open(host, number))
        yield opened
    finally:
        for lane in reversed(opened):
            lane.remove(*list(lane.containers))
            lane.close()
