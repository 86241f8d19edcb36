"""The compose file that is shipped, run by a real Docker Compose."""

import json
import subprocess
from pathlib import Path

import pytest

from kuryr_lab import engines
from kuryr_lab.client import Neutron
from kuryr_lab.host import Host
from kuryr_lab.layout import CHECKOUT
from kuryr_lab.traffic import Container
from system.test_containers import ports_of

FILE = CHECKOUT / "examples" / "compose.yaml"


def compose(host: Host, *argv: str) -> str:
    """Run Docker Compose, which comes with the later engines, against the host's."""
    program = next(path for path in programs() if path.exists())
    command = [str(program), "--project-name", "example", "--file", str(FILE), *argv]
    environment = {**host.environment(), "DOCKER_HOST": f"unix://{host.docker_socket}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def programs() -> list[Path]:
    return [engine.root / "usr/libexec/docker/cli-plugins/docker-compose" for engine in engines.installed()]


@pytest.mark.exhaustive
def test_the_example_serves_by_name_and_address_and_leaves_nothing(host1: Host, neutron: Neutron) -> None:
    try:
        compose(host1, "up", "--detach")
        client = Container(host1, "example-client-1")
        for address in ("10.30.0.80", "web"):
            client.reaches(address)
            assert client.fetch(address) == "served by Neutron\n"
        shown = json.loads(host1.docker("network", "inspect", "example_blue"))
        (network,) = neutron.find("network", name=f"kuryr-{shown[0]['Id'][:12]}")
        assert {port["network_id"] for port in ports_of(neutron, host1)} == {network["id"]}
        assert len(ports_of(neutron, host1)) == 2
    finally:
        compose(host1, "down", "--timeout", "0")
