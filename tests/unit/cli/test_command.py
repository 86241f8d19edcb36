"""The `kuryr` command as a process: what it says, how it ends, and that Docker never waits for its start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from unit.docker.wire import Connection

KURYR = Path(sys.executable).with_name("kuryr")

Serve = Callable[[str], "subprocess.Popen[str]"]
Start = Callable[[Sequence[str], str], "subprocess.Popen[str]"]

CREDENTIALS = """
[neutron]
auth_type = password
auth_url = http://127.0.0.1:9/v3
username = kuryr
password = correct-horse
user_domain_name = Default
project_name = demo
project_domain_name = Default
connect_timeout = 0.5
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plugins" / "kuryr.sock"


@pytest.fixture
def start(tmp_path: Path, path: Path) -> Iterator[Start]:
    """`kuryr docker …` with this configuration besides its own socket."""
    processes = []

    def start(command: Sequence[str], configuration: str) -> "subprocess.Popen[str]":
        file = tmp_path / "kuryr.conf"
        file.write_text(f"[docker]\nsocket = {path}\nengine_socket = {tmp_path}/docker.sock\n{configuration}")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        environment["OS_CLIENT_CONFIG_FILE"] = str(tmp_path / "no-clouds.yaml")
        process = subprocess.Popen(
            [KURYR, "docker", *command, "--config-file", file],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def serve(start: Start) -> Serve:
    """`kuryr docker serve` with this configuration."""
    return lambda configuration: start(["serve"], configuration)


def connected(path: Path) -> Connection:
    """A connection to the driver, as soon as it listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return Connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < deadline, "the driver does not listen"
            time.sleep(0.01)


def test_help_says_what_there_is() -> None:
    done = subprocess.run([KURYR, "docker", "serve", "-h"], capture_output=True, text=True, check=True, timeout=30)
    assert "--config-file" in done.stdout
    assert "Answer Docker's calls until SIGTERM" in done.stdout


def test_it_serves_and_ends_in_order(serve: Serve, path: Path) -> None:
    """Neutron is not there at all: the handshake answers, the rest fails with a reason, the process ends at once."""
    process = serve(CREDENTIALS)
    connection = connected(path)
    assert connection.post("Plugin.Activate") == (200, {"Implements": ["NetworkDriver", "IpamDriver"]})
    assert path.stat().st_mode & 0o777 == 0o600
    status, reply = connection.post(
        "IpamDriver.RequestPool", {"Pool": "10.5.0.0/24", "Options": {"neutron.net.name": "blue"}}
    )
    assert status == 503
    assert reply["Err"].startswith("Keystone at 127.0.0.1:9 cannot be reached: connection refused")
    connection.close()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in errors
    assert "correct-horse" not in errors


def test_the_handshake_waits_for_no_library_that_it_does_not_need() -> None:
    """Those of the cloud and the switch take longer to import than all the rest: Docker waits for every driver."""
    program = "import sys, kuryr.cli.main, kuryr.docker.server.tcp, kuryr.docker.server.service; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    cloud, host = {"keystoneauth1", "requests", "openstack"}, {"ovs", "ovsdbapp", "pyroute2"}
    heavy = {*cloud, *host, "httpx", "prometheus_client", "pydantic", "rich"}
    assert heavy.isdisjoint(loaded)


def test_a_second_driver_is_refused(serve: Serve, path: Path) -> None:
    serve(CREDENTIALS)
    connected(path).close()
    second = serve(CREDENTIALS)
    _, errors = second.communicate(timeout=20)
    assert (second.returncode, errors) == (
        1,
        f"kuryr: another driver is listening on {path} (stop it, or set [docker] socket)\n",
    )


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ("cloud_threads = many\n", "kuryr: the configuration cannot be used: "),
        ("[neutron]\n", "kuryr: the OpenStack credentials cannot be used: "),
        (CREDENTIALS + "[DEFAULT]\ndeployment = a b\n", "kuryr: the configuration cannot be used: "),
    ],
)
def test_a_bad_configuration_is_one_line(serve: Serve, configuration: str, words: str) -> None:
    process = serve(configuration)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert last.startswith(words)
    assert "Traceback" not in errors


def test_what_is_not_understood_ends_with_2() -> None:
    done = subprocess.run([KURYR, "docker", "swerve"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "swerve" in done.stderr


def test_it_says_its_version_and_what_it_can_do() -> None:
    def said(*argv: str) -> str:
        return subprocess.run([KURYR, *argv], capture_output=True, text=True, check=True).stdout

    assert said("--version").startswith("kuryr ")
    assert "OpenStack Neutron networking for containers" in said("--help")


def test_the_table_of_grants_is_read_aloud(tmp_path: Path) -> None:
    port, network = "c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000-4000-8000-000000000002"
    conf, grants = tmp_path / "kuryr.conf", tmp_path / "grants.toml"
    conf.write_text(f"[gateway]\ngrants = {grants}\n")
    grants.write_text(
        f"[nodes.vm1]\nnetworks = ['{network}']\nmay = ['publish']\nports = 9\nparent = '{port}'\n"
        "[nodes.node2]\nnetworks = 'project'\n"
    )
    check: list[str | Path] = [KURYR, "gateway", "check", "--config-file", conf]
    assert subprocess.run(check, check=True, capture_output=True, text=True).stdout.splitlines() == [
        f"vm1: host vm1, 1 network, publish, at most 9 ports, vlan on port {port}",
        "node2: host node2, those of the project, no other rights",
    ]
    grants.write_text("[nodes.vm1]\nports = 0\n")
    refused = subprocess.run(check, check=False, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "ports must be a number from 1 on" in refused.stderr


def test_a_check_names_everything_that_is_missing(start: Start, tmp_path: Path, path: Path) -> None:
    nothing = f"{CREDENTIALS}[binding]\novsdb_connection = unix:{tmp_path}/none/db.sock\n"
    shown, errors = start(["check"], nothing).communicate(timeout=30)
    lines = [line.split(maxsplit=2) for line in shown.splitlines()]
    assert [(sign, subject) for sign, subject, _ in lines] == [
        ("ok", "configuration"),
        ("wrong", "cloud"),
        ("ok", "host"),
        ("wrong", "Docker"),
        ("wrong", "driver"),
    ]
    said = {subject: words for _, subject, words in lines}
    assert said["cloud"].startswith("Keystone at 127.0.0.1:9 cannot be reached")
    assert said["host"].startswith("no Open vSwitch")
    assert "[docker] engine_socket" in said["Docker"]
    assert said["driver"].startswith(f"no driver answers at {path} (start it: ")
    assert errors == ""
