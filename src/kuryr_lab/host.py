"""A compute host: a node with a switch, a back end's agent, and dockerd."""

import re
import subprocess
from pathlib import Path

from kuryr_lab.errors import CommandFailed
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.layout import Layout
from kuryr_lab.network import connect_host
from kuryr_lab.node import Node


class Host(Node):
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

    def start(self) -> None:
        """Make the node, wire it to the control node, and give it Kuryr's configuration."""
        super().start()
        connect_host(self.layout, self.name, self.management_address)
        neutron = password_options(IDENTITIES["kuryr"], self.layout.auth_url)
        write_ini(self.etc / "kuryr" / "kuryr.conf", {"DEFAULT": {}, "neutron": neutron})

    def vsctl(self, *argv: str) -> str:
        """Run ovs-vsctl on the host and return what it printed."""
        return self.run(["ovs-vsctl", "--timeout=20", *argv]).stdout.strip()

    def docker(self, *argv: str, seconds: float = 120) -> str:
        """Run the docker client against the host and return what it printed; CommandFailed on a status other than 0.

        The client runs outside of the node, so a path among the arguments is one of the machine's.
        """
        command = ["docker", "--host", f"unix://{self.docker_socket}", *argv]
        done = subprocess.run(
            command,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if done.returncode:
            raise CommandFailed(["docker", *argv], done.returncode, done.stdout, done.stderr)
        return done.stdout.strip()
