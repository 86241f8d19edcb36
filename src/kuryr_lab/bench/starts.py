"""One container after another: what a person waits for."""

import subprocess
from collections.abc import Callable

from kuryr_lab.bench.contenders import Lane
from kuryr_lab.errors import LabError

EXPOSED = ("--expose", "80", "--expose", "443")

_USABLE = "until ping -c 1 -W 1 $0 && nc -w 1 $0 80 </dev/null; do :; done >/dev/null 2>&1; echo usable; sleep 9999"
"""What a container does to find out that it is connected: ICMP, then TCP, to a neighbour. Then it says so."""


def start(*options: str) -> Callable[[Lane], Callable[[], None]]:
    """`docker run --detach`."""

    def act(lane: Lane) -> Callable[[], None]:
        container = lane.run(*options)
        return lambda: lane.remove(container)

    return act


def cycle(lane: Lane) -> Callable[[], None]:
    """`docker run --detach`, then `docker rm --force`."""
    lane.remove(lane.run())
    return _nothing


def sustained(count: int) -> Callable[[Lane], Callable[[], None]]:
    """So many cycles without a pause."""

    def act(lane: Lane) -> Callable[[], None]:
        for _ in range(count):
            lane.remove(lane.run())
        return _nothing

    return act


def restart(lane: Lane) -> Callable[[], None]:
    """`docker restart` of a container that runs, whatever address it has."""
    lane.host.docker("restart", "--time", "0", lane.containers[0])
    return _nothing


def first_contact(neighbours: dict[str, str]) -> Callable[[Lane], Callable[[], None]]:
    """From `docker run` until a neighbour of the lane has answered a ping and a TCP connection; by lanes' names."""

    def act(lane: Lane) -> Callable[[], None]:
        host, name = lane.host, f"first{len(lane.containers)}"
        command = ["docker", "run", "--name", name, "--network", lane.network, "busybox", "sh", "-c", _USABLE]
        running = host.popen([*command, neighbours[lane.name]])
        lane.containers.append(name)
        said = running.stdout.readline() if running.stdout else ""
        if said != "usable\n":
            _, trouble = running.communicate()
            raise LabError(f"a container of {lane.name} was never connected: {trouble}")

        def clear() -> None:
            lane.remove(name)
            _end(running)

        return clear

    return act


def _end(running: "subprocess.Popen[str]") -> None:
    running.kill()
    running.communicate()


def _nothing() -> None:
    """Nothing is left to clear up."""
