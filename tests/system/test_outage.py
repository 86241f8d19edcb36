"""Neutron or Keystone is down, silent or refuses: the handshake is instant, the rest fails soon and says why.

Each driver here has settings of its own that lead nowhere, so that no other test loses its cloud.
"""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.layout import Layout
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.waiting import wait_until
from system.driver import Answer, Driver
from system.handshake import INSTANT, check_handshake, driver_of, timed

NETWORK, ENDPOINT = "ab" * 32, "cd" * 32
POOL = "kuryr1,10.1.0.0/24,,0a0b0c0d,"
IDS = {"NetworkID": NETWORK, "EndpointID": ENDPOINT}
NEED_NEUTRON: dict[str, dict[str, object]] = {
    "IpamDriver.RequestPool": {"Pool": "10.1.0.0/24", "Options": {"neutron.net.name": "blue"}},
    "IpamDriver.RequestAddress": {"PoolID": POOL},
    "NetworkDriver.CreateNetwork": {
        "NetworkID": NETWORK,
        "IPv4Data": [{"AddressSpace": "LocalDefault", "Pool": "10.1.0.0/24"}],
    },
    "NetworkDriver.CreateEndpoint": {**IDS, "Interface": {"Address": "10.1.0.5/24"}},
    "NetworkDriver.Join": {**IDS, "SandboxKey": "/var/run/docker/netns/0"},
    "NetworkDriver.DeleteNetwork": {"NetworkID": NETWORK},
}
# Of another endpoint, because what is asked about one is done in the order of asking.
OTHERS = {"NetworkID": NETWORK, "EndpointID": "ef" * 32}
NEVER_WAIT: dict[str, dict[str, str]] = {
    "NetworkDriver.Leave": OTHERS,
    "NetworkDriver.DeleteEndpoint": OTHERS,
    "NetworkDriver.EndpointOperInfo": OTHERS,
    "NetworkDriver.RevokeExternalConnectivity": OTHERS,
    "IpamDriver.ReleaseAddress": {"PoolID": POOL, "Address": "10.1.0.5"},
    "IpamDriver.ReleasePool": {"PoolID": POOL},
}

SOON = 5.0

WRONG_PASSWORD = "correct-horse-battery"

SILENT = """
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(server.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(server.accept())
"""


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    """A host for which one address of the management network is a black hole."""
    host = lab.hosts["host1"]
    # A neighbour that is not there: without this the kernel would notice, and say so at once.
    host.run(
        [
            "ip",
            "neigh",
            "replace",
            nowhere(lab.layout),
            "lladdr",
            "02:00:00:00:00:01",
            "nud",
            "permanent",
            "dev",
            "mgmt",
        ]
    )
    return host


def nowhere(cloud: Layout) -> str:
    """The address of the black hole."""
    return str(cloud.management[77])


@pytest.fixture(scope="module")
def silent(host: Host) -> Iterator[str]:
    """A server on the host that accepts connections and never answers."""
    process = host.popen([sys.executable, "-c", SILENT])
    assert process.stdout
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.kill()
    process.communicate()


def check_what_never_waits(driver: Driver) -> None:
    # The first one waits for the libraries, and for Open vSwitch.
    driver.ask("NetworkDriver.DeleteEndpoint", OTHERS)
    for method, body in NEVER_WAIT.items():
        seconds, answer = timed(driver, method, body)
        assert (answer.status, "Err" in answer.body) == (200, False), method
        assert seconds < INSTANT, method


# -- down, or refusing

Settings = Callable[[Layout, str], dict[str, str]]

OUTAGES: dict[str, tuple[Settings, int, str]] = {
    "Neutron's port is closed": (
        lambda cloud, _: {"endpoint_override": f"http://{cloud.control_address}:9"},
        503,
        r"Neutron at {control}:9 cannot be reached: connection refused \(check that the service runs .*\)",
    ),
    "Neutron's address is a black hole": (
        lambda cloud, _: {"endpoint_override": f"http://{nowhere(cloud)}:9696"},
        503,
        r"Neutron at {nowhere}:9696 cannot be reached: no connection in time \(.*\)",
    ),
    "Neutron accepts and is silent": (
        lambda _, silent: {"endpoint_override": silent, "read_timeout": "1"},
        503,
        r"Neutron at 127.0.0.1:\d+ did not answer in time \(.*\)",
    ),
    "Keystone's port is closed": (
        lambda cloud, _: {"auth_url": f"http://{cloud.control_address}:9/v3"},
        503,
        r"Keystone at {control}:9 cannot be reached: connection refused \(.*\)",
    ),
    "Keystone's address is a black hole": (
        lambda cloud, _: {"auth_url": f"http://{nowhere(cloud)}:5000/v3"},
        503,
        r"Keystone at {nowhere}:5000 cannot be reached: no connection in time \(.*\)",
    ),
    "Keystone's name is not known": (
        lambda *_: {"auth_url": "http://keystone.invalid:5000/v3"},
        503,
        r"Keystone at keystone.invalid:5000 cannot be reached: (its name cannot be resolved|no connection in time) .*",
    ),
    "Keystone refuses the password": (
        lambda *_: {"password": WRONG_PASSWORD},
        502,
        r"Keystone refused the credentials \(check the credentials in section \[neutron\] of kuryr.conf.*\)",
    ),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_the_handshake_is_instant_and_the_rest_fails_soon_and_says_why(
    outage: str, lab: Lab, host: Host, silent: str
) -> None:
    settings, status, line = OUTAGES[outage]
    line = line.replace("{control}", lab.layout.control_address).replace("{nowhere}", nowhere(lab.layout))
    with driver_of(host, neutron=settings(lab.layout, silent)) as driver:
        check_handshake(driver)
        with ThreadPoolExecutor(len(NEED_NEUTRON)) as threads:
            waiting = {method: threads.submit(timed, driver, method, body) for method, body in NEED_NEUTRON.items()}
            check_handshake(driver)
            check_what_never_waits(driver)
            for method, future in waiting.items():
                seconds, answer = future.result()
                assert seconds < SOON, method
                assert answer.status == status, (method, answer)
                check_line(answer, line)
        said = in_the_terminal(host, driver)
        check_line(Answer(status, {"Err": said, "Error": said}), line)
        assert WRONG_PASSWORD not in driver.daemon.log.read_text()


def check_line(answer: Answer, pattern: str) -> None:
    assert set(answer.body) == {"Err", "Error"}
    assert answer.body["Err"] == answer.body["Error"]
    assert re.fullmatch(pattern, answer.body["Err"]), answer.body["Err"]
    assert WRONG_PASSWORD not in answer.body["Err"]


def in_the_terminal(host: Host, driver: Driver) -> str:
    """What a person reads of the driver's reason when a network is created."""
    own = ["--driver", driver.name, "--ipam-driver", driver.name]
    began = time.monotonic()
    with pytest.raises(CommandFailed) as failure:
        host.docker("network", "create", *own, "--subnet", "10.1.0.0/24", "blue")
    assert time.monotonic() - began < SOON
    (printed,) = failure.value.stderr.strip().splitlines()
    head, _, said = printed.partition("NetworkDriver.CreateNetwork: ")
    assert head.startswith("Error response from daemon: ")
    return said


# -- hanging

Call = tuple[str, dict[str, object]]


@contextmanager
def fifty_hanging(host: Host, silent: str) -> Iterator[tuple[Driver, list[Future[Answer]]]]:
    """A driver with fifty requests in flight, of which as many as it has threads for hang in Neutron."""
    with driver_of(host, neutron={"endpoint_override": silent}) as driver, ThreadPoolExecutor(50) as threads:
        pools: list[Call] = [
            ("IpamDriver.RequestPool", {"Pool": f"10.{i}.0.0/24", "Options": {"neutron.net.name": "blue"}})
            for i in range(25)
        ]
        create = NEED_NEUTRON["NetworkDriver.CreateNetwork"]
        networks: list[Call] = [("NetworkDriver.CreateNetwork", {**create, "NetworkID": f"{i:064}"}) for i in range(25)]
        waiting = [threads.submit(driver.ask, *call) for call in pools + networks]
        wait_until("the driver hangs in Neutron", lambda: hanging(host, silent) >= 25)
        yield driver, waiting
        # Whatever the test did, nobody is left waiting.
        driver.daemon.kill()


def hanging(host: Host, silent: str) -> int:
    """How many connections to the silent server there are."""
    port = silent.rpartition(":")[2]
    return len(host.run(["ss", "-Htn", "state", "established", "dport", "=", f":{port}"]).stdout.splitlines())


def test_fifty_hanging_calls_delay_neither_a_handshake_nor_what_never_waits(host: Host, silent: str) -> None:
    with fifty_hanging(host, silent) as (driver, waiting):
        for _ in range(3):
            check_handshake(driver)
        with ThreadPoolExecutor(20) as threads:
            releases = [threads.submit(timed, driver, *release) for release in list(NEVER_WAIT.items())[-2:] * 10]
        assert max(future.result()[0] for future in releases) < INSTANT
        check_what_never_waits(driver)
        assert not any(future.done() for future in waiting)
        driver.daemon.kill()


def test_sigterm_ends_the_driver_within_seconds_and_answers_what_it_cuts_short(host: Host, silent: str) -> None:
    with fifty_hanging(host, silent) as (driver, waiting):
        began = time.monotonic()
        driver.daemon.stop(signal.SIGTERM)
        assert time.monotonic() - began < 8
        for future in waiting:
            check_line(future.result(), r"the Kuryr driver is being stopped \(run the command again\)")
        assert "Traceback" not in driver.daemon.log.read_text()


def test_sigterm_does_not_wait_for_an_open_vswitch_that_is_not_there(lab: Lab, host: Host) -> None:
    with driver_of(host, binding={"ovsdb_connection": f"tcp:{nowhere(lab.layout)}:6640"}) as driver:
        check_handshake(driver)
        began = time.monotonic()
        driver.daemon.stop(signal.SIGTERM)
        assert time.monotonic() - began < 3


def test_sigterm_finishes_the_work_behind(lab: Lab, host: Host, neutron: Neutron) -> None:
    """Ports that were given back an instant before are gone when the driver is."""
    with TenantNetwork(lab) as network, driver_of(host) as driver, ThreadPoolExecutor(8) as threads:
        pool = driver.ask("IpamDriver.RequestPool", {"Options": {"neutron.net.uuid": network.id}}).body
        data = [{"AddressSpace": "KuryrLocal", "Pool": pool["Pool"]}]
        options = {"com.docker.network.generic": {"kuryr.ready_ports": "off"}}
        creation = {"NetworkID": NETWORK, "IPv4Data": data, "Options": options}
        assert driver.ask("NetworkDriver.CreateNetwork", creation).status == 200
        request = {"PoolID": pool["PoolID"]}
        answers = list(threads.map(lambda _: driver.ask("IpamDriver.RequestAddress", request).body, range(8)))
        for answer in answers:
            driver.ask("IpamDriver.ReleaseAddress", {**request, "Address": answer["Address"]})
        driver.daemon.stop(signal.SIGTERM)
        assert neutron.find("port", network_id=network.id, device_owner="compute:kuryr") == []
        (anchor,) = neutron.find("port", network_id=network.id, description=f"kuryr:{driver.name}@{host.name}")
        neutron.delete("port", anchor["id"])
