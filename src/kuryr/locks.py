"""Locks by name: work on one object is ordered, work on different objects is not.

There is no lock for everything: fifty calls that hang in Neutron delay only those that ask for the same object.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class KeyedLocks:
    """One re-entrant lock per key, made when it is asked for and gone when nobody holds or awaits it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.RLock, int]] = {}

    @contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        """Hold the lock of `key` for the body."""
        with self._guard:
            lock, users = self._locks.get(key, (None, 0))
            lock = lock or threading.RLock()
            self._locks[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                _, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)
