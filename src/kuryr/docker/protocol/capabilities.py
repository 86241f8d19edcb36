"""What the driver says about itself in the handshake. Plain data, so that it is there before anything else is."""

LOCAL_SPACE = "KuryrLocal"
GLOBAL_SPACE = "KuryrGlobal"
ADDRESS_SPACES = frozenset({LOCAL_SPACE, GLOBAL_SPACE})
"""Address spaces with names of our own: CreateNetwork tells by them whose IPAM gave out the pool."""

ACTIVATION = {"Implements": ["NetworkDriver", "IpamDriver"]}

LOCAL, GLOBAL = "local", "global"
"""Whom a network belongs to: one engine, or a swarm. Hosts share Neutron's networks under either."""


def network(scope: str) -> dict[str, object]:
    """What the network driver says of itself. Its networks reach from host to host under any scope.

    Engines since 28.0 ask by GwAllocCheck whether a network has a gateway at all; older ones do not know that word.
    """
    return {"Scope": scope, "ConnectivityScope": GLOBAL, "GwAllocChecker": True}


IPAM = {"RequiresMACAddress": False, "RequiresRequestReplay": False}
"""MAC addresses are Neutron's to choose, and pools need not be replayed: Neutron remembers them."""

SPACES = {"LocalDefaultAddressSpace": LOCAL_SPACE, "GlobalDefaultAddressSpace": GLOBAL_SPACE}
