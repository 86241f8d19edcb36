"""The node's side: the ports that containers of this host hold, from reservation to removal.

It runs where the containers are, speaks to the cloud only through `model.Cloud` and to the kernel and Open vSwitch
only through `binding`, and knows no engine: whoever uses a port is an opaque owner.
"""
