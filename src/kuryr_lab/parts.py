"""Start what a lab is made of: each part as soon as those it needs have started, all others at the same time.

A profile of the lab is a list of parts. To widen the lab is to write another part, not to change this.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to start: `start` returns once it is ready for those that name it in their `needs`."""

    name: str
    title: str
    start: Callable[[], None]
    needs: tuple[str, ...] = ()


class Watcher(Protocol):
    """Whoever shows the start of parts to a person."""

    def started(self, part: Part) -> None:
        """`part` is starting."""

    def ready(self, part: Part, seconds: float) -> None:
        """`part` became ready after `seconds`."""

    def failed(self, part: Part, error: BaseException) -> None:
        """`part` did not start."""


def start_all(parts: Sequence[Part], watcher: Watcher, abandon: Callable[[], None]) -> None:
    """Start `parts` in the order of their needs. On the first failure call `abandon` and raise that failure.

    `abandon` must end what the other parts are still waiting for, so that no thread is left behind.
    """
    # Raises CycleError, and KeyError for a need that no part fills.
    order = TopologicalSorter({part.name: part.needs for part in parts})
    by_name = {part.name: part for part in parts}
    order.prepare()

    def start(part: Part) -> None:
        watcher.started(part)
        began = time.monotonic()
        try:
            part.start()
        except BaseException as error:
            watcher.failed(part, error)
            raise
        watcher.ready(part, time.monotonic() - began)

    running: dict[Future[None], Part] = {}
    with ThreadPoolExecutor(max_workers=len(parts)) as executor:
        try:
            while order.is_active():
                for name in order.get_ready():
                    running[executor.submit(start, by_name[name])] = by_name[name]
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    order.done(running.pop(future).name)
        except BaseException:
            abandon()
            raise
