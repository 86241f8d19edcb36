"""Which machine may do what: a table that an operator writes, and what is read from a client's certificate.

    [nodes."vm1.example.com"]            # the name in the client's certificate
    host = "vm1"                         # as Neutron knows it (binding:host_id); by default that name
    project = "5e1f…"                    # whose networks it serves; by default the service's own
    networks = ["c0ffee…"]               # those that it may use; "project" for all that the project may use
    may = ["make-networks"]              # and publish, borrow-ports, loosen-ports
    ports = 200                          # at one time; by default as many as the project's quota allows
    parent = "ab12…"                     # for a virtual machine: its port, which its containers are on top of
    nesting = "vlan"                     # and how: vlan, which is the default, macvlan or ipvlan
    revoked = ["0A:1B:…"]                # serial numbers of certificates in this name that count no more

The table is read anew when the file has changed, for the next request already, also on a connection that stands.
"""

import re
import threading
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from kuryr.errors import CloudRefused, InvalidInput
from kuryr.model import Nesting, Network


class Right(StrEnum):
    """What is granted besides ports on the granted networks."""

    MAKE_NETWORKS = "make-networks"
    """Networks of its own in the project, and ranges of subnet pools for them."""
    PUBLISH = "publish"
    """Routers and floating IPs of the project."""
    BORROW = "borrow-ports"
    """Existing ports of the project that nobody uses, and sticky ones."""
    LOOSEN = "loosen-ports"
    """Ports without anti-spoofing, or with allowed address pairs."""


@dataclass(frozen=True)
class Grant:
    """What one machine may do."""

    name: str
    """As its certificate says."""
    host: str
    project_id: str = ""
    """"" for the service's own."""
    networks: frozenset[str] = frozenset()
    whole_project: bool = False
    rights: frozenset[Right] = frozenset()
    ports: int = 0
    """As many as the machine may have at one time; 0 for no limit of its own."""
    parent: str = ""
    """The port of a virtual machine, which its containers are on top of; "" for a host."""
    nesting: Nesting = Nesting.VLAN
    revoked: frozenset[str] = frozenset()

    def covers(self, network: Network, *, project_id: str, mark: str) -> bool:
        """Whether the machine may know and use a network; `project_id` and `mark` are its own."""
        own = network.project_id == project_id
        shared = self.whole_project and (own or network.shared)
        return network.id in self.networks or shared or (own and network.mark == mark)


@dataclass(frozen=True)
class Certificate:
    """What a client has proved to be: its names, and the certificate's serial number in hexadecimal digits."""

    names: frozenset[str]
    serial: str

    @classmethod
    def read(cls, peer: Mapping[str, Any] | None) -> "Certificate":
        """From what `ssl.SSLSocket.getpeercert` says: the DNS names; without any, the common name."""
        said = peer or {}
        alternative = {value for kind, value in said.get("subjectAltName", ()) if kind == "DNS"}
        subject = {value for part in said.get("subject", ()) for key, value in part if key == "commonName"}
        return cls(frozenset(alternative or subject), _serial(str(said.get("serialNumber", ""))))


class Grants:
    """The table in a file. Thread-safe."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._grants: Mapping[str, Grant] = {}
        self.every()

    def every(self) -> Mapping[str, Grant]:
        """All grants, by name. Raises InvalidInput when the file cannot be used."""
        with self._lock:
            try:
                state = self._file.stat()
                seen = (state.st_mtime_ns, state.st_size, state.st_ino)
                if seen != self._seen:
                    self._grants = parse(self._file.read_text())
                    self._seen = seen
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidInput(f"[gateway] grants: {self._file} cannot be read: {error}") from error
            except InvalidInput as error:
                raise InvalidInput(f"[gateway] grants: {self._file}: {error.message}", hint=error.hint) from error
            return self._grants

    def of(self, certificate: Certificate) -> Grant:
        """What whoever shows this certificate may do. Raises CloudRefused when that is nothing."""
        grants = self.every()
        found = [grants[name] for name in sorted(certificate.names) if name in grants]
        if len(found) != 1:
            told = ", ".join(sorted(certificate.names)) or "nobody"
            raise CloudRefused(f"the gateway service grants nothing to {told:.200}", hint="ask its operator")
        if certificate.serial in found[0].revoked:
            raise CloudRefused(f"the certificate {certificate.serial} of {found[0].name} has been revoked")
        return found[0]


def parse(text: str) -> Mapping[str, Grant]:
    """The table. Raises InvalidInput."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"it is no TOML: {error}") from error
    nodes = table.get("nodes", {})
    if table.keys() - {"nodes"} or not isinstance(nodes, dict) or not all(isinstance(x, dict) for x in nodes.values()):
        raise InvalidInput('there must be tables [nodes."…"] and nothing else')
    grants = {name: _grant(name, said) for name, said in nodes.items()}
    hosts = [grant.host for grant in grants.values()]
    for grant in grants.values():
        if hosts.count(grant.host) > 1:
            raise InvalidInput(f"two nodes have the host {grant.host}: each must have its own")
    parents = [grant.parent for grant in grants.values() if grant.parent]
    if len(parents) > len(set(parents)):
        raise InvalidInput("two nodes have the same parent: each must have its own")
    return grants


Word = TypeVar("Word", Right, Nesting)

_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


def _grant(name: str, said: Mapping[str, Any]) -> Grant:
    known = {"host", "project", "networks", "may", "ports", "parent", "nesting", "revoked"}
    if unknown := said.keys() - known:
        raise InvalidInput(f"{name}: {', '.join(sorted(unknown))} is none of {', '.join(sorted(known))}")
    host, networks = said.get("host", name), said.get("networks", [])
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        raise InvalidInput(f"{name}: host must be a host's name")
    whole = networks == "project"
    ports = said.get("ports", 0)
    if type(ports) is not int or ("ports" in said and ports < 1):
        raise InvalidInput(f"{name}: ports must be a number from 1 on")
    parent = _id(name, "parent", said)
    if "nesting" in said and not parent:
        raise InvalidInput(f"{name}: nesting needs a parent", hint="the id of the virtual machine's port")
    return Grant(
        name=name,
        host=host,
        project_id=_id(name, "project", said),
        networks=frozenset() if whole else frozenset(_ids(name, "networks", said)),
        whole_project=whole,
        rights=frozenset(_of(Right, name, "may", _texts(name, "may", said))),
        ports=ports,
        parent=parent,
        nesting=_of(Nesting, name, "nesting", [said.get("nesting", Nesting.VLAN)])[0],
        revoked=frozenset(_serial(each) for each in _texts(name, "revoked", said)),
    )


def _of(kind: type[Word], name: str, key: str, words: Sequence[object]) -> Sequence[Word]:
    try:
        return [kind(str(word)) for word in words]
    except ValueError as error:
        raise InvalidInput(f"{name}: {key}: {error}", hint=f"there are {', '.join(kind)}") from error


def _texts(name: str, key: str, said: Mapping[str, Any]) -> Sequence[str]:
    value = said.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{name}: {key} must be a list of texts")
    return value


def _ids(name: str, key: str, said: Mapping[str, Any]) -> Sequence[str]:
    found = _texts(name, key, said)
    for each in found:
        if not _ID.fullmatch(each):
            raise InvalidInput(f"{name}: {key}: {each!r:.80} is no id")
    return found


def _id(name: str, key: str, said: Mapping[str, Any]) -> str:
    return (*_ids(name, key, {key: [said[key]]}), "")[0] if key in said else ""


def _serial(text: str) -> str:
    return text.replace(":", "").lstrip("0").upper()
