"""A node on which Docker runs: one of the lab's hosts, or a virtual machine."""

import subprocess
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from kuryr_lab.errors import CommandFailed
from kuryr_lab.node import Node


class DockerHost(Node):
    """Whatever containers run on."""

    number: int
    """Which of them it is; its addresses follow from it."""

    @property
    @abstractmethod
    def management_address(self) -> str:
        """Where its requests to the APIs come from."""

    @property
    @abstractmethod
    def docker_address(self) -> str:
        """Where Docker's clients find it, from outside of the node."""

    @property
    @abstractmethod
    def docker_data(self) -> Path:
        """Where Docker keeps what it has, as the node sees it."""

    def docker(self, *argv: str, seconds: float = 300) -> str:
        """Run the docker client against the host and return what it printed; CommandFailed on a status other than 0."""
        return self.run_docker(argv, seconds=seconds).stdout.strip()

    def run_docker(
        self, argv: Sequence[str], *, check: bool = True, seconds: float = 300
    ) -> "subprocess.CompletedProcess[str]":
        """Run the docker client against the host; CommandFailed if `check` and its status is not 0.

        The client runs outside of the node, so a path among the arguments is one of the machine's.
        """
        done = subprocess.run(
            ["docker", "--host", self.docker_address, *argv],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if check and done.returncode:
            raise CommandFailed(["docker", *argv], done.returncode, done.stdout, done.stderr)
        return done
