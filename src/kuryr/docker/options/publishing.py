"""`-p`: how the published ports of a network's containers are reached from outside, as its creator chooses.

    none         not at all: with Neutron's gateway a container is reached at its own address (the default)
    forwarding   at a floating IP that this host has for this network: Neutron forwards its ports, as Docker does
                 those of the host's own address; so two containers of one host cannot have the same port
    floating     at a floating IP of the container's own, by the container's own port numbers

With `kuryr.gateway=engine` Docker publishes by itself. The choice is a word on the network's anchor, and with it what
it stands on: the floating IP of the forwardings; else the external network that floating IPs are taken from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from kuryr.docker.options.exposure import PROTOCOLS
from kuryr.docker.options.settings import Setting
from kuryr.docker.protocol import messages
from kuryr.docker.protocol.messages import PORT_MAP
from kuryr.errors import InvalidInput
from kuryr.gateway.exposure.forwarding import Forward
from kuryr.gateway.identity import through, through_words
from kuryr.model import ANYWHERE, Opening, PortRange

OPTION = "kuryr.publish"


class Publish(Setting):
    """The values of the option."""

    NONE = "none"
    FORWARDING = "forwarding"
    FLOATING = "floating"

    @classmethod
    def key(cls) -> str:
        """See `Setting`."""
        return "publish"


@dataclass(frozen=True)
class Publication:
    """How a network publishes, and by what."""

    style: Publish = Publish.NONE
    through: str = ""
    """The id of a floating IP or of an external network; "" when none was chosen."""

    @property
    def settings(self) -> tuple[str, ...]:
        """What an anchor records; nothing for the default."""
        return (*self.style.recorded, *through_words(self.through))

    @classmethod
    def of(cls, settings: Iterable[str]) -> "Publication":
        """What an anchor's settings say."""
        said = list(settings)
        return cls(Publish.of(said), through(said))

    @property
    def floating_ip(self) -> str:
        """The floating IP that the network stands on; "" if it needs none."""
        return self.through if self.style is Publish.FORWARDING else ""

    @property
    def external_id(self) -> str:
        """The external network that floating IPs are taken from; "" when it must be looked up."""
        return "" if self.style is Publish.FORWARDING else self.through

    def check(self, given: messages.Options | None) -> None:
        """Refuse `-p` where nobody would serve it, before anything is made. Raises InvalidInput."""
        wanted = published_ports(given)
        if wanted and self.style is Publish.NONE:
            raise InvalidInput(
                "-p is not served: a container is reached at its own Neutron address",
                hint=f"create the network with -o {OPTION}=forwarding, -o {OPTION}=floating or -o kuryr.gateway=engine",
            )
        if self.style is Publish.FLOATING:
            for each in wanted:
                if each.outer and each.inner not in each.candidates:
                    raise InvalidInput(
                        f"port {each} cannot be published as {each.outer[0]}: at a floating IP it keeps its number",
                        hint=f"use -p {each.inner}, or create the network with -o {OPTION}=forwarding",
                    )

    def openings(self, given: messages.Options | None) -> tuple[Opening, ...]:
        """What the options of a Join publish. Raises InvalidInput when they cannot be read."""
        if self.style is Publish.NONE:
            return ()
        return self.openings_of(PortRange(each.protocol, each.inner, each.inner) for each in published_ports(given))

    def openings_of(self, published: Iterable[PortRange]) -> tuple[Opening, ...]:
        """What is published is for everybody, whatever else may be of what is exposed."""
        ports = frozenset(published)
        return (Opening(ports, ANYWHERE),) if ports and self.style is not Publish.NONE else ()


def published_ports(given: messages.Options | None) -> frozenset[Forward]:
    """What `-p` asks for, among the options of an endpoint. Raises InvalidInput for what cannot be served."""
    return frozenset(_read(given))


def _read(given: messages.Options | None) -> Iterator[Forward]:
    told = (given or {}).get(PORT_MAP) or []
    for each in told if isinstance(told, list) else [told]:
        match each:
            case {"Proto": int(number), "Port": int(port)} if 0 < port < 65536:
                yield Forward(_protocol(number), port, _outer(each))
                _check_host_ip(each)
            case _:
                raise InvalidInput(f"{each!r:.100} is not a published port")


def _protocol(number: int) -> str:
    if number not in PROTOCOLS:
        raise InvalidInput(f"a port of IP protocol {number} cannot be published")
    return PROTOCOLS[number]


def _outer(entry: messages.Options) -> tuple[int, int] | None:
    first, last = entry.get("HostPort") or 0, entry.get("HostPortEnd") or 0
    if not (isinstance(first, int) and isinstance(last, int) and 0 <= first < 65536 and last < 65536):
        raise InvalidInput(f"{entry!r:.100} is not a published port")
    return (first, max(first, last)) if first else None


def _check_host_ip(entry: messages.Options) -> None:
    text = entry.get("HostIP") or ""
    try:
        anywhere = not text or ip_address(text).is_unspecified
    except ValueError:
        anywhere = False
    if not anywhere:
        raise InvalidInput(
            f"-p {text}:… cannot be served: a floating IP publishes, not an address of this host",
            hint="leave the address out",
        )
