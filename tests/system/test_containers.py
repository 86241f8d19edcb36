"""docker run, stop, start, restart, rm, connect, disconnect: real ports, real traffic, few calls."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from kuryr.model import is_ready
from kuryr_lab.client import Neutron, Resource
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of, methods
from system.driver import NONE_AHEAD


def ports_of(neutron: Neutron, host: Host) -> list[Resource]:
    """The ports of a host's containers, without those that wait for the next ones."""
    ports = neutron.find("port", device_owner="compute:kuryr", **{"binding:host_id": host.name})
    return [port for port in ports if not is_ready(port["device_id"])]


@pytest.mark.backends
@pytest.mark.engines
def test_a_container_is_a_neutron_port(host1: Host, neutron: Neutron, lab: Lab, network: str, bench: Bench) -> None:
    container = bench.run(host1, network)
    (port,) = ports_of(neutron, host1)
    shown = json.loads(host1.docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container.name))
    endpoint = shown[network]
    assert (port["status"], port["mac_address"]) == ("ACTIVE", endpoint["MacAddress"])
    assert port["fixed_ips"][0]["ip_address"] == endpoint["IPAddress"]
    assert port["project_id"] == lab.neutron("demo").project_id
    assert [group["name"] for group in neutron.find("security_group", id=port["security_groups"][0])] == ["default"]
    link = json.loads(container.host.run(["nsenter", "-t", pid_of(container), "-n", "ip", "-j", "link"]).stdout)[1]
    mtu = neutron.show("network", port["network_id"])["mtu"]
    assert (link["mtu"], link["address"]) == (mtu, port["mac_address"])
    wait_until(
        "the port has its user's name",
        lambda: neutron.show("port", port["id"])["device_id"] == endpoint["EndpointID"],
    )


@pytest.mark.backends
@pytest.mark.engines
def test_the_calls_of_a_life(lab: Lab, host1: Host, host1_requests: Cursor, bench: Bench) -> None:
    """Of a container for which no port was made ahead."""
    network = bench.network(host1, "--subnet", "10.77.0.0/24", *NONE_AHEAD)
    host1_requests.read_until_quiet(quiet=1)
    container = bench.run(host1, network)
    before_the_answer = methods(lab, host1_requests.read())
    afterwards = host1_requests.read_until_quiet()
    host1.docker("rm", "--force", container.name)
    stop = host1_requests.read_until_quiet()
    assert before_the_answer == ["POST"]
    assert len(before_the_answer) + len(afterwards) <= 2
    assert [call.method for call in stop] == ["DELETE"]


@pytest.mark.backends
@pytest.mark.engines
def test_containers_on_two_hosts_talk(
    host1: Host, host2: Host, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    """With each other, and with a plain port of the tenant, by ping and by TCP, in both directions."""
    option = f"neutron.net.name={tenant_network.name}"
    names = {host.name: bench.network(host, "--ipam-opt", option) for host in (host1, host2)}
    one, other = bench.run(host1, names["host1"]), bench.run(host2, names["host2"])
    addresses = {one.name: address_of(one, names["host1"]), other.name: address_of(other, names["host2"])}
    with lab.plain_port("host2", tenant_network.id) as plain:
        addresses[plain.name] = plain.address
        stations = (one, other, plain)
        for station in stations:
            station.serve()
        for source in stations:
            for target in stations:
                if source is not target:
                    source.reaches(addresses[target.name])
                    assert source.fetch(addresses[target.name]) == target.name


@pytest.mark.backends
def test_what_the_security_group_forbids_does_not_get_through(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    """A stranger's port in a group of its own is not let in, although what differs is only the group."""
    name = bench.network(host1, "--ipam-opt", f"neutron.subnet.uuid={tenant_network.subnet_id}")
    container = bench.run(host1, name)
    container.serve()
    address = address_of(container, name)
    group = lab.neutron("demo").create("security_group", name="strangers")
    with (
        lab.plain_port("host2", tenant_network.id, name="friend") as friend,
        lab.plain_port("host2", tenant_network.id, name="stranger", security_groups=[group["id"]]) as stranger,
    ):
        friend.reaches(address)
        assert not stranger.ping(address, count=2)
        assert stranger.fetch(address) is None
        assert friend.fetch(address) == container.name
    lab.neutron("demo").delete("security_group", group["id"])
    host1.docker("rm", "--force", container.name)


@pytest.mark.engines
def test_five_at_once_are_all_reachable(host1: Host, neutron: Neutron, network: str, bench: Bench) -> None:
    with ThreadPoolExecutor(5) as pool:
        containers = list(pool.map(lambda _: bench.run(host1, network), range(5)))
    observer = bench.run(host1, network)
    addresses = [address_of(container, network) for container in containers]
    assert len(set(addresses)) == 5
    for container, address in zip(containers, addresses, strict=True):
        container.serve()
        observer.reaches(address)
        assert observer.fetch(address) == container.name
    active = {port["fixed_ips"][0]["ip_address"]: port["status"] for port in ports_of(neutron, host1)}
    assert {active[address] for address in addresses} == {"ACTIVE"}


@pytest.mark.backends
@pytest.mark.engines
def test_a_chosen_address_is_kept_over_restarts(host1: Host, network: str, bench: Bench) -> None:
    observer = bench.run(host1, network)
    container = bench.run(host1, network, "--ip", "10.77.0.50")
    for command in ("restart", "stop", "start"):
        host1.docker(command, *(["-t", "0"] if command != "start" else []), container.name)
    assert address_of(container, network) == "10.77.0.50"
    observer.reaches("10.77.0.50")


@pytest.mark.engines
def test_the_address_of_a_removed_container_can_be_asked_for_at_once(host1: Host, network: str, bench: Bench) -> None:
    for _ in range(3):
        container = bench.run(host1, network, "--ip", "10.77.0.60")
        host1.docker("rm", "--force", container.name)


@pytest.mark.backends
def test_neighbours_learn_at_once_who_has_an_address_now(host1: Host, network: str, bench: Bench) -> None:
    """They remember the MAC address of whoever had it before, and OVN answers the new one's questions for them."""
    neighbour = bench.run(host1, network)
    address = address_of(neighbour, network)
    for _ in range(3):
        container = bench.run(host1, network, "--ip", "10.77.0.70")
        container.reaches(address, seconds=3)
        host1.docker("rm", "--force", container.name)


@pytest.mark.backends
@pytest.mark.engines
def test_connect_and_disconnect(host1: Host, network: str, bench: Bench) -> None:
    second = bench.network(host1, "--subnet", "10.78.0.0/24")
    container, neighbour = bench.run(host1, network), bench.run(host1, second)
    address = address_of(neighbour, second)
    assert not container.ping(address)
    host1.docker("network", "connect", second, container.name)
    container.reaches(address)
    host1.docker("network", "disconnect", second, container.name)
    assert not container.ping(address)


@pytest.mark.engines
def test_the_host_itself_is_not_changed(host1: Host, network: str, bench: Bench) -> None:
    """Its addresses and routes are the same before, while and after containers run."""
    before = addresses_and_routes(host1)
    container = bench.run(host1, network)
    assert addresses_and_routes(host1) == before
    host1.docker("stop", "-t", "0", container.name)
    assert addresses_and_routes(host1) == before
    host1.docker("rm", "--force", container.name)
    assert addresses_and_routes(host1) == before


def test_an_address_of_a_foreign_port_is_refused(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    """A virtual machine's, or one that only reserves the address, as a load balancer's VIP does."""
    tenant = lab.neutron("demo")
    vip = tenant.create("port", network_id=tenant_network.id, name="vip", device_owner="Octavia")
    # Docker takes --ip only on networks whose --subnet the user gave.
    option = f"neutron.net.uuid={tenant_network.id}"
    name = bench.network(host1, "--subnet", tenant_network.cidr, "--ipam-opt", option)
    address = vip["fixed_ips"][0]["ip_address"]
    with pytest.raises(CommandFailed, match=rf"{address} is in use: Octavia"):
        bench.run(host1, name, "--ip", address)
    assert tenant.show("port", vip["id"]) == vip
    bench.clear()
    tenant.delete("port", vip["id"])


@pytest.mark.engines
def test_a_full_subnet_says_so(host1: Host, bench: Bench) -> None:
    """Of two addresses, one is taken by Neutron's own DHCP service."""
    name = bench.network(host1, "--subnet", "10.79.0.0/29", "--ip-range", "10.79.0.4/31")
    bench.run(host1, name)
    with pytest.raises(CommandFailed, match="No more IP addresses available"):
        bench.run(host1, name)


def pid_of(container: Container) -> str:
    """A container's first process, as its host numbers it."""
    return container.host.docker("inspect", "--format", "{{.State.Pid}}", container.name)


def addresses_and_routes(host: Host) -> list[str]:
    """What `ip` says of the host's addresses and routes, links that are down and without addresses left out."""
    commands = (["ip", "-o", "addr"], ["ip", "route", "show", "table", "all"], ["ip", "-6", "route"])
    return [line.split(" metric")[0] for argv in commands for line in host.run(argv).stdout.splitlines()]
