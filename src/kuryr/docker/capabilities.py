"""What the driver says about itself in the handshake. Plain data, so that it is there before anything else is."""

LOCAL_SPACE = "KuryrLocal"
GLOBAL_SPACE = "KuryrGlobal"
ADDRESS_SPACES = frozenset({LOCAL_SPACE, GLOBAL_SPACE})
"""Address spaces with names of our own: CreateNetwork tells by them whose IPAM gave out the pool."""

ACTIVATION = {"Implements": ["NetworkDriver", "IpamDriver"]}

NETWORK = {"Scope": "local", "ConnectivityScope": "global", "GwAllocChecker": True}
"""Networks belong to one engine. Hosts share them through Neutron, not through a swarm.

Engines since 28.0 ask by GwAllocCheck whether a network has a gateway at all; older ones do not know that word.
"""

IPAM = {"RequiresMACAddress": False, "RequiresRequestReplay": False}
"""MAC addresses are Neutron's to choose, and pools need not be replayed: Neutron remembers them."""

SPACES = {"LocalDefaultAddressSpace": LOCAL_SPACE, "GlobalDefaultAddressSpace": GLOBAL_SPACE}
