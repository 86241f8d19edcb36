"""Networks and containers that Docker has from kuryr-libnetwork, and now speaks of to this driver.

Docker knows which of its networks are this driver's. Those that have no anchor can only be kuryr-libnetwork's, so they
are looked up by its tags: once, because what is no network of its is remembered. Whatever is missing is taken over by
every sweep; so a crash in between loses nothing. A network of which Docker speaks before the first sweep is taken over
at once (`gateway.networks`), its containers' ports by the sweep that follows.
"""

import logging

from kuryr.docker.engine import Engine, EngineSilent, EngineView
from kuryr.errors import CloudUnavailable, KuryrError
from kuryr.gateway.networks.inheritance import Inheritance
from kuryr.gateway.protocol import Networks
from kuryr.host.endpoints import Endpoints

LOG = logging.getLogger(__name__)


class Inheriting:
    """Makes everything that kuryr-libnetwork did for this host's Docker this driver's own.

    `inheritance` is None where it can have done nothing.
    """

    def __init__(
        self, engine: Engine, networks: Networks, inheritance: Inheritance | None, endpoints: Endpoints
    ) -> None:
        self._engine = engine
        self._networks = networks
        self._inheritance = inheritance
        self._endpoints = endpoints

    def sweep(self, view: EngineView) -> int:
        """Take over what is not yet; returns how many ports resist. Raises CloudError.

        No request while all of Docker's networks are this driver's own.
        """
        if self._inheritance is None:
            return 0
        self._networks.inherit(view.networks)
        resisting = 0
        for vif in self._inheritance.ports():
            try:
                # The interface first: without the mark, the port is found again.
                self._endpoints.inherit(vif, alive=vif.owner in view.endpoints)
                self._inheritance.take_over(vif)
                LOG.info("took port %s over from kuryr-libnetwork", vif.port_id)
            except CloudUnavailable:
                raise
            except KuryrError as error:
                LOG.warning("port %s of kuryr-libnetwork cannot be taken over yet: %s", vif.port_id, error)
                resisting += 1
        return resisting

    def catch_up(self) -> bool:
        """Do now what the next sweep would; false when Docker does not say what is alive. Raises CloudError."""
        try:
            self.sweep(self._engine.view())
        except EngineSilent:
            return False
        return True
