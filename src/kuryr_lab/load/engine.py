"""An engine without containers: it says to a remote driver what Docker says, in Docker's order and under its lock.

The order was recorded of Docker 20.10 (moby, libnetwork): the lock of a network is held while an address is asked for
and its endpoint made, and not while it joins. What fails is rolled back as Docker does.
"""

import contextlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from kuryr_lab.errors import LabError

_HEADERS = {"Accept": "application/vnd.docker.plugins.v1.2+json"}
_PATIENCE = 600.0
_GENERIC = "com.docker.network.generic"
_GATEWAY = {"RequestAddressType": "com.docker.network.gateway"}
_HANDSHAKE = (
    "Plugin.Activate",
    "NetworkDriver.GetCapabilities",
    "IpamDriver.GetCapabilities",
    "IpamDriver.GetDefaultAddressSpaces",
)


class Refused(LabError):
    """The driver did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Network:
    """A Docker network."""

    id: str
    pool: str
    gateway: str
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a container would have."""

    network: Network
    id: str
    address: str
    interface: str
    outward: bool
    """Whether it is the container's way out."""

    @property
    def ids(self) -> dict[str, str]:
        """How it is named in a request."""
        return {"NetworkID": self.network.id, "EndpointID": self.id}


class Engine:
    """The engine that calls the driver at `socket`. Thread-safe; as many calls at once as there are threads.

    Every method raises Refused when the driver answers an error, and httpx.TransportError when it does not answer.
    """

    def __init__(self, socket: Path) -> None:
        # Docker limits neither its connections to a driver nor its patience; a load that hangs shall end, though.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
        transport = httpx.HTTPTransport(uds=str(socket), limits=limits)
        self._http = httpx.Client(transport=transport, base_url="http://plugin.moby.localhost", timeout=_PATIENCE)
        for method in _HANDSHAKE:
            self.call(method)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def call(self, method: str, **body: object) -> Mapping[str, Any]:
        """One request."""
        answer = self._http.post(f"/{method}", json=body, headers=_HEADERS)
        reply: Mapping[str, Any] = answer.json()
        if trouble := reply.get("Err") or reply.get("Error"):
            raise Refused(f"{method}: {trouble}")
        return reply

    def create_network(self, subnet: str, **options: str) -> Network:
        """`docker network create --subnet`, with driver options."""
        space = {"AddressSpace": "KuryrLocal"}
        pool = self.call("IpamDriver.RequestPool", **space, Pool=subnet, SubPool="", Options={}, V6=False)
        gateway = self.call("IpamDriver.RequestAddress", PoolID=pool["PoolID"], Address="", Options=_GATEWAY)["Address"]
        network = Network(_id(), pool["PoolID"], gateway)
        self.call(
            "NetworkDriver.CreateNetwork",
            NetworkID=network.id,
            Options={"com.docker.network.enable_ipv6": False, _GENERIC: options},
            IPv4Data=[{**space, "Pool": pool["Pool"], "Gateway": gateway}],
            IPv6Data=[],
        )
        return network

    def remove_network(self, network: Network) -> None:
        """`docker network rm`."""
        gateway = network.gateway.partition("/")[0]
        self.call("IpamDriver.ReleaseAddress", PoolID=network.pool, Address=gateway)
        self.call("IpamDriver.ReleasePool", PoolID=network.pool)
        self.call("NetworkDriver.DeleteNetwork", NetworkID=network.id)

    def start(self, network: Network) -> Endpoint:
        """What of `docker run` the driver sees."""
        ids = {"NetworkID": network.id, "EndpointID": _id()}
        with network.lock:
            address = self.call("IpamDriver.RequestAddress", PoolID=network.pool, Address="", Options=None)["Address"]
            interface = {"Address": address, "AddressIPv6": "", "MacAddress": ""}
            with self._otherwise("IpamDriver.ReleaseAddress", PoolID=network.pool, Address=address.partition("/")[0]):
                self.call("NetworkDriver.CreateEndpoint", **ids, Interface=interface, Options={})
        with (
            self._otherwise("IpamDriver.ReleaseAddress", PoolID=network.pool, Address=address.partition("/")[0]),
            self._otherwise("NetworkDriver.DeleteEndpoint", **ids),
        ):
            joined = self.call("NetworkDriver.Join", **ids, SandboxKey="/var/run/docker/netns/x", Options={})
            if outward := bool(joined.get("Gateway")):
                self.call("NetworkDriver.ProgramExternalConnectivity", **ids, Options={})
        for _ in range(2):
            self.call("NetworkDriver.EndpointOperInfo", **ids)
        return Endpoint(network, ids["EndpointID"], address, joined["InterfaceName"]["SrcName"], outward)

    def stop(self, endpoint: Endpoint) -> None:
        """What of `docker rm --force` the driver sees."""
        if endpoint.outward:
            self.call("NetworkDriver.RevokeExternalConnectivity", **endpoint.ids)
        self.call("NetworkDriver.Leave", **endpoint.ids)
        self.call("NetworkDriver.DeleteEndpoint", **endpoint.ids)
        address = endpoint.address.partition("/")[0]
        self.call("IpamDriver.ReleaseAddress", PoolID=endpoint.network.pool, Address=address)

    @contextlib.contextmanager
    def _otherwise(self, method: str, **body: object) -> Iterator[None]:
        """Send this if what is done within fails."""
        try:
            yield
        except Refused:
            with contextlib.suppress(Refused):
                self.call(method, **body)
            raise


def _id() -> str:
    """An id as long as Docker's."""
    return secrets.token_hex(32)
