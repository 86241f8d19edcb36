"""EXPOSE: the ports that an image or `--expose` names are opened in Neutron, as they are on Docker's own networks.

Docker tells them in Join on every engine (in CreateEndpoint too, up to 28). Who may use them is the network's to say:

    kuryr.expose          true or false; kuryr.conf says what holds where this is not said
    kuryr.expose.source   CIDRs, or `any`; by default whoever is on the network

Both are words on the network's anchor, because Docker repeats them to nobody.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from kuryr.docker.protocol import messages
from kuryr.errors import InvalidInput
from kuryr.model import ANYWHERE, IPNetwork, Network, Opening, PortRange

EXPOSED_PORTS = "com.docker.network.endpoint.exposedports"

PROTOCOLS: Mapping[object, str] = {6: "tcp", 17: "udp", 132: "sctp"}
"""IP protocol numbers, by which Docker names them, and Neutron's words."""


@dataclass(frozen=True)
class ExposePolicy:
    """What a network does with the ports that its containers expose."""

    expose: bool | None = None
    """None for what kuryr.conf says."""
    sources: frozenset[IPNetwork] = frozenset()
    """Nothing for the network's own subnets."""

    @classmethod
    def chosen(cls, values: Mapping[str, object]) -> "ExposePolicy":
        """What the options of a new network say together. Raises InvalidInput."""
        expose, sources = values.get("kuryr.expose"), values.get("kuryr.expose.source")
        if expose is False and sources:
            raise InvalidInput("kuryr.expose.source contradicts kuryr.expose=false", hint="leave one of them out")
        return cls(
            expose if isinstance(expose, bool) else None, sources if isinstance(sources, frozenset) else frozenset()
        )

    @property
    def settings(self) -> tuple[str, ...]:
        """What an anchor records; nothing for the default."""
        expose = () if self.expose is None else (f"expose={str(self.expose).lower()}",)
        named = ["any"] if self.sources == ANYWHERE else sorted(map(str, self.sources))
        return (*expose, *(f"from={source}" for source in named))

    @classmethod
    def of(cls, settings: Iterable[str]) -> "ExposePolicy":
        """What an anchor's settings say."""
        words = [setting.partition("=")[::2] for setting in settings]
        named = [text for word, text in words if word == "from"]
        sources = ANYWHERE if "any" in named else frozenset(map(ip_network, named))
        return cls(next((text == "true" for word, text in words if word == "expose"), None), sources)

    def openings(self, network: Network, ports: frozenset[PortRange], *, default: bool) -> tuple[Opening, ...]:
        """What the ports that a container exposes on `network` mean; `default` is what kuryr.conf says."""
        if not ports or not (default if self.expose is None else self.expose):
            return ()
        return (Opening(ports, self.sources or frozenset(subnet.cidr for subnet in network.subnets)),)


def exposed_ports(given: messages.Options | None) -> frozenset[PortRange]:
    """The ports among the options of a Join. Raises InvalidInput when they cannot be read."""
    return frozenset(_read(given))


def _read(given: messages.Options | None) -> Iterator[PortRange]:
    told = (given or {}).get(EXPOSED_PORTS) or []
    for each in told if isinstance(told, list) else [told]:
        match each:
            case {"Proto": int(number), "Port": int(port)} if 0 < port < 65536:
                if protocol := PROTOCOLS.get(number):
                    yield PortRange(protocol, port, port)
            case _:
                raise InvalidInput(f"{each!r:.100} is not an exposed port")
