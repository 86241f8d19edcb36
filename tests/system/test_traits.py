"""Security groups, port security, address pairs, QoS, DNS and MTU, as users choose them; proved by traffic."""

import json
import secrets
import time
from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron, Resource
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from system.conftest import Bench, address_of
from system.driver import NONE_AHEAD
from system.test_containers import pid_of, ports_of
from system.test_exposure import steps, stranger


@pytest.fixture
def web(lab: Lab, no_leaks: None) -> Iterator[Resource]:
    """A group of the tenant's that admits everybody to TCP port 80."""
    tenant = lab.neutron("demo")
    group = tenant.create("security_group", name=f"web-{secrets.token_hex(4)}")
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    tenant.create("security_group_rule", **rule, port_range_min=80, port_range_max=80)
    yield group
    tenant.delete("security_group", group["id"])


def driver_opts(host: Host, bench: Bench, network: str, *options: str) -> Resource:
    """A container whose port gets options of its own, by `docker network connect`: every engine has that.

    The client splits what it is given at commas, unless it stands in quotes of its own.
    """
    container = bench.run(host, "none")
    given = [word for option in options for word in ("--driver-opt", f'"{option}"')]
    host.docker("network", "disconnect", "none", container.name)
    host.docker("network", "connect", *given, network, container.name)
    container.serve()
    return {"container": container, "address": address_of(container, network)}


def test_a_networks_groups_guard_its_containers(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, web: Resource, bench: Bench
) -> None:
    named = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
    guarded = bench.network(host1, *named, "-o", f"neutron.security_groups={web['name']}")
    bare = bench.network(host1, *named, "-o", "neutron.port_security=false")
    with stranger(lab, tenant_network.id) as outsider:
        for network, open_ports in ((guarded, [True, False]), (bare, [True, True])):
            container = bench.run(host1, network)
            address = address_of(container, network)
            container.serve(80)
            container.serve(8000)
            assert [outsider.fetch(address, port) == container.name for port in (80, 8000)] == open_ports
            assert outsider.ping(address) is open_ports[1]
        bench.clear()


@pytest.mark.engines
def test_an_endpoints_options_change_its_port_by_one_request(
    host1: Host, neutron: Neutron, web: Resource, bench: Bench, host1_requests: Cursor
) -> None:
    network = bench.network(host1, "--subnet", "10.77.0.0/24", *NONE_AHEAD)
    host1_requests.read_until_quiet(quiet=1)
    pairs = "10.77.0.200,10.78.0.0/24"
    given = driver_opts(
        host1,
        bench,
        network,
        f"neutron.security_groups={web['name']}",
        f"neutron.allowed_address_pairs={pairs}",
        "neutron.dns_name=www",
    )
    assert steps(host1_requests.read_until_quiet()) == ["POST ports", "GET security-groups", "PUT ports"]
    (port,) = ports_of(neutron, host1)
    assert (port["security_groups"], port["dns_name"]) == ([web["id"]], "www")
    assert [pair["ip_address"] for pair in port["allowed_address_pairs"]] == pairs.split(",")
    neighbour = bench.run(host1, network)
    assert neighbour.fetch(given["address"]) == given["container"].name
    assert not neighbour.ping(given["address"])


@pytest.mark.exhaustive
def test_a_port_sends_as_its_address_pairs_and_as_nobody_else(host1: Host, network: str, bench: Bench) -> None:
    """Anti-spoofing lets only those through that the option names. The other side lets everybody in."""
    target = driver_opts(host1, bench, network, "neutron.port_security=false")["address"]
    for options, may in (
        (["neutron.allowed_address_pairs=10.77.0.200"], True),
        ([], False),
    ):
        container = driver_opts(host1, bench, network, *options)["container"]
        inside = ["nsenter", "-t", pid_of(container), "-n"]
        device = json.loads(host1.run([*inside, "ip", "-j", "route", "get", target]).stdout)[0]["dev"]
        host1.run([*inside, "ip", "addr", "add", "10.77.0.200/24", "dev", device])
        container.reaches(target)
        done = container.run(["busybox", "ping", "-c", "2", "-W", "1", "-I", "10.77.0.200", target], check=False)
        host1.docker("rm", "--force", container.name)
        assert (done.returncode == 0) is may


def test_the_mtu_is_the_same_at_both_ends_and_all_the_way(
    host1: Host, host2: Host, neutron: Neutron, bench: Bench
) -> None:
    """B11 of the driver before: the host's end kept its own."""
    network = bench.network(host1, "--subnet", "10.77.0.0/24", "-o", "com.docker.network.driver.mtu=1300")
    (made,) = [each for each in neutron.find("network") if each["name"].startswith("kuryr-")]
    assert made["mtu"] == 1300
    there = bench.network(host2, "--ipam-opt", f"neutron.net.uuid={made['id']}", "-o", "neutron.mtu=1300")
    one, other = bench.run(host1, network), bench.run(host2, there)
    (port,) = ports_of(neutron, host1)
    outer = json.loads(host1.run(["ip", "-j", "link", "show", f"tap{port['id'][:11]}"]).stdout)[0]
    inner = one.run(["cat", "/sys/class/net/eth0/mtu"]).stdout.strip()
    assert (outer["mtu"], inner) == (1300, "1300")
    other.serve()
    target = address_of(other, there)
    one.reaches(target)
    assert one.run(["busybox", "ping", "-c", "1", "-W", "2", "-s", str(1300 - 28), target]).returncode == 0
    assert one.fetch(target) == other.name
    bench.clear()


@pytest.fixture
def megabit(lab: Lab, no_leaks: None) -> Iterator[str]:
    """A QoS policy for everybody: a port sends a megabit a second."""
    admin, name = lab.neutron("admin"), f"megabit-{secrets.token_hex(4)}"
    policy = admin.adapter.post("/qos/policies", json={"policy": {"name": name, "shared": True}}).json()["policy"]
    path = f"/qos/policies/{policy['id']}"
    rule = {"max_kbps": 1000, "direction": "egress"}
    admin.adapter.post(f"{path}/bandwidth_limit_rules", json={"bandwidth_limit_rule": rule})
    yield name
    admin.adapter.delete(path)


@pytest.mark.exhaustive
def test_a_qos_policy_bounds_what_a_container_sends(host1: Host, network: str, bench: Bench, megabit: str) -> None:
    """Half a megabyte takes four seconds, and hardly any time without."""
    reader = bench.run(host1, network)
    seconds = {}
    for options in ((f"neutron.qos_policy={megabit}",), ("neutron.port_security=true",)):
        sender = driver_opts(host1, bench, network, *options)
        home = f"/run/www-{sender['container'].name}"
        sender["container"].run(["busybox", "dd", "if=/dev/zero", f"of={home}/file", "bs=1000", "count=500"])
        reader.reaches(sender["address"])
        wget = ["busybox", "wget", "-q", "-O", "/dev/null", f"http://{sender['address']}/file"]
        began = time.monotonic()
        reader.run(wget)
        seconds[options] = time.monotonic() - began
    bounded, free = seconds.values()
    assert bounded > 3 > free
    bench.clear()


@pytest.mark.exhaustive
def test_what_else_a_network_and_its_ports_can_be(host1: Host, neutron: Neutron, lab: Lab, bench: Bench) -> None:
    admin = lab.neutron("admin")
    policy = admin.adapter.post("/qos/policies", json={"policy": {"name": "gold", "shared": True}}).json()["policy"]
    options = ("neutron.qos_policy=gold", "neutron.dns_domain=example.org", "neutron.dhcp=false")
    network = bench.network(host1, "--subnet", "10.77.0.0/24", *(word for option in options for word in ("-o", option)))
    bench.run(host1, network)
    (port,) = ports_of(neutron, host1)
    made = neutron.show("network", port["network_id"])
    (subnet,) = neutron.find("subnet", network_id=made["id"])
    assert (port["qos_policy_id"], made["dns_domain"], subnet["enable_dhcp"]) == (policy["id"], "example.org.", False)
    bench.clear()
    admin.adapter.delete(f"/qos/policies/{policy['id']}")
