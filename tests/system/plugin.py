"""Kuryr as a managed plugin of a host's Docker, built from the environment that runs the tests."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kuryr_lab.host import Host

BUILD = Path(__file__).parents[2] / "deploy" / "docker-plugin" / "build"
NAME = "kuryr:latest"


def build(directory: Path) -> Path:
    """Make what `docker plugin create` takes."""
    subprocess.run([BUILD, directory, sys.executable], check=True)
    return directory


def install(host: Host, built: Path, settings: Mapping[str, str]) -> None:
    """Docker plugin create, set, enable."""
    host.docker("plugin", "create", NAME, str(built))
    host.docker("plugin", "set", NAME, *(f"{key}={value}" for key, value in settings.items()))
    host.docker("plugin", "enable", NAME)


def restart(host: Host) -> None:
    """End the plugin's process, as a crash does, and start it anew."""
    host.docker("plugin", "disable", "--force", NAME)
    host.docker("plugin", "enable", NAME)


def remove(host: Host) -> None:
    """Docker plugin rm."""
    host.docker("plugin", "rm", "--force", NAME)
