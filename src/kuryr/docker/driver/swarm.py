"""Networks that belong to a swarm: what its manager asks for all nodes, and how the nodes find it again.

The leading manager calls AllocateNetwork once per network, and once more when another manager takes the lead. It asks
for the addresses of tasks and services long before a node uses them: they are kept (`gateway.keeping`). A node calls
CreateNetwork with the same network's id, and only with the options that AllocateNetwork has answered; then
RequestAddress with the very address that the manager has got, and so borrows the port that keeps it.

One engine may be manager and node at once. So the manager's anchor has an owner of its own, made from the network's id;
this owner is also the keeper of the addresses.
"""

from collections.abc import Iterable, Mapping

from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.engine import EngineView
from kuryr.docker.options.addresses import parse_cidr
from kuryr.docker.protocol.capabilities import GLOBAL_SPACE
from kuryr.docker.protocol.messages import AddressData, AllocateNetwork, CreateNetwork

OPTION = "org.openstack.kuryr.swarm"
"""By which AllocateNetwork tells the nodes, and the next manager, what it has done: none of a user's options."""
MADE, ADOPTED = "made", "adopted"
NETWORK_OPTION = "neutron.net.uuid"
"""The option that names the network to them; its subnets are told by their CIDRs, of which it has one each."""

_NAMING = ("neutron.net.", "neutron.subnet.")
_MANAGER = "swarm."
"""How the owner of a manager's anchor begins. No id of an engine's has a dot in it."""


def manager_of(network_id: str) -> str:
    """The owner of the manager's anchor of a swarm's network."""
    return f"{_MANAGER}{network_id}"


def alive(view: EngineView, known: Iterable[str]) -> frozenset[str]:
    """The owners of networks that must not be swept: all managers among the `known` ones if the engine cannot tell."""
    if view.swarm is None:
        return view.networks | {owner for owner in known if owner.startswith(_MANAGER)}
    return view.networks | {manager_of(network) for network in view.swarm}


def as_creation(request: AllocateNetwork, pools: PendingPools) -> CreateNetwork:
    """The network that a manager asks for, as a node would: with the address space, which a manager leaves out."""

    def placed(data: AddressData) -> AddressData:
        space = GLOBAL_SPACE if pools.of_cidr(parse_cidr(data.pool, "--subnet")) else ""
        return AddressData(space, data.pool, data.gateway)

    return CreateNetwork(request.network_id, ipv4=[placed(data) for data in request.ipv4 or []])


def by_id(options: Mapping[str, str]) -> dict[str, str]:
    """The options without other names of the network than its id: they may change while the swarm lives."""
    return {key: value for key, value in options.items() if key == NETWORK_OPTION or not key.startswith(_NAMING)}
