"""Taking over a port that others may want too, so that exactly one gets it.

A condition (`If-Match`) is not enough. When two changes meet in the database, Neutron tries the second one again, and
by then it has forgotten the condition (2026.2, neutron.services.revisions): both succeed. So takers first announce
themselves by a tag, which counts as one revision, and then change the port on condition that it is in a state in which
no other taker's tag was there. Who withdraws does so only once his own attempt is over. Hence two conditions can never
both hold:

- of a taker who comes when another tag is there: he does not even begin;
- of takers who came at the same moment: each finds more than his own tag, and all but the first in the alphabet
  withdraw.

The winner's tag stays on the port, where it says who has it. So does the tag of a taker who died in between: whoever
sweeps after him removes it.
"""

import time
from collections.abc import Callable
from typing import Unpack

from kuryr.errors import KuryrError, NotFound, Overtaken
from kuryr.neutron.ports import PortChanges, Ports
from kuryr.neutron.resources import PortResource

_PREFIX = "kuryr.taker="

_ROUNDS = 20
_PAUSE = 0.1
"""Seconds: withdrawing takes others two calls."""


def taker_tag(who: str) -> str:
    """What a port bears from the moment that `who` (ASCII without slash and comma) tries to take it; also a filter."""
    return f"{_PREFIX}{who}"


def take(
    ports: Ports,
    free: PortResource,
    who: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    **changes: Unpack[PortChanges],
) -> PortResource:
    """Make a port, read as `free` a moment ago, the taker's by `changes`: two calls, and more only in a race.

    The caller has seen that nobody uses the port; that this still holds is seen to here. Raises Overtaken, with the
    port as it was, when it changed since or somebody else takes it; NotFound when it is gone; and what `Ports.update`
    raises, which also leaves the port as it was.
    """
    if takers_of(free):
        raise _overtaken(free)
    tag = taker_tag(who)
    ports.add_tag(free.id, tag)
    try:
        return _carry_out(ports, free, tag, changes, sleep)
    except KuryrError:
        ports.remove_tag(free.id, tag)
        raise


def takers_of(port: PortResource) -> list[str]:
    """The tags of those who have taken this port, or are about to, in order."""
    return sorted(tag for tag in port.tags if tag.startswith(_PREFIX))


def _carry_out(
    ports: Ports, free: PortResource, tag: str, changes: PortChanges, sleep: Callable[[float], None]
) -> PortResource:
    revision = free.revision + 1
    for _ in range(_ROUNDS):
        try:
            taken = ports.update(free.id, revision=revision, **changes)
        except Overtaken:
            revision = _await_turn(ports, free, tag, sleep)
        else:
            if taken is None:
                raise NotFound(f"port {free.id} is gone")
            return taken
    raise _overtaken(free)


def _await_turn(ports: Ports, free: PortResource, tag: str, sleep: Callable[[float], None]) -> int:
    """The revision at which nobody else wants the port; raises Overtaken for whoever is not first."""
    for _ in range(_ROUNDS):
        now = ports.get(free.id)
        takers = takers_of(now)
        if takers[:1] != [tag] or _used(now) != _used(free):
            break
        if takers == [tag]:
            return now.revision
        sleep(_PAUSE)
    raise _overtaken(free)


def _used(port: PortResource) -> tuple[str, str, str]:
    return port.device_id, port.device_owner, port.host


def _overtaken(port: PortResource) -> Overtaken:
    return Overtaken(f"port {port.id} cannot be taken: somebody else was faster")
