"""Configurations as an operator would write them, and servers to point them at."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from kuryr import config
from unit.neutron import cloudserver

Configure = Callable[..., cfg.ConfigOpts]


@pytest.fixture(autouse=True)
def no_credentials_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tester's own cloud is none of our business."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    none = tmp_path / "clouds.yaml"
    none.write_text("clouds: {}\n")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(none))


@pytest.fixture
def server() -> Iterator[cloudserver.CloudServer]:
    with cloudserver.running() as running:
        yield running


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """kuryr.conf with these options in section [neutron]."""

    def write(**options: object) -> cfg.ConfigOpts:
        file = tmp_path / "kuryr.conf"
        file.write_text("[neutron]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
        return config.load([file])

    return write


@pytest.fixture
def with_password(configure: Configure) -> Configure:
    """kuryr.conf with a password for the Keystone at `auth_url`."""

    def write(auth_url: str, **options: object) -> cfg.ConfigOpts:
        defaults = {
            "auth_type": "password",
            "auth_url": auth_url,
            "username": "kuryr",
            "password": cloudserver.PASSWORD,
            "user_domain_name": "Default",
            "project_name": "demo",
            "project_domain_name": "Default",
        }
        return configure(**{**defaults, **options})

    return write
