"""Work that an engine need not wait for: giving ports back, writing who uses them, looking for leftovers.

It runs on a few threads, in the order it was asked for, now or after a delay. Nothing here is promised: whatever is
lost when the process dies, or turned away because too much is waiting, is found again by the sweep.
"""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from kuryr.errors import KuryrError

LOG = logging.getLogger(__name__)

Task = Callable[[], None]


class Work(Protocol):
    """Whoever does what need not be waited for."""

    def soon(self, task: Task) -> Future[None] | None:
        """Run `task` as soon as possible. None when it will not be run."""

    def later(self, delay: float, task: Task) -> None:
        """Run `task` after `delay` seconds."""


class Afterwards:
    """For whoever is not waited for anyhow: does by himself, before he ends, what he has asked for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Task, Future[None]]] = []

    def soon(self, task: Task) -> Future[None]:
        """Keep `task` for `finish`."""
        future: Future[None] = Future()
        with self._lock:
            self._waiting.append((task, future))
        return future

    def later(self, delay: float, task: Task) -> None:
        """Leave `task` to the sweep."""

    def finish(self) -> None:
        """Do everything that waits."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                task, future = self._waiting.pop(0)
            _run_logged(task)
            future.set_result(None)


class Behind:
    """A bounded executor with delays, which can be drained. A task that raises is logged, never repeated."""

    def __init__(self, *, threads: int = 4, limit: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="behind")
        self._limit = limit
        self._clock = clock
        self._changed = threading.Condition()
        self._delayed: list[tuple[float, int, Task]] = []
        self._numbers = itertools.count()
        self._waiting = 0
        self._closed = False
        self._timer = threading.Thread(target=self._run_timer, name="behind-timer", daemon=True)
        self._timer.start()

    def soon(self, task: Task) -> Future[None] | None:
        """Run `task` as soon as a thread is free. None when too much is waiting, or everything is closing."""
        with self._changed:
            if self._closed or self._waiting >= self._limit:
                return None
            self._waiting += 1
        return self._executor.submit(self._run, task)

    def later(self, delay: float, task: Task) -> None:
        """Run `task` after `delay` seconds."""
        with self._changed:
            if not self._closed and len(self._delayed) < self._limit:
                heapq.heappush(self._delayed, (self._clock() + delay, next(self._numbers), task))
                self._changed.notify_all()

    @property
    def idle(self) -> bool:
        """Whether all that was asked for by `soon` is done."""
        with self._changed:
            return self._waiting == 0

    def drain(self, timeout: float) -> bool:
        """Wait until all that was asked for by `soon` is done; false when `timeout` seconds did not suffice."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting == 0, timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Forget what is delayed, finish what is waiting, within `timeout` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if not self.drain(timeout):
            LOG.warning("work was left undone at the end; the next start's sweep finishes it")
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, task: Task) -> None:
        try:
            _run_logged(task)
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def _run_timer(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not (self._delayed and self._delayed[0][0] <= self._clock()):
                    self._changed.wait(self._delayed[0][0] - self._clock() if self._delayed else None)
                if self._closed:
                    return
                _, _, task = heapq.heappop(self._delayed)
            self.soon(task)


def _run_logged(task: Task) -> None:
    try:
        task()
    except KuryrError as error:
        LOG.warning("work behind failed: %s", error)
    except Exception:
        LOG.exception("work behind failed")
