"""Every option's wrong value, and every conflict of options, gets one clear line, and nothing is made.

As a person types them, with a real Docker. A wrong `docker network create` sends Neutron nothing that could change
anything; a wrong `docker run` may have taken a port by then, and gives it back.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from kuryr_lab.errors import CommandFailed
from kuryr_lab.external import ExternalNetwork, Router
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from system.conftest import Bench
from system.driver import NONE_AHEAD, Driver
from system.test_bad_input import port

pytestmark = pytest.mark.exhaustive

NOBODY = "00000000-0000-4000-8000-000000000000"
OWN = ["--subnet", "10.30.0.0/24"]
THERE = ["--ipam-opt", "neutron.net.name=tenant"]
BARE = ["--ipam-driver", "null", "-o", "neutron.net.name=tenant"]
KINDS = ("neutron.net", "neutron.subnet", "neutron.subnet.v6", "neutron.pool", "neutron.pool.v6")


def o(*options: str) -> list[str]:
    """`-o` for each."""
    return [word for option in options for word in ("-o", option)]


def unusable(name: str, value: str, expected: str) -> tuple[list[str], str]:
    """A network whose option has a value that cannot be meant, and the line that says so."""
    return [*OWN, *o(f"{name}={value}")], rf"option {name}={value} cannot be used \(it should be {expected}\)"


CREATES: list[tuple[list[str], str]] = [
    # wrong values
    *(unusable(f"{kind}.uuid", "x", "a UUID") for kind in KINDS),
    *(unusable(f"{kind}.{word}", "", "some text") for kind in KINDS for word in ("name", "tag")),
    *(unusable(f"neutron.{kind}.uuid", "x", "a UUID") for kind in ("router", "external")),
    *(unusable(f"neutron.{kind}.name", "", "some text") for kind in ("router", "external")),
    *(
        unusable(name, "maybe", "true or false")
        for name in ("neutron.net.shared", "neutron.dhcp", "neutron.port_security", "kuryr.expose")
    ),
    *(
        unusable(name, value, "a number of bytes from 68 to 65535")
        for name, value in (("neutron.mtu", "1"), ("com.docker.network.driver.mtu", "big"))
    ),
    unusable("neutron.dns_domain", "a b", "a DNS name.*"),
    unusable("neutron.security_groups", "", "names or ids of security groups, .*"),
    unusable("neutron.qos_policy", "", "some text"),
    unusable("kuryr.expose.source", "moon", ".*CIDR.*"),
    unusable("kuryr.sticky", "mac", "one of none, ip, name"),
    unusable("kuryr.labels", "maybe", "one of use, require, ignore"),
    unusable("kuryr.ready_ports", "maybe", "one of auto, off"),
    unusable("kuryr.publish", "loudly", "one of none, forwarding, floating"),
    unusable("kuryr.gateway", "wide", "one of neutron, engine, none"),
    # wrong places, and what is no option at all
    *(
        ([*OWN, *o(f"{name}=x")], rf"option {name} does not belong to -o \(give it by --driver-opt or --label\)")
        for name in ("neutron.port.uuid", "neutron.port.name", "neutron.port.tag", "neutron.dns_name")
    ),
    (
        [*OWN, "--ipam-opt", "kuryr.publish=none"],
        r"option kuryr.publish does not belong to --ipam-opt \(give it by -o\)",
    ),
    ([*OWN, *o("kuryr.publsh=none")], r"Kuryr has no option kuryr.publsh \(did you mean kuryr.publish.*\?\)"),
    # what does not exist
    *(
        ([*OWN, *o(f"neutron.{kind}.name=nobody")], r"no Neutron .*nobody.*")
        for kind in ("net", "subnet", "pool", "router", "external")
    ),
    ([*OWN, *o(f"neutron.router.uuid={NOBODY}")], rf".*{NOBODY}.*"),
    ([*OWN, *o("neutron.security_groups=nobody")], r"no Neutron security group named 'nobody' is visible .* \(.*\)"),
    ([*OWN, *o("neutron.qos_policy=nobody")], r"no Neutron QoS policy named 'nobody' is visible .* \(.*\)"),
    # conflicts among options
    (
        [*OWN, *o("neutron.security_groups=default", "neutron.port_security=false")],
        r"neutron.security_groups and neutron.port_security=false contradict \(leave one of them out\)",
    ),
    ([*OWN, *o("neutron.mtu=1300", "com.docker.network.driver.mtu=1400")], r"neutron.mtu and .*mtu differ \(.*\)"),
    ([*OWN, *o("kuryr.expose=false", "kuryr.expose.source=any")], r"kuryr.expose.source contradicts .* \(.*\)"),
    ([*OWN, "--internal", *o("kuryr.gateway=neutron")], r"--internal contradicts kuryr.gateway=neutron \(.*\)"),
    (
        [*OWN, *o("kuryr.gateway=engine", "kuryr.publish=forwarding")],
        r"kuryr.publish=forwarding needs kuryr.gateway=neutron, not engine",
    ),
    ([*OWN, *o("kuryr.gateway=none", "neutron.router.name=edge")], r"neutron.router contradicts a network .* \(.*\)"),
    ([*OWN, *o("kuryr.publish=floating")], r"kuryr.publish=floating needs a way to the outside \(give .*\)"),
    ([*BARE, *o("kuryr.sticky=ip")], r"kuryr.sticky has no --ip under --ipam-driver null \(.*\)"),
    (
        ["--ipam-driver", "default", *OWN, *o("kuryr.sticky=name")],
        r"kuryr.sticky=name needs --ipam-driver kuryr \(.*\)",
    ),
    (
        ["--ipam-driver", "default", *OWN, *o("neutron.dhcp=true")],
        r"neutron.dhcp=true needs --ipam-driver kuryr \(.*\)",
    ),
    (["--ipam-driver", "null"], r"--ipam-driver null leaves the addresses to Neutron, so it needs an .* \(.*\)"),
    # conflicts with what exists
    ([*THERE, *o(f"neutron.net.uuid={NOBODY}")], r".*"),
    ([*THERE, *o("neutron.net.name=other")], r"-o and --ipam-opt name two different ones: other and tenant"),
    ([*THERE, *o("neutron.mtu=1300")], r"the existing network tenant has neutron.mtu=\d+, not 1300 \(leave .*\)"),
    ([*THERE, *o("neutron.net.shared=true")], r"the existing network tenant has neutron.net.shared=false, not true .*"),
    ([*THERE, *o("neutron.router.name=edge")], r"neutron.router is for networks that Kuryr makes, this one .* \(.*\)"),
    ([*THERE, "--subnet", "10.20.0.0/24", "--ip-range", "10.20.0.0/25"], r"--ip-range .* is not an allocation pool .*"),
    (
        [*BARE[2:], "--subnet", "10.20.0.0/24", "--aux-address", "a=10.20.0.9"],
        r"--aux-address 10.20.0.9 is in an allocation pool of the existing subnet .* \(.*\)",
    ),
]


NETWORKS: dict[str, list[str]] = {
    "own": ["--ipam-driver", "<driver>", "--subnet", "10.31.0.0/24"],
    "unguarded": ["--ipam-driver", "<driver>", "--subnet", "10.32.0.0/24", *o("neutron.port_security=false")],
    "named": ["--ipam-driver", "<driver>", "--subnet", "10.33.0.0/24", *o("kuryr.sticky=name")],
    "engine": ["--ipam-driver", "<driver>", "--subnet", "10.34.0.0/24", *o("kuryr.gateway=engine")],
    "bare": BARE,
    **{
        style: [
            *("--ipam-driver", "<driver>", "--subnet", f"10.3{number}.0.0/24"),
            *o("neutron.router.name=router", f"kuryr.publish={style}"),
        ]
        for number, style in ((5, "forwarding"), (6, "floating"))
    },
}
"""Docker networks, by what stands for them below."""


def misread(name: str, value: str, expected: str) -> tuple[str, list[str], str]:
    """A container whose option has a value that cannot be meant, and the line that says so."""
    return "own", [f"{name}={value}"], rf"option {name}={value} cannot be used \(it should be {expected}\)"


RUNS: list[tuple[str, list[str], str]] = [
    # wrong values
    misread("neutron.port.uuid", "x", "a UUID"),
    *(misread(f"neutron.{name}", "", "some text") for name in ("port.name", "port.tag", "qos_policy")),
    misread("kuryr.sticky.key", "", "up to 200 characters"),
    misread("neutron.security_groups", "", "names or ids of security groups, .*"),
    misread("neutron.port_security", "maybe", "true or false"),
    misread("neutron.dns_name", "a b", "a DNS name.*"),
    misread("neutron.allowed_address_pairs", "moon", ".*"),
    misread("neutron.floating_ip", "moon", "auto, or the address or UUID of a floating IP"),
    # wrong places, and what is no option at all
    ("own", ["kuryr.gateway=none"], r"option kuryr.gateway does not belong to --driver-opt \(give it by -o\)"),
    ("own", ["neutron.port.nmae=x"], r"Kuryr has no option neutron.port.nmae \(did you mean neutron.port.name.*\)"),
    # what does not exist
    ("own", ["neutron.security_groups=nobody"], r"no Neutron security group named 'nobody' is .* \(.*\)"),
    ("own", ["neutron.qos_policy=nobody"], r"no Neutron QoS policy named 'nobody' is visible .* \(.*\)"),
    ("bare", ["neutron.port.name=nobody"], r"network tenant has no port named 'nobody' of this project \(.*\)"),
    ("bare", ["neutron.port.tag=nobody"], r"network tenant has no port tagged 'nobody' of this project \(.*\)"),
    ("bare", [f"neutron.port.uuid={NOBODY}"], rf"network tenant has no port {NOBODY} of this project \(.*\)"),
    ("own", ["neutron.floating_ip=203.0.113.99"], r".*203.0.113.99.*"),
    # conflicts among options
    *(
        ("own", ["neutron.port_security=false", f"neutron.{name}={value}"], rf"neutron.{name} and .* contradict \(.*\)")
        for name, value in (("security_groups", "default"), ("allowed_address_pairs", "10.31.0.99"))
    ),
    (
        "bare",
        ["neutron.port.name=free", "kuryr.sticky.key=k"],
        r"kuryr.sticky.key and neutron.port choose two .* \(.*\)",
    ),
    # conflicts with the network
    ("own", ["neutron.port.name=free"], r".* \(choose an existing port by --ip with its address, or on .*\)"),
    ("unguarded", ["neutron.port_security=true"], r"this network has no security groups for a port with .* \(.*\)"),
    (
        "unguarded",
        ["neutron.allowed_address_pairs=10.32.0.99"],
        r"neutron.allowed_address_pairs and .* contradict \(.*\)",
    ),
    ("engine", ["neutron.floating_ip=auto"], r"neutron.floating_ip needs a network with kuryr.gateway=neutron"),
    ("named", [], r"kuryr.sticky=name needs a Docker that tells the container's name, .* \(create .*\)"),
    ("own", ["neutron.floating_ip=auto"], r".*"),
    # conflicts with what exists
    ("bare", ["neutron.port.name=used"], r"port used \(.*\) with .* is in use: compute:nova .* \(.*\)"),
    ("bare", ["neutron.port.name=twin"], r"2 ports are named 'twin': .* \(choose by neutron.port.uuid\)"),
    ("bare", ["neutron.port.name=free", "neutron.dns_name=www"], r"an existing port keeps its own groups, .* \(.*\)"),
    (
        "bare",
        ["neutron.port.name=free", "neutron.floating_ip=auto"],
        r".* \(.* name the external network by -o neutron.external.name\)",
    ),
]

PUBLISHED: list[tuple[str, list[str], str]] = [
    ("own", ["80"], r"-p is not served: a container is reached at its own Neutron address \(create .*\)"),
    ("floating", ["8080:80"], r"port 80/tcp cannot be published as 8080: at a floating IP it keeps .* \(use -p 80.*\)"),
    ("floating", ["127.0.0.1:80:80"], r"-p 127.0.0.1:… cannot be served: a floating IP publishes, .* \(leave .*\)"),
    ("forwarding", ["127.0.0.1:80:80"], r"-p 127.0.0.1:… cannot be served: a floating IP publishes, .* \(leave .*\)"),
    ("forwarding", ["80:80", "81:80"], r"port 80/tcp is published twice \(.*\)"),
]


@dataclass(frozen=True)
class Scene:
    """A driver, Docker networks of all kinds, and in Neutron what they may come into conflict with."""

    lab: Lab
    driver: Driver
    networks: dict[str, str]
    """Docker's names of NETWORKS."""

    @property
    def host(self) -> Host:
        return self.driver.host


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Iterator[Scene]:
    """All of it is gone at the end, and nothing else has come."""
    before = inventory(lab)
    host = lab.hosts["host1"]
    with ExitStack() as stack:
        driver = Driver.changed(host, {"sweep": {"grace": "3600"}})
        stack.callback(driver.stop)
        stack.enter_context(Router(lab, stack.enter_context(ExternalNetwork(lab))))
        tenant = stack.enter_context(TenantNetwork(lab))
        stack.enter_context(TenantNetwork(lab, name="other", cidr="10.21.0.0/24"))
        demo, admin = lab.neutron("demo"), lab.neutron("admin")
        for name in ("free", "twin", "twin"):
            port(stack, demo, tenant, "", name=name)
        port(stack, admin, tenant, "compute:nova", name="used", device_id=NOBODY, project_id=demo.project_id)
        bench = Bench()
        stack.callback(bench.clear)
        networks = {
            name: bench.network(
                host,
                *(word.replace("<driver>", driver.name) for word in words),
                *NONE_AHEAD,
                driver=driver.name,
                ipam=False,
            )
            for name, words in NETWORKS.items()
        }
        yield Scene(lab, driver, networks)
    assert leaked(lab, before) == []


@contextmanager
def nothing_left(lab: Lab) -> Iterator[None]:
    """Neutron and the hosts hold the same before and after."""
    before = inventory(lab)
    yield
    assert leaked(lab, before) == []


def wrong(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the lines that Docker printed that are not what they should be: beside each the pattern."""
    form = re.compile(r"(?:docker: )?Error response from daemon: .*?(?:Ipam|Network)Driver\.\w+: (.*?)\.?")
    found = ((form.fullmatch(printed), printed, pattern) for printed, pattern in said)
    return [(printed, pattern) for match, printed, pattern in found if not match or not re.fullmatch(pattern, match[1])]


def refusal(host: Host, *argv: str) -> str:
    """The line of Docker's that says why it does not do what it is asked. It may say first that it waits no more."""
    with pytest.raises(CommandFailed) as failure:
        host.docker(*argv)
    (printed,) = [line for line in failure.value.stderr.splitlines() if "Error response" in line]
    return printed


def refused_run(host: Host, *options: str) -> str:
    """`refusal` of a docker run; the container that Docker keeps is removed."""
    container = f"c{secrets.token_hex(4)}"
    printed = refusal(host, "run", "--name", container, *options, "busybox", "true")
    host.docker("rm", container)
    return printed


def test_no_network_is_made(scene: Scene, host1_requests: Cursor) -> None:
    said = []
    for options, line in CREATES:
        own = ["--driver", scene.driver.name]
        ipam = [] if "--ipam-driver" in options else ["--ipam-driver", scene.driver.name]
        printed = refusal(scene.host, "network", "create", *own, *ipam, *options, f"n{secrets.token_hex(4)}")
        said.append((printed, line))
    assert wrong(said) == []
    assert [request for request in host1_requests.read() if request.method != "GET"] == []


def test_no_container_starts(scene: Scene) -> None:
    with nothing_left(scene.lab):
        said = []
        for network, options, line in RUNS:
            chosen = ",".join([f"name={scene.networks[network]}", *(f"driver-opt={option}" for option in options)])
            said.append((refused_run(scene.host, "--network", chosen), line))
        assert wrong(said) == []


def test_no_port_is_published(scene: Scene) -> None:
    with nothing_left(scene.lab):
        said = []
        for network, published, line in PUBLISHED:
            ports = [word for each in published for word in ("--publish", each)]
            said.append((refused_run(scene.host, "--network", scene.networks[network], *ports), line))
        assert wrong(said) == []
