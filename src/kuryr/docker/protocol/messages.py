"""What Docker says, as it stands on the wire (moby, libnetwork/drivers/remote/api and ipams/remote/api).

Unknown fields are ignored, because every engine generation adds some; missing strings are empty; a null object is
an empty one. Everything else that does not fit raises InvalidInput.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from kuryr.errors import InvalidInput

GENERIC = "com.docker.network.generic"
"""Where CreateNetwork carries the options that a user gave by `-o`."""
INTERNAL = "com.docker.network.internal"
PORT_MAP = "com.docker.network.portmap"
REQUEST_ADDRESS_TYPE = "RequestAddressType"
GATEWAY = "com.docker.network.gateway"
ENDPOINT_NAME = "com.docker.network.endpoint.name"
"""The name of the container that an address is for; told from 29.0 on."""

Options = dict[str, Any]

Id = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_.-]{1,64}\Z")]
"""Docker's ids are 64 hexadecimal digits, a swarm's 25 letters. They become part of claims and of anchors."""


class Nothing(Struct):
    """A request whose body does not matter."""


class AddressData(Struct):
    """One subnet of CreateNetwork. `gateway` and the auxiliary addresses are CIDRs."""

    address_space: str = field(name="AddressSpace", default="")
    pool: str = field(name="Pool", default="")
    gateway: str = field(name="Gateway", default="")
    aux_addresses: dict[str, str] | None = field(name="AuxAddresses", default=None)


class GwAllocCheck(Struct):
    """NetworkDriver.GwAllocCheck: the options are those of the CreateNetwork that will follow."""

    options: Options | None = field(name="Options", default=None)


class CreateNetwork(Struct):
    """NetworkDriver.CreateNetwork."""

    network_id: Id = field(name="NetworkID")
    options: Options | None = field(name="Options", default=None)
    ipv4: list[AddressData] | None = field(name="IPv4Data", default=None)
    ipv6: list[AddressData] | None = field(name="IPv6Data", default=None)


class AllocateNetwork(Struct):
    """NetworkDriver.AllocateNetwork, which only a swarm's manager sends.

    Its subnets name no address space, and nothing tells of `--internal` or `--ipv6` (swarmkit, cnmallocator).
    """

    network_id: Id = field(name="NetworkID")
    options: dict[str, str] | None = field(name="Options", default=None)
    ipv4: list[AddressData] | None = field(name="IPv4Data", default=None)


class NetworkOnly(Struct):
    """DeleteNetwork, FreeNetwork."""

    network_id: Id = field(name="NetworkID")


class Interface(Struct, omit_defaults=True):
    """An endpoint's addresses (CIDR) and MAC address; empty fields are the driver's to fill."""

    address: str = field(name="Address", default="")
    address_ipv6: str = field(name="AddressIPv6", default="")
    mac_address: str = field(name="MacAddress", default="")


class CreateEndpoint(Struct):
    """NetworkDriver.CreateEndpoint."""

    network_id: Id = field(name="NetworkID")
    endpoint_id: Id = field(name="EndpointID")
    interface: Interface | None = field(name="Interface", default=None)
    options: Options | None = field(name="Options", default=None)


class Endpoint(Struct):
    """Join, Leave, DeleteEndpoint, EndpointOperInfo, Program- and RevokeExternalConnectivity."""

    network_id: Id = field(name="NetworkID")
    endpoint_id: Id = field(name="EndpointID")
    options: Options | None = field(name="Options", default=None)
    """Of a Join: the exposed and the published ports."""


class Connectivity(Struct):
    """ProgramExternalConnectivity."""

    network_id: Id = field(name="NetworkID")
    endpoint_id: Id = field(name="EndpointID")
    options: Options | None = field(name="Options", default=None)


class RequestPool(Struct):
    """IpamDriver.RequestPool."""

    address_space: str = field(name="AddressSpace", default="")
    pool: str = field(name="Pool", default="")
    sub_pool: str = field(name="SubPool", default="")
    options: dict[str, str] | None = field(name="Options", default=None)
    v6: bool = field(name="V6", default=False)


class ReleasePool(Struct):
    """IpamDriver.ReleasePool."""

    pool_id: str = field(name="PoolID")


class RequestAddress(Struct):
    """IpamDriver.RequestAddress."""

    pool_id: str = field(name="PoolID")
    address: str = field(name="Address", default="")
    options: dict[str, str] | None = field(name="Options", default=None)


class ReleaseAddress(Struct):
    """IpamDriver.ReleaseAddress."""

    pool_id: str = field(name="PoolID")
    address: str = field(name="Address", default="")


Message = TypeVar("Message", bound=Struct)


def decode(body: bytes, kind: type[Message]) -> Message:
    """The message in a request's body. Raises InvalidInput.

    An empty body has its own words: Docker repeats a request whose connection broke without its body.
    """
    if not body.strip():
        raise InvalidInput(
            "Docker repeated a request without its body, because the connection broke",
            hint="run the command again",
        )
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the request cannot be read: {error}") from error
