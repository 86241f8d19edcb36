"""Docker's plugin protocol as a table: every method, what it carries, who answers, and in which lane.

The lanes keep what must be quick apart from what may wait. INSTANT methods need memory only and answer even while the
driver is still being loaded, or while Neutron is down; LOCAL ones work on this host; CLOUD ones may wait for Neutron
or for the host's agent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuryr.docker.protocol import messages
from kuryr.docker.protocol.capabilities import ACTIVATION, IPAM, LOCAL, SPACES, network

if TYPE_CHECKING:  # the driver is loaded behind the handshake
    from kuryr.docker.driver.assembly import Driver

Reply = Mapping[str, object]


class Lane(Enum):
    """Where a method may be answered."""

    INSTANT = "instant"
    LOCAL = "local"
    CLOUD = "cloud"


@dataclass(frozen=True)
class Method:
    """A method that needs the driver: `request` is decoded from the body and handed to `answer`."""

    lane: Lane
    request: type[Struct]
    answer: Callable[["Driver", Any], Reply]


INSTANT: dict[str, Reply] = {
    "Plugin.Activate": ACTIVATION,
    "NetworkDriver.GetCapabilities": network(LOCAL),
    "NetworkDriver.EndpointOperInfo": {"Value": {}},
    "NetworkDriver.Leave": {},
    "NetworkDriver.DiscoverNew": {},
    "NetworkDriver.DiscoverDelete": {},
    "IpamDriver.GetCapabilities": IPAM,
    "IpamDriver.GetDefaultAddressSpaces": SPACES,
}
"""Methods whose answer never depends on anything: Leave leaves the interface where the engine has put it back."""

METHODS: Mapping[str, Method] = {
    "NetworkDriver.GwAllocCheck": Method(
        Lane.LOCAL, messages.GwAllocCheck, lambda driver, request: driver.network.gw_alloc_check(request)
    ),
    "NetworkDriver.AllocateNetwork": Method(
        Lane.CLOUD, messages.AllocateNetwork, lambda driver, request: driver.network.allocate_network(request)
    ),
    "NetworkDriver.FreeNetwork": Method(
        Lane.CLOUD, messages.NetworkOnly, lambda driver, request: driver.network.free_network(request)
    ),
    "NetworkDriver.CreateNetwork": Method(
        Lane.CLOUD, messages.CreateNetwork, lambda driver, request: driver.network.create_network(request)
    ),
    "NetworkDriver.DeleteNetwork": Method(
        Lane.CLOUD, messages.NetworkOnly, lambda driver, request: driver.network.delete_network(request)
    ),
    "NetworkDriver.CreateEndpoint": Method(
        Lane.CLOUD, messages.CreateEndpoint, lambda driver, request: driver.endpoint.create_endpoint(request)
    ),
    "NetworkDriver.DeleteEndpoint": Method(
        Lane.LOCAL, messages.Endpoint, lambda driver, request: driver.endpoint.delete_endpoint(request)
    ),
    "NetworkDriver.Join": Method(Lane.CLOUD, messages.Endpoint, lambda driver, request: driver.endpoint.join(request)),
    "NetworkDriver.ProgramExternalConnectivity": Method(
        Lane.CLOUD, messages.Connectivity, lambda driver, request: driver.publisher.program(request)
    ),
    "NetworkDriver.RevokeExternalConnectivity": Method(
        Lane.LOCAL, messages.Endpoint, lambda driver, request: driver.publisher.revoke(request)
    ),
    "IpamDriver.RequestPool": Method(
        Lane.CLOUD, messages.RequestPool, lambda driver, request: driver.ipam.request_pool(request)
    ),
    "IpamDriver.ReleasePool": Method(
        Lane.LOCAL, messages.ReleasePool, lambda driver, request: driver.ipam.release_pool(request)
    ),
    "IpamDriver.RequestAddress": Method(
        Lane.CLOUD, messages.RequestAddress, lambda driver, request: driver.ipam.request_address(request)
    ),
    "IpamDriver.ReleaseAddress": Method(
        Lane.LOCAL, messages.ReleaseAddress, lambda driver, request: driver.ipam.release_address(request)
    ),
}
