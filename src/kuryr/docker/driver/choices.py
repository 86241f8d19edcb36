"""Which port a container shall have, if not just a new one: by its options, its labels, or its network's rule.

Docker fixes the address before it tells a network driver anything of the endpoint. So options of the endpoint come in
time only where Docker leaves the address to Kuryr (null IPAM), or gives the very address of that port. Before the
address, an engine from 29 on tells the container's name, and with it Docker's API tells the labels.

    kuryr.sticky    ip: whoever is run with the same --ip gets the same port; name: whoever has the same name
    kuryr.labels    use: labels count if Docker tells them within a second; require: no start without knowing them;
                    ignore: Docker is not asked
"""

import logging
from collections.abc import Mapping, Sequence

from kuryr.docker.engine import Engine, EngineSilent
from kuryr.docker.options import catalogue, naming
from kuryr.docker.options.catalogue import Place, Values
from kuryr.docker.options.settings import Labels, Sticky
from kuryr.errors import InvalidInput
from kuryr.gateway.bound import Bound
from kuryr.model import Choice, IPAddress

LOG = logging.getLogger(__name__)


class Choices:
    """Answers for every container; `engine` is asked for labels only. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def before_address(self, bound: Bound, name: str, address: IPAddress | None) -> Choice:
        """What a container of this name wants, who asks for a certain address or for any. `name` may be "".

        Raises InvalidInput for labels that cannot be meant, EngineSilent when they must be known but are not.
        """
        settings = bound.anchorage.settings
        chosen = naming.choice(catalogue.read(self._labels(name, Labels.of(settings)), Place.LABEL))
        if chosen:
            return chosen
        sticky = Sticky.of(settings)
        if sticky is Sticky.NAME and not name:
            raise InvalidInput(
                "kuryr.sticky=name needs a Docker that tells the container's name, which it does from 29 on",
                hint="create the network with kuryr.sticky=ip and run containers with --ip",
            )
        return Choice(sticky=name) if sticky is Sticky.NAME else _by_address(sticky, address)

    def at_endpoint(self, bound: Bound, values: Values, addresses: Sequence[IPAddress]) -> Choice:
        """What an endpoint with these options wants, whose addresses Docker has given, or left to Kuryr."""
        chosen = naming.choice(values)
        if chosen or bound.anchorage.keys:
            return chosen
        return _by_address(Sticky.of(bound.anchorage.settings), next(iter(addresses), None))

    def _labels(self, name: str, use: Labels) -> Mapping[str, str]:
        if not name or use is Labels.IGNORE:
            return {}
        try:
            return self._engine.labels(name)
        except EngineSilent as error:
            if use is Labels.REQUIRE:
                raise EngineSilent(
                    f"the labels of container {name} are not known: {error.message}", hint=_SILENT
                ) from error
            LOG.warning("container %s starts as if it had no labels: %s", name, error)
            return {}


_SILENT = "run it again; a network without kuryr.labels=require does not wait for them"


def _by_address(sticky: Sticky, address: IPAddress | None) -> Choice:
    return Choice(sticky=str(address)) if sticky is Sticky.IP and address is not None else Choice()
