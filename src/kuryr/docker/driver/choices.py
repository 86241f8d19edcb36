"""Which port a container shall have, and what it shall be: by its options, its labels, or its network's rule.

Docker fixes the address before it tells a network driver anything of the endpoint. So options of the endpoint come in
time only where Docker leaves the address to Kuryr (null IPAM), or gives the very address of that port. Before the
address, an engine from 29 on tells the container's name, and with it Docker's API tells the labels.

    kuryr.sticky    ip: whoever is run with the same --ip gets the same port; name: whoever has the same name
    kuryr.labels    use: labels count if Docker tells them within a second; require: no start without knowing them;
                    ignore: Docker is not asked
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from kuryr.docker.engine import Engine, EngineSilent
from kuryr.docker.options import catalogue, naming, traits
from kuryr.docker.options.catalogue import Place, Values
from kuryr.docker.options.settings import Labels, Sticky
from kuryr.errors import InvalidInput, NotFound
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.protocol import Guards
from kuryr.model import USUAL_PORT, Choice, IPAddress, PortTraits

LOG = logging.getLogger(__name__)

Made = TypeVar("Made")


@dataclass(frozen=True)
class Wish:
    """What a container wants of its port; groups and policy by name or id."""

    choice: Choice
    traits: PortTraits = USUAL_PORT


class Choices:
    """Answers for every container; `engine` is asked for labels only. Thread-safe."""

    def __init__(self, engine: Engine, guards: Guards) -> None:
        self._engine = engine
        self._guards = guards

    def before_address(self, bound: Bound, name: str, address: IPAddress | None) -> Wish:
        """What a container of this name wants, who asks for a certain address or for any. `name` may be "".

        Raises InvalidInput for labels that cannot be meant, EngineSilent when they must be known but are not.
        """
        settings = bound.anchorage.settings
        values = catalogue.read(self._labels(name, Labels.of(settings)), Place.LABEL)
        wish = Wish(naming.choice(values), traits.chosen(values))
        check_lent(wish.traits, lent=bool(wish.choice.port))
        if wish.choice:
            return wish
        sticky = Sticky.of(settings)
        if sticky is Sticky.NAME and not name:
            raise InvalidInput(
                "kuryr.sticky=name needs a Docker that tells the container's name, which it does from 29 on",
                hint="create the network with kuryr.sticky=ip and run containers with --ip",
            )
        return replace(wish, choice=Choice(sticky=name) if sticky is Sticky.NAME else _by_address(sticky, address))

    def at_endpoint(self, bound: Bound, values: Values, addresses: Sequence[IPAddress]) -> Choice:
        """What an endpoint with these options wants, whose addresses Docker has given, or left to Kuryr."""
        chosen = naming.choice(values)
        if chosen or bound.anchorage.keys:
            return chosen
        return _by_address(Sticky.of(bound.anchorage.settings), next(iter(addresses), None))

    def fulfil(self, bound: Bound, own: PortTraits, base: PortTraits, make: Callable[[PortTraits], Made]) -> Made:
        """What `make` makes of the traits, by id, that a container says on top of a `base`.

        Made once more when what was looked up before is gone now. Raises InvalidInput.
        """
        project_id = bound.network.project_id
        known = self._guards.resolve(own, project_id)
        try:
            return make(traits.together(known, base))
        except NotFound:
            anew = self._guards.resolve(own, project_id, anew=True)
            if anew == known:
                raise
            return make(traits.together(anew, base))

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


def check_lent(own: PortTraits, *, lent: bool) -> None:
    """Nothing of a port that is `lent` changes. Raises InvalidInput."""
    if lent and own != USUAL_PORT:
        raise InvalidInput("an existing port keeps its own groups, policy and name", hint="leave those options out")


def _by_address(sticky: Sticky, address: IPAddress | None) -> Choice:
    return Choice(sticky=str(address)) if sticky is Sticky.IP and address is not None else Choice()
