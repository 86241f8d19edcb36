"""The labels of Docker's networks become tags of the Neutron networks that Kuryr makes for them.

Docker tells a driver no labels, and does not know the network itself before the driver has answered. So it is asked a
moment later; what is missed then, because the driver dies or Docker is silent, is made up for by the sweep. Existing
networks get no tags: they are not Kuryr's.
"""

import logging
from collections.abc import Iterator, Mapping

from kuryr.behind import Behind
from kuryr.docker.engine import Engine, EngineView
from kuryr.errors import KuryrError
from kuryr.gateway.protocol import Networks

LOG = logging.getLogger(__name__)

MOMENT = 1.0
"""Seconds until Docker knows a network that was just made."""

LONGEST = 255
"""Characters of a tag (neutron.extensions.tagging, MAX_TAG_LEN)."""


class NetworkLabels:
    """Carries labels to Neutron. Thread-safe."""

    def __init__(self, engine: Engine, networks: Networks, behind: Behind) -> None:
        self._engine = engine
        self._networks = networks
        self._behind = behind

    def soon(self, owner: str) -> None:
        """A network was made: carry its labels, behind. One request to Neutron, if it has any."""
        self._behind.later(MOMENT, lambda: self._networks.tag(owner, list(tags(self._engine.network_labels(owner)))))

    def sweep(self, view: EngineView) -> int:
        """Carry what was missed: no request for networks that have their tags. Nothing is ever left to remove."""
        for owner, labels in view.labels.items():
            try:
                self._networks.tag(owner, list(tags(labels)))
            except KuryrError as error:
                LOG.warning("the labels of network %s are not carried to Neutron: %s", owner[:12], error)
        return 0


def tags(labels: Mapping[str, str]) -> Iterator[str]:
    """The tags that labels become, without those that no filter of Neutron's could find: `key=value`, or `key`."""
    for key, value in sorted(labels.items()):
        tag = f"{key}={value}" if value else key
        if "," in tag or len(tag) > LONGEST or not tag.isprintable():
            LOG.info("label %.60s cannot be a tag of Neutron's", key)
        else:
            yield tag
