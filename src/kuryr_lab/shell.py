"""The environment in which the stock `openstack` and `docker` clients work against a lab."""

import os

from kuryr_lab.errors import LabError
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.lab import Lab


def exports(lab: Lab, host: int, identity: str) -> dict[str, str]:
    """Variables for `identity` and the Docker of the host with that number. LabError if the lab is not up."""
    if not lab.is_up():
        raise LabError(f"lab {lab.name} is down (bring it up with `kuryr-lab up --name {lab.name}`)")
    lab.node(f"host{host}")
    options = password_options(IDENTITIES[identity], lab.layout.auth_url)
    variables = {f"OS_{option.upper()}": value for option, value in options.items()}
    path = os.environ.get("PATH", os.defpath).split(":")
    commands = str(lab.layout.commands)
    return {
        **variables,
        "OS_IDENTITY_API_VERSION": "3",
        "DOCKER_HOST": lab.hosts[f"host{host}"].docker_address,
        "PATH": ":".join([commands, *(entry for entry in path if entry != commands)]),
    }
