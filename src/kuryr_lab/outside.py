"""The machine outside: it stands for the rest of the world, behind the external network's gateway.

It answers pings, and every HTTP request with the address that the request came from. So what it says to a container
also proves by which address the container went out: its router's, or a floating IP.
"""

from kuryr_lab.layout import Layout
from kuryr_lab.network import connect_outside
from kuryr_lab.node import Node
from kuryr_lab.traffic import Visitor

_HOME = "/run/www"
# busybox writes an IPv4 address that it sees through an IPv6 socket as [::ffff:192.0.2.1].
_PAGE = r"""#!/bin/busybox sh
seen=${REMOTE_ADDR#[}; seen=${seen%]}
printf 'Content-Type: text/plain\r\n\r\n%s' "${seen#::ffff:}"
"""


class Outside(Node, Visitor):
    """The node `outside` of a lab."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, "outside")

    @property
    def address(self) -> str:
        """Its address, which is also the external network's gateway."""
        return self.layout.outside_address

    def start(self) -> None:
        """Make the node, wire it to the external network, and start its web server."""
        super().start()
        connect_outside(self.layout, self.name)
        # With transmit offload on, packets reach the userspace switch without checksums: ICMP works, no TCP connects.
        self.run(["ethtool", "-K", "eth0", "tx", "off"])
        page = self.run_directory / "www" / "cgi-bin" / "index.cgi"
        page.parent.mkdir(parents=True)
        page.write_text(_PAGE)
        page.chmod(0o755)
        self.daemon(
            "httpd",
            ["busybox", "httpd", "-f", "-p", "80", "-h", _HOME],
            ready=lambda: self.fetch("127.0.0.1") == "127.0.0.1",
        )
