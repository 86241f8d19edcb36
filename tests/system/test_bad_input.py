"""Bad input gets one clear line and changes nothing in Neutron, whoever sends it.

Twice: by requests to the driver's own socket, as a broken engine may send them, and by docker commands that a person
may type, where the driver's line must reach the terminal as it is.
"""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.waiting import wait_until
from system.driver import Driver

NETWORK, ENDPOINT, UNKNOWN = "ab" * 32, "cd" * 32, "ef" * 32
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Scene:
    """A tenant's networks in Neutron, and Docker networks of one driver that stand on them.

    Each Docker network is known twice: to the driver alone (for requests to its socket), and to Docker.
    """

    host: Host
    driver: Driver
    neutron: Neutron
    words: dict[str, str]
    """What the tables below say as <name>: ids, addresses, names."""

    def put(self, text: str) -> str:
        """`text` with its <names> replaced."""
        return re.sub(r"<(\w+)>", lambda name: self.words[name[1]], text)


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Iterator[Scene]:
    """All of it is gone at the end, and nothing else has come."""
    before = inventory(lab)
    host = lab.hosts["host1"]
    with ExitStack() as stack:
        # Docker does not know the networks that are made for requests to the socket: the sweep shall not see that.
        driver = Driver.changed(host, {"sweep": {"grace": "3600"}})
        stack.callback(driver.stop)
        blue = stack.enter_context(TenantNetwork(lab, name="blue", cidr="10.20.0.0/24"))
        full = stack.enter_context(TenantNetwork(lab, name="full", cidr="10.21.0.0/24"))
        stack.enter_context(TenantNetwork(lab, name="twin", cidr="10.22.0.0/24"))
        stack.enter_context(TenantNetwork(lab, name="twin", cidr="10.22.0.0/24"))
        words = {"blue_id": blue.id, "blue_subnet": blue.subnet_id, "driver": driver.name}
        tenant = lab.neutron("demo")
        vm = port(stack, lab.neutron("admin"), blue, "compute:nova", device_id=NOBODY, project_id=tenant.project_id)
        vip = port(stack, tenant, blue, "Octavia")
        words |= {"vm": vm["fixed_ips"][0]["ip_address"], "vip": vip["fixed_ips"][0]["ip_address"]}
        fill(stack, lab, full)
        words |= {f"{name}_pool": adopt(stack, driver, net) for name, net in (("blue", blue), ("full", full))}
        words |= {f"{name}_net": create(stack, host, driver, net) for name, net in (("blue", blue), ("full", full))}
        yield Scene(host, driver, lab.neutron("admin"), words)
    assert leaked(lab, before) == []


def port(stack: ExitStack, neutron: Neutron, network: TenantNetwork, owner: str, **fields: object) -> dict[str, Any]:
    """Somebody else's port."""
    made = neutron.create("port", network_id=network.id, device_owner=owner, **fields)
    stack.callback(neutron.delete, "port", made["id"])
    return made


def fill(stack: ExitStack, lab: Lab, network: TenantNetwork) -> None:
    """Leave no address: the only one that may be given out is taken."""
    pools = [{"start": "10.21.0.5", "end": "10.21.0.5"}]
    tenant = lab.neutron("demo")
    tenant.update("subnet", network.subnet_id, allocation_pools=pools, enable_dhcp=False)
    port(stack, tenant, network, "Octavia")


def adopt(stack: ExitStack, driver: Driver, network: TenantNetwork) -> str:
    """A network as Docker would create it, known to the driver alone. Returns the pool's id."""
    pool = driver.ask("IpamDriver.RequestPool", {"Options": {"neutron.net.uuid": network.id}}).body
    request = {
        "NetworkID": f"{network.name:0<64}".replace("u", "0"),
        "IPv4Data": [{"AddressSpace": "KuryrLocal", "Pool": pool["Pool"]}],
    }
    made = driver.ask("NetworkDriver.CreateNetwork", request)
    assert made.status == 200, made
    stack.callback(driver.ask, "NetworkDriver.DeleteNetwork", {"NetworkID": request["NetworkID"]})
    return str(pool["PoolID"])


def create(stack: ExitStack, host: Host, driver: Driver, network: TenantNetwork) -> str:
    """docker network create on an existing network. Returns the Docker network's name."""
    name = f"{network.name}{secrets.token_hex(4)}"
    option = f"neutron.net.uuid={network.id}"
    own = ["--driver", driver.name, "--ipam-driver", driver.name, "--subnet", network.cidr, "--ipam-opt", option]
    host.docker("network", "create", *own, name)
    stack.callback(host.docker, "network", "rm", name)
    return name


def snapshot(neutron: Neutron) -> dict[str, dict[str, Any]]:
    """Everything that a container could touch in Neutron, by id, with all attributes and revision numbers."""
    return {one["id"]: one for kind in ("network", "subnet", "port") for one in neutron.find(kind)}


@pytest.fixture(scope="module")
def calm(scene: Scene) -> dict[str, dict[str, Any]]:
    """Neutron's content when OVN has reported on all that the scene made."""
    seen = [snapshot(scene.neutron)]

    def at_rest() -> bool:
        seen.append(snapshot(scene.neutron))
        return seen[-1] == seen[-2]

    wait_until("Neutron is at rest", at_rest)
    return seen[-1]


@pytest.fixture
def nothing_changes(scene: Scene, calm: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Neutron holds the same before and after, to the last attribute."""
    yield
    assert snapshot(scene.neutron) == calm


# -- by requests to the driver's socket


@dataclass(frozen=True)
class Bad:
    """A request that must be refused, with this status and a line that matches all of `line`."""

    method: str
    body: object
    status: int
    line: str


def pool(cidr: str = "10.30.0.0/24", options: dict[str, str] | None = None, **fields: object) -> dict[str, object]:
    return {"AddressSpace": "KuryrLocal", "Pool": cidr, "SubPool": "", "Options": options or {}, "V6": False, **fields}


def network(
    cidr: str = "10.30.0.0/24", options: dict[str, str] | None = None, *, space: str = "LocalDefault", **data: object
) -> dict[str, object]:
    generic = {"com.docker.network.generic": options or {}}
    return {
        "NetworkID": NETWORK,
        "Options": generic,
        "IPv4Data": [{"AddressSpace": space, "Pool": cidr, **data}],
        "IPv6Data": [],
    }


def endpoint(address: str, **options: object) -> dict[str, object]:
    return {"NetworkID": UNKNOWN, "EndpointID": ENDPOINT, "Interface": {"Address": address}, "Options": options}


POOL, CREATE, ADDRESS = "IpamDriver.RequestPool", "NetworkDriver.CreateNetwork", "IpamDriver.RequestAddress"
GONE = "kuryr1,10.30.0.0/24,,0a0b0c0d,"

REQUESTS: dict[str, Bad] = {
    "an unknown method": Bad("NetworkDriver.Explode", {}, 404, r"Kuryr has no method 'NetworkDriver.Explode'"),
    # CIDRs
    "no CIDR": Bad(POOL, pool(""), 400, r"no IPv4 --subnet is given, .* \(give one, .*\)"),
    "a word for a CIDR": Bad(POOL, pool("many"), 400, r"--subnet 'many' is not a network \(write it like .*\)"),
    "a CIDR too long": Bad(POOL, pool("10.30.0.0/33"), 400, r"--subnet '10.30.0.0/33' is not a network \(.*\)"),
    "three octets": Bad(POOL, pool("10.30.0/24"), 400, r"--subnet '10.30.0/24' is not a network \(.*\)"),
    "no prefix": Bad(POOL, pool("10.30.0.0"), 400, r"--subnet 10.30.0.0 has no prefix length \(.*\)"),
    "host bits": Bad(POOL, pool("10.30.0.5/24"), 400, r".*has host bits set \(did you mean 10.30.0.0/24\?\)"),
    "host bits without IPAM": Bad(CREATE, network("10.30.0.5/24"), 400, r".*host bits set \(did you mean .*\)"),
    "a word without IPAM": Bad(CREATE, network("many"), 400, r"--subnet 'many' is not a network .*"),
    "several lines": Bad(POOL, pool("10\n.30\r\n"), 400, r"--subnet '10\\n.30\\r\\n' is not a network .*"),
    "very long": Bad(POOL, pool("9" * 9000), 400, r"--subnet '9+… \(write it .*\)"),
    "IPv6 host bits": Bad(POOL, pool("fd00::1/64", V6=True), 400, r"--subnet fd00::1/64 has host bits set .*"),
    "an IPv6 range of IPv4": Bad(POOL, pool(SubPool="fd00::/64"), 400, r"--ip-range fd00::/64 is outside of .*"),
    "a foreign range": Bad(POOL, pool(SubPool="10.31.0.0/25"), 400, r"--ip-range 10.31.0.0/25 is outside of .*"),
    "a bad range": Bad(POOL, pool(SubPool="10.30.0.9/25"), 400, r"--ip-range 10.30.0.9/25 has host bits set .*"),
    "a foreign gateway": Bad(CREATE, network(Gateway="10.9.0.1/24"), 400, r"--gateway 10.9.0.1 is outside of .*"),
    "a broadcast gateway": Bad(CREATE, network(Gateway="10.30.0.255/24"), 400, r"--gateway .* broadcast address .*"),
    "a bad spare": Bad(CREATE, network(AuxAddresses={"a": "x"}), 400, r"--aux-address 'x' is not an address"),
    "no subnets": Bad(CREATE, {**network(), "IPv4Data": []}, 400, r"a network needs a --subnet"),
    "no network without IPAM": Bad(CREATE, network("0.0.0.0/0", space="null"), 400, r"--ipam-driver null .* \(.*\)"),
    # Names of Neutron's things
    "an unknown name": Bad(POOL, pool("", {"neutron.net.name": "green"}), 404, r"no Neutron network named 'green' .*"),
    "an unknown name by -o": Bad(CREATE, network(options={"neutron.net.name": "green"}), 404, r"no .* 'green' .*"),
    "an unknown subnet": Bad(POOL, pool("", {"neutron.subnet.name": "green"}), 404, r"no Neutron subnet named .*"),
    "an unknown id": Bad(
        POOL, pool("", {"neutron.net.uuid": NOBODY}), 404, rf"no Neutron network {NOBODY} is visible .*"
    ),
    "a path for an id": Bad(
        POOL, pool("", {"neutron.net.uuid": "../ports"}), 400, r"option neutron.net.uuid=\.\./ports cannot .*"
    ),
    "a filter for a name": Bad(POOL, pool("", {"neutron.net.name": "x&name=blue"}), 404, r"no .* 'x&name=blue' .*"),
    "two of a name": Bad(
        POOL,
        pool("", {"neutron.net.name": "twin"}),
        409,
        r"2 Neutron networks are named 'twin': [0-9a-f-]{36}, [0-9a-f-]{36} \(choose one by neutron.net.uuid\)",
    ),
    "two of a name by -o": Bad(CREATE, network(options={"neutron.net.name": "twin"}), 409, r"2 Neutron networks .*"),
    "a misspelt option": Bad(
        POOL, pool("", {"neutron.net.nmae": "x"}), 400, r"Kuryr has no option neutron.net.nmae .*"
    ),
    "an empty option": Bad(
        POOL, pool("", {"neutron.net.name": ""}), 400, r"option neutron.net.name= cannot be used .*"
    ),
    "another CIDR": Bad(POOL, pool(options={"neutron.net.name": "blue"}), 404, r"network blue has no IPv4 subnet .*"),
    "another gateway": Bad(
        CREATE,
        network("10.20.0.0/24", {"neutron.net.uuid": "<blue_id>"}, Gateway="10.20.0.9/24"),
        400,
        r"the existing subnet <blue_subnet> has gateway 10.20.0.1, Docker expects 10.20.0.9 \(give --gateway .*\)",
    ),
    # Unknown objects
    "a forgotten pool": Bad(CREATE, network(space="KuryrLocal"), 409, r"the pool 10.30.0.0/24 .* \(run the .* again\)"),
    "an address of nothing": Bad(ADDRESS, {"PoolID": GONE}, 404, r"this host has no Kuryr network 0a0b0c0d \(.*\)"),
    "a foreign pool": Bad(ADDRESS, {"PoolID": "default/10.0.0.0"}, 400, r"pool 'default/10.0.0.0' is not one of .*"),
    "an empty pool": Bad("IpamDriver.ReleasePool", {"PoolID": ""}, 400, r"pool '' is not one of Kuryr's"),
    "an endpoint of nothing": Bad(
        "NetworkDriver.CreateEndpoint", endpoint("10.30.0.5/24"), 404, r"this host has no Kuryr network efefefefefef .*"
    ),
    "a join of nothing": Bad(
        "NetworkDriver.Join", endpoint(""), 404, r"this host has no Kuryr network efefefefefef .*"
    ),
    "an id with blanks": Bad(
        "NetworkDriver.Join", {**endpoint(""), "EndpointID": "a b"}, 400, r"the request .* read.*"
    ),
    # Addresses
    "a virtual machine's": Bad(
        ADDRESS, {"PoolID": "<blue_pool>", "Address": "<vm>"}, 409, r".*<vm>.* (in use|already allocated).*"
    ),
    "a load balancer's": Bad(
        ADDRESS, {"PoolID": "<blue_pool>", "Address": "<vip>"}, 409, r".*<vip>.* (in use|already allocated).*"
    ),
    "the gateway's": Bad(ADDRESS, {"PoolID": "<blue_pool>", "Address": "10.20.0.255"}, 400, r"address .* broadcast .*"),
    "a foreign address": Bad(ADDRESS, {"PoolID": "<blue_pool>", "Address": "10.9.0.9"}, 400, r".* is outside of .*"),
    "no address at all": Bad(ADDRESS, {"PoolID": "<blue_pool>", "Address": "x"}, 400, r"address 'x' is not an address"),
    "a full subnet": Bad(ADDRESS, {"PoolID": "<full_pool>"}, 409, r".*[Nn]o (more )?.*address.*"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_gets_one_line_and_changes_nothing(name: str, scene: Scene, nothing_changes: None) -> None:
    bad = REQUESTS[name]
    answer = scene.driver.ask(bad.method, json.loads(scene.put(json.dumps(bad.body))))
    check(answer.status, answer.body, bad.status, scene.put(bad.line))


WITH_BODY = [
    "NetworkDriver.CreateNetwork",
    "NetworkDriver.DeleteNetwork",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.DeleteEndpoint",
    "NetworkDriver.Join",
    "IpamDriver.RequestPool",
    "IpamDriver.ReleasePool",
    "IpamDriver.RequestAddress",
    "IpamDriver.ReleaseAddress",
]

MALFORMED = {
    "nothing, which is what the engine repeats": (b"", r"Docker repeated a request without its body, .* \(run .*\)"),
    "a line's end": (b"\n", r"Docker repeated a request without its body, .* \(run .*\)"),
    "half of it": (b'{"NetworkID": "ab', r"the request cannot be read: .*"),
    "null": (b"null", r"the request cannot be read: .*"),
    "a list": (b"[]", r"the request cannot be read: .*"),
    "a number for every text": (
        b'{"NetworkID":1,"EndpointID":2,"PoolID":3,"Pool":4}',
        r"the request cannot be read: .*",
    ),
    "no text at all": (b"\xff\xfe\x00\x80", r"the request cannot be read: .*"),
    "very deep": (b'{"Options":' * 20_000, r"the request cannot be read: .*"),
    "very large": (b'{"PoolID": "' + b"a" * 2_000_000 + b'"}', r"the request is too large"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_request_gets_one_line_and_changes_nothing(kind: str, scene: Scene, nothing_changes: None) -> None:
    raw, line = MALFORMED[kind]
    for method in WITH_BODY:
        answer = scene.driver.ask(method, raw=raw)
        check(answer.status, answer.body, 400, line)


def check(status: int, body: dict[str, str], expected: int, pattern: str) -> None:
    """An error is one line of text under both names by which the engine may look for it."""
    assert (status, set(body)) == (expected, {"Err", "Error"}), body
    assert body["Err"] == body["Error"]
    assert re.fullmatch(pattern, body["Err"]), body["Err"]
    assert body["Err"].isprintable()
    assert len(body["Err"]) <= 1000


def test_removing_what_is_not_there_is_no_error(scene: Scene, nothing_changes: None) -> None:
    """Docker would only log it, and it asks again after a crash."""
    ids = {"NetworkID": UNKNOWN, "EndpointID": ENDPOINT}
    for method in ("NetworkDriver.DeleteNetwork", "NetworkDriver.DeleteEndpoint", "NetworkDriver.Leave"):
        assert scene.driver.ask(method, ids).status == 200
    for method in ("IpamDriver.ReleaseAddress", "IpamDriver.ReleasePool"):
        assert scene.driver.ask(method, {"PoolID": GONE, "Address": "10.30.0.5"}).status == 200


# -- by what a person types

CREATES: dict[str, tuple[list[str], str]] = {
    "no subnet": ([], r"no IPv4 --subnet is given, .* \(give one, name an .* --ipam-opt .*\)"),
    "an unknown name": (["--ipam-opt", "neutron.net.name=green"], r"no Neutron network named 'green' is visible .*"),
    "an unknown name by -o": (
        ["--subnet", "10.30.0.0/24", "-o", "neutron.net.name=green"],
        r"no Neutron network named 'green' is visible to this project \(.*\)",
    ),
    "two of a name": (
        ["--ipam-opt", "neutron.net.name=twin"],
        r"2 Neutron networks are named 'twin': .* \(choose one by neutron.net.uuid\)",
    ),
    "a misspelt option": (
        ["--subnet", "10.30.0.0/24", "-o", "kuryr.wrong=1"],
        r"Kuryr has no option kuryr.wrong \(.*\)",
    ),
    "another CIDR": (
        ["--subnet", "10.30.0.0/24", "--ipam-opt", "neutron.net.name=blue"],
        r"network blue has no IPv4 subnet 10.30.0.0/24 \(it has: 10.20.0.0/24 .*\)",
    ),
    "another gateway": (
        ["--subnet", "10.20.0.0/24", "--gateway", "10.20.0.9", "-o", "neutron.net.uuid=<blue_id>"],
        r"the existing subnet <blue_subnet> has gateway 10.20.0.1, Docker expects 10.20.0.9 \(give .*\)",
    ),
    "--internal": (
        ["--subnet", "10.30.0.0/24", "--internal", "-o", "kuryr.gateway=engine"],
        r"--internal contradicts kuryr.gateway=engine \(.*\)",
    ),
}

RUNS: dict[str, tuple[list[str], str]] = {
    "a virtual machine's address": (
        ["--network", "<blue_net>", "--ip", "<vm>"],
        r".*<vm>.* (in use|already allocated).*",
    ),
    "a load balancer's address": (
        ["--network", "<blue_net>", "--ip", "<vip>"],
        r".*<vip>.* (in use|already allocated).*",
    ),
    "a full subnet": (["--network", "<full_net>"], r".*[Nn]o (more )?.*address.*"),
}


@pytest.mark.engines
@pytest.mark.parametrize("name", CREATES)
def test_a_bad_network_create_says_why_in_the_terminal(name: str, scene: Scene, nothing_changes: None) -> None:
    options, line = CREATES[name]
    own = ["--driver", scene.driver.name, "--ipam-driver", scene.driver.name]
    with pytest.raises(CommandFailed) as failure:
        scene.host.docker("network", "create", *own, *map(scene.put, options), f"n{secrets.token_hex(4)}")
    (printed,) = failure.value.stderr.strip().splitlines()
    check_printed(printed, scene.put(line))


@pytest.mark.engines
@pytest.mark.parametrize("name", RUNS)
def test_a_bad_run_says_why_in_the_terminal(name: str, scene: Scene, nothing_changes: None) -> None:
    options, line = RUNS[name]
    container = f"c{secrets.token_hex(4)}"
    with pytest.raises(CommandFailed) as failure:
        scene.host.docker("run", "--name", container, *map(scene.put, options), "busybox", "true")
    scene.host.docker("rm", container)
    # The client of 20.10 may say first that it waits no more, and later ones end with a hint.
    (printed,) = [line for line in failure.value.stderr.splitlines() if "Error response" in line]
    check_printed(printed, scene.put(line))


def check_printed(printed: str, pattern: str) -> None:
    """Docker's own words, then the driver's, as they are."""
    said = re.fullmatch(r"(?:docker: )?Error response from daemon: .*?(?:Ipam|Network)Driver\.\w+: (.*)", printed)
    assert said, printed
    assert re.fullmatch(pattern, said[1].removesuffix(".")), printed
