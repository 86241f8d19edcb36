"""How many ports one machine may have in Neutron at one time, where its grant says so.

Neutron's quota is a project's, and a project has many machines: one of them must not take what is all of theirs. To
count costs a request, which a container's start shall not. So Neutron is asked only when as many ports have been made
as would be too many if none had gone; a machine that is far from its limit never notices.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kuryr.errors import OverQuota
from kuryr.gateway.service.grants import Grant


class Allowance:
    """The ports of one machine. `count` asks Neutron how many there are. Thread-safe."""

    def __init__(self, grant: Grant, count: Callable[[], int]) -> None:
        self._grant = grant
        self._count = count
        self._lock = threading.Lock()
        self._most_there = grant.ports
        """At most as many are there; after the process' start nobody knows better."""
        self._under_way = 0

    @contextmanager
    def taking(self, number: int) -> Iterator[None]:
        """Make so many ports meanwhile. Raises OverQuota when they would be too many."""
        if not self._grant.ports or not number:
            yield
            return
        with self._lock:
            if self._most_there + number > self._grant.ports:
                self._most_there = self._count() + self._under_way
            if self._most_there + number > self._grant.ports:
                raise OverQuota(
                    f"the gateway service grants {self._grant.name} {self._grant.ports} ports at one time, and it has "
                    f"{self._most_there}",
                    hint="remove containers, or ask its operator",
                )
            self._most_there += number
            self._under_way += number
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= number
