"""What a user may say by `-o`, `--ipam-opt`, `--driver-opt` and `--label`: the one list of all options.

Options in Kuryr's own name spaces must be ones that it knows, in the place where they mean something: a misspelt
option that is silently ignored costs a person hours. Others belong to Docker or to another tool and are left alone.
"""

import difflib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, auto

from kuryr.docker.options import readers
from kuryr.docker.options.gateways import GatewayStyle
from kuryr.docker.options.publishing import Publish
from kuryr.docker.options.settings import Ahead, Labels, Setting, Sticky
from kuryr.errors import InvalidInput

OWN = ("neutron.", "kuryr.")
DOCKERS_MTU = "com.docker.network.driver.mtu"
"""The one option outside of them that means the same to Kuryr as to Docker's own drivers."""


class Place(Flag):
    """Where an option may be given."""

    NETWORK = auto()
    """`docker network create -o`."""
    POOL = auto()
    """`docker network create --ipam-opt`."""
    ENDPOINT = auto()
    """`docker network connect --driver-opt`, `docker run --network name=…,driver-opt=…`."""
    LABEL = auto()
    """`docker run --label`."""

    @property
    def flag(self) -> str:
        """How Docker's command line calls it."""
        words = {
            Place.NETWORK: "-o",
            Place.POOL: "--ipam-opt",
            Place.ENDPOINT: "--driver-opt",
            Place.LABEL: "--label",
        }
        return " or ".join(word for place, word in words.items() if place in self)


@dataclass(frozen=True)
class Option:
    """One option. `read` turns its text into a value, or raises ValueError with what it should have been."""

    name: str
    places: Place
    meaning: str
    read: Callable[[str], object]


def _text(text: str) -> str:
    if not text:
        raise ValueError("some text")
    return text


def _key(text: str) -> str:
    """A sticky key becomes part of a port's name, which Neutron limits to 255 characters."""
    if not 0 < len(text) <= 200:
        raise ValueError("up to 200 characters")
    return text


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError("a UUID") from None


def _one_of(kind: type[Setting]) -> Callable[[str], Setting]:
    def read(text: str) -> Setting:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"one of {', '.join(each.value for each in kind)}") from None

    return read


_AT_CREATION = Place.NETWORK | Place.POOL
_CONTAINER = Place.ENDPOINT | Place.LABEL
_PORT = Place.NETWORK | _CONTAINER

OPTIONS = {
    option.name: option
    for option in (
        Option("neutron.net.uuid", _AT_CREATION, "use this existing network", _uuid),
        Option("neutron.net.name", _AT_CREATION, "use the existing network of this name", _text),
        Option("neutron.net.tag", _AT_CREATION, "use the existing network with this tag", _text),
        Option("neutron.subnet.uuid", _AT_CREATION, "use this existing IPv4 subnet and its network", _uuid),
        Option("neutron.subnet.name", _AT_CREATION, "use the existing IPv4 subnet of this name", _text),
        Option("neutron.subnet.tag", _AT_CREATION, "use the existing IPv4 subnet with this tag", _text),
        Option("neutron.subnet.v6.uuid", _AT_CREATION, "use this existing IPv6 subnet and its network", _uuid),
        Option("neutron.subnet.v6.name", _AT_CREATION, "use the existing IPv6 subnet of this name", _text),
        Option("neutron.subnet.v6.tag", _AT_CREATION, "use the existing IPv6 subnet with this tag", _text),
        Option("neutron.net.shared", Place.NETWORK, "all projects may use the network", readers.truth),
        Option("neutron.dns_domain", Place.NETWORK, "the DNS domain of the network's ports", readers.dns_domain),
        Option("neutron.dhcp", Place.NETWORK, "Neutron's DHCP serves the subnets", readers.truth),
        Option("neutron.mtu", Place.NETWORK, "bytes that a packet may have", readers.mtu),
        Option(DOCKERS_MTU, Place.NETWORK, "the same, as Docker's own drivers call it", readers.mtu),
        Option(
            "neutron.security_groups", _PORT, "names or ids of the groups that guard the ports, or none", readers.groups
        ),
        Option("neutron.port_security", _PORT, "false for ports that nothing guards", readers.truth),
        Option("neutron.qos_policy", _PORT, "name or id of the ports' QoS policy", _text),
        Option("neutron.dns_name", _CONTAINER, "the port's name in DNS", readers.dns_name),
        Option("neutron.allowed_address_pairs", _CONTAINER, "what else the port may send as", readers.address_pairs),
        Option("kuryr.expose", Place.NETWORK, "open the ports that images and --expose name", readers.truth),
        Option("kuryr.expose.source", Place.NETWORK, "for whom: CIDRs, or any", readers.sources),
        Option("neutron.pool.uuid", _AT_CREATION, "take the IPv4 range from this subnet pool", _uuid),
        Option("neutron.pool.name", _AT_CREATION, "take the IPv4 range from the subnet pool of this name", _text),
        Option("neutron.pool.tag", _AT_CREATION, "take the IPv4 range from the subnet pool with this tag", _text),
        Option("neutron.pool.v6.uuid", _AT_CREATION, "take the IPv6 range from this subnet pool", _uuid),
        Option("neutron.pool.v6.name", _AT_CREATION, "take the IPv6 range from the subnet pool of this name", _text),
        Option("neutron.pool.v6.tag", _AT_CREATION, "take the IPv6 range from the subnet pool with this tag", _text),
        Option("neutron.port.uuid", _CONTAINER, "use this existing port", _uuid),
        Option("neutron.port.name", _CONTAINER, "use the existing port of this name", _text),
        Option("neutron.port.tag", _CONTAINER, "use any existing port with this tag that nobody uses", _text),
        Option("kuryr.sticky.key", _CONTAINER, "use the same port whenever this key is given", _key),
        Option("kuryr.sticky", Place.NETWORK, "keep a port for every --ip, or for every name", _one_of(Sticky)),
        Option("kuryr.labels", Place.NETWORK, "use, require or ignore the containers' labels", _one_of(Labels)),
        Option("kuryr.ready_ports", Place.NETWORK, "off: make no ports ahead for the containers", _one_of(Ahead)),
        Option("neutron.router.uuid", Place.NETWORK, "attach the new network to this router", _uuid),
        Option("neutron.router.name", Place.NETWORK, "attach the new network to the router of this name", _text),
        Option("neutron.external.uuid", Place.NETWORK, "take floating IPs from this external network", _uuid),
        Option("neutron.external.name", Place.NETWORK, "take floating IPs from the external network so named", _text),
        Option(
            "neutron.floating_ip", Place.ENDPOINT, "auto, or a free floating IP's address or id", readers.floating_ip
        ),
        Option("kuryr.publish", Place.NETWORK, "how -p is served: none, forwarding or floating", _one_of(Publish)),
        Option("kuryr.gateway", Place.NETWORK, "where traffic leaves: neutron, engine or none", _one_of(GatewayStyle)),
    )
}

Values = Mapping[str, object]


def read(given: Mapping[str, object] | None, place: Place) -> Values:
    """The values of Kuryr's options among those `given` in a place, by name.

    Raises InvalidInput for an option of Kuryr's name spaces that is unknown, belongs elsewhere, or cannot be meant.
    """
    values: dict[str, object] = {}
    for name, text in (given or {}).items():
        if not name.startswith(OWN) and name not in OPTIONS:
            continue
        option = OPTIONS.get(name)
        if option is None:
            raise InvalidInput(f"Kuryr has no option {name}", hint=_suggestion(name, place))
        if place not in option.places:
            raise InvalidInput(
                f"option {name} does not belong to {place.flag}", hint=f"give it by {option.places.flag}"
            )
        try:
            values[name] = option.read(text.strip() if isinstance(text, str) else "")
        except ValueError as error:
            raise InvalidInput(f"option {name}={text} cannot be used", hint=f"it should be {error}") from error
    return values


def _suggestion(name: str, place: Place) -> str:
    """What was meant, perhaps: all options would be more than a line."""
    known = [each.name for each in OPTIONS.values() if place in each.places]
    alike = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(alike)}?" if alike else f"docs/docker.md has a list of those for {place.flag}"
