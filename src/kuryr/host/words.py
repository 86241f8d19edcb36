"""What is written on a port behind its user's back: who he is, and at which of its own ports he may be reached.

Not before he has lived for two seconds, because many do not. So a process that dies may owe some of it. What its
successor finds claimed is looked over once: where all is written already, that costs no request for the port.
"""

import logging
from collections.abc import Collection
from dataclasses import replace

from kuryr.behind import Behind
from kuryr.errors import CloudUnavailable, KuryrError
from kuryr.host.holdings import Held, Holdings
from kuryr.locks import KeyedLocks
from kuryr.model import Cloud, Opening

LOG = logging.getLogger(__name__)


class Words:
    """Those about the users of one host's ports. Thread-safe.

    They are written `delay` seconds after they were said, and after `patience` seconds again while the cloud is down.
    `order` keeps what happens to an owner in order.
    """

    def __init__(
        self, cloud: Cloud, holdings: Holdings, behind: Behind, order: KeyedLocks, delay: float, patience: float
    ) -> None:
        self._cloud = cloud
        self._holdings = holdings
        self._behind = behind
        self._order = order
        self._delay = delay
        self._patience = patience
        self._owed: set[str] = set()

    def owe(self, owners: Collection[str]) -> None:
        """These have lived before this process: whether all is written about them is not known."""
        self._owed.update(owners)

    def owed(self) -> set[str]:
        """Those about whom it is not known yet."""
        return set(self._owed)

    def later(self, held: Held, openings: Collection[Opening]) -> None:
        """Write about the user of a port behind; nothing if there is nothing to write."""
        if held.vif.owner != held.owner or openings:
            self._behind.later(self._delay, lambda: self._write(held.owner, held.vif.port_id, openings))

    def now(self, owner: str, openings: Collection[Opening]) -> None:
        """Write what is owed. Raises CloudError."""
        if held := self._holdings.of(owner):
            self._write(owner, held.vif.port_id, openings)
        self._owed.discard(owner)

    def _write(self, owner: str, port_id: str, openings: Collection[Opening]) -> None:
        # While this waits for the cloud, the owner may go.
        with self._order(f"words about {owner}"):
            with self._order(owner):
                held = self._holdings.of(owner)
                if not held or held.vif.port_id != port_id or held.opened == frozenset(openings):
                    return
                # Before the request: it may be carried out although its answer is lost.
                named = self._holdings.swap(held, replace(held, named=True))
            if not named:
                return
            if openings and (held.vif.is_foreign or not held.vif.traits.security_groups):
                LOG.info("no security group of Kuryr's guards port %s, so none opens what is exposed", port_id)
            try:
                opened = self._identify(named, frozenset(openings))
            except CloudUnavailable:
                self._behind.later(self._patience, lambda: self._write(owner, port_id, openings))
                raise
            with self._order(owner):
                self._holdings.swap(named, replace(named, opened=opened))

    def _identify(self, held: Held, openings: frozenset[Opening]) -> frozenset[Opening]:
        """Answers what is opened: a name can be written even if nothing can be opened."""
        owner = held.owner
        try:
            self._cloud.identify(held.vif, owner, port_name(owner), openings=openings)
        except CloudUnavailable:
            raise
        except KuryrError as error:
            if not openings:
                raise
            LOG.warning("what endpoint %s exposes is not opened: %s", owner[:12], error)
            self._cloud.identify(held.vif, owner, port_name(owner))
            return frozenset()
        return openings


def port_name(owner: str) -> str:
    """What a port is called that was made for `owner`."""
    return f"kuryr-{owner[:12]}"
