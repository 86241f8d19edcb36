"""A compute host: a node with a switch, a back end's agent, and dockerd."""

import re
from pathlib import Path

from kuryr_lab.docker_host import DockerHost
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.layout import Layout
from kuryr_lab.network import connect_host


class Host(DockerHost):
    """One host of a lab; its name ends with its number, from which its addresses follow."""

    def __init__(self, layout: Layout, name: str) -> None:
        super().__init__(layout, name)
        self.number = int(re.sub(r"\D", "", name))

    @property
    def management_address(self) -> str:
        """Where the host's requests to the APIs come from."""
        return str(self.layout.management[self.number])

    @property
    def underlay_address(self) -> str:
        """The end of its tunnels."""
        return str(self.layout.underlay[self.number])

    @property
    def is_gateway(self) -> bool:
        """Whether routers are at home here: one host, so that none moves when a loaded machine misses a heartbeat."""
        return self.number == 1

    @property
    def docker_socket(self) -> Path:
        """Docker's socket, as reached from outside of the host."""
        return self.run_directory / "docker.sock"

    @property
    def docker_address(self) -> str:
        """Where Docker's clients find it, from outside of the host."""
        return f"unix://{self.docker_socket}"

    @property
    def docker_data(self) -> Path:
        """Where Docker keeps what it has."""
        return self.directory / "docker"

    def start(self) -> None:
        """Make the node, wire it to the control node, and give it Kuryr's configuration."""
        super().start()
        connect_host(self.layout, self.name, self.management_address)
        neutron = password_options(IDENTITIES["kuryr"], self.layout.auth_url)
        write_ini(self.etc / "kuryr" / "kuryr.conf", {"DEFAULT": {}, "neutron": neutron})

    def vsctl(self, *argv: str) -> str:
        """Run ovs-vsctl on the host and return what it printed."""
        return self.run(["ovs-vsctl", "--timeout=20", *argv]).stdout.strip()
