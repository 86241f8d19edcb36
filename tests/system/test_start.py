"""The driver's start: its handshake is there soon, its socket is root's, and bad settings end it with one line."""

import os
import re
import socket
import time
from pathlib import Path

import pytest

from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.lab import Lab
from system.driver import Sections
from system.handshake import check_handshake, driver_of


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["host1"]


def test_the_handshake_is_there_soon_after_the_start(host: Host) -> None:
    """Before the libraries of the cloud are loaded; and what needs them is answered when they are."""
    began = time.monotonic()
    with driver_of(host) as driver:
        check_handshake(driver)
        milliseconds = (time.monotonic() - began) * 1000
        assert driver.ask("NetworkDriver.DeleteNetwork", {"NetworkID": "ab" * 32}).status == 200
    print(f"{milliseconds:.0f} ms from exec to the whole handshake")
    assert milliseconds < 3000


def test_only_root_can_connect(host: Host) -> None:
    with driver_of(host) as driver:
        # Docker's own directory lets nobody in, which would hide what the socket itself allows.
        link = host.run_directory / f"{driver.name}.sock"
        os.link(driver.socket, link)
        assert link.stat().st_mode & 0o777 == 0o600
        assert not connects_as_nobody(link)
        link.chmod(0o666)
        assert connects_as_nobody(link)
        link.unlink()


def connects_as_nobody(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        os.seteuid(65534)
        try:
            client.connect(str(path))
        except PermissionError:
            return False
        finally:
            os.seteuid(0)
    return True


def serve(host: Host, *sections: Sections) -> tuple[int, str]:
    """Exit status and standard error of a driver that is expected to end by itself."""
    file = host.directory / "bad.conf"
    write_ini(file, {key: value for section in sections for key, value in section.items()})
    done = host.run(["timeout", "10", "kuryr", "docker", "serve", "--config-file", str(file)], check=False)
    file.unlink()
    return done.returncode, done.stderr


def test_a_second_driver_on_the_same_socket_is_refused(host: Host) -> None:
    with driver_of(host) as driver:
        path = f"/run/docker/plugins/{driver.name}.sock"
        status, errors = serve(host, {"docker": {"socket": path}})
        assert (status, errors) == (
            1,
            f"kuryr: another driver is listening on {path} (stop it, or set [docker] socket)\n",
        )
        check_handshake(driver)


BAD_SETTINGS: dict[str, tuple[Sections, str]] = {
    "a number that is none": (
        {"docker": {"cloud_threads": "many"}},
        "the configuration cannot be used: .*cloud_threads",
    ),
    "a name with a blank": ({"DEFAULT": {"deployment": "a b"}}, "the configuration cannot be used: .*deployment"),
    "no credentials": ({"neutron": {}}, "the OpenStack credentials cannot be used: .*kuryr.conf"),
    "an unknown method": ({"neutron": {"auth_type": "magic"}}, "the OpenStack credentials cannot be used: .*magic"),
    "an unknown cloud": ({"neutron": {"cloud": "nowhere"}}, "the OpenStack credentials cannot be used: .*nowhere"),
    "no user": ({"neutron": {"username": ""}}, "the OpenStack credentials lack username or user_id"),
    "no password": ({"neutron": {"password": ""}}, "the OpenStack credentials lack password"),
    "no URL": ({"neutron": {"auth_url": ""}}, "auth_url of the OpenStack credentials is not a URL"),
    "a URL without a scheme": (
        {"neutron": {"auth_url": "keystone"}},
        "auth_url of the OpenStack credentials is not a URL",
    ),
    "a socket that is a file": ({"docker": {"socket": "/etc/hosts"}}, "/etc/hosts is in the way"),
    "a socket below a file": (
        {"docker": {"socket": "/etc/hosts/kuryr.sock"}},
        "cannot listen on /etc/hosts/kuryr.sock",
    ),
}


@pytest.mark.parametrize("mistake", BAD_SETTINGS)
def test_a_configuration_that_cannot_be_used_ends_the_driver_with_one_line(mistake: str, lab: Lab, host: Host) -> None:
    settings, line = BAD_SETTINGS[mistake]
    given = settings.get("neutron", {})
    complete = {} if not given or {"auth_type", "cloud"} & set(given) else credentials(lab)
    sections = {"docker": {"socket": "/run/bad.sock"}, "neutron": {**complete, **given}}
    status, errors = serve(host, sections, {key: value for key, value in settings.items() if key != "neutron"})
    assert status == 1
    (printed,) = errors.splitlines()
    assert re.match(f"kuryr: {line}", printed), printed


def credentials(lab: Lab) -> dict[str, str]:
    return password_options(IDENTITIES["kuryr"], lab.layout.auth_url)


def test_a_configuration_that_is_not_there_is_named(host: Host) -> None:
    done = host.run(["kuryr", "docker", "serve", "--config-file", "/etc/kuryr/none.conf"], check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("kuryr: the configuration cannot be used: ")
    assert "/etc/kuryr/none.conf" in line
