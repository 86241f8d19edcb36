"""Existing ports and sticky ones on a real cloud: lent with traffic, refused when in use, given back as they were."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kuryr_lab.client import Neutron, Resource
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, methods
from system.driver import NONE_AHEAD
from system.test_addressing import endpoint
from system.test_other_project import driver_as

VOLATILE = {"revision_number", "updated_at", "status"}


class TenantPorts:
    """Ports that a plain member of the project makes ahead of time."""

    def __init__(self, lab: Lab, network: TenantNetwork) -> None:
        self._demo, self._admin, self._network = lab.neutron("demo"), lab.neutron("admin"), network
        self._made: list[str] = []

    def make(self, name: str = "", *tags: str, **fields: object) -> Resource:
        """A port with a name and tags."""
        port = self._demo.create("port", network_id=self._network.id, name=name, **fields)
        self._made.append(port["id"])
        for tag in tags:
            self._demo.adapter.put(f"/ports/{port['id']}/tags/{tag}")
        return self.shown(port["id"])

    def shown(self, port_id: str) -> Resource:
        """All that an administrator sees of it, but for what changes by itself."""
        return {key: value for key, value in self._admin.show("port", port_id).items() if key not in VOLATILE}

    def await_return(self, *before: Resource) -> None:
        """Wait until the ports are what they were."""
        for port in before:
            wait_until(f"port {port['name']} is as it was", lambda port=port: self.shown(port["id"]) == port)  # type: ignore[misc]

    def clear(self) -> None:
        for port_id in self._made:
            self._demo.delete("port", port_id)


@pytest.fixture
def ports(lab: Lab, tenant_network: TenantNetwork) -> Iterator[TenantPorts]:
    ports = TenantPorts(lab, tenant_network)
    yield ports
    ports.clear()


def bare(bench: Bench, host: Host, network: TenantNetwork, driver: str = "kuryr") -> str:
    """A Docker network without IPAM on an existing one."""
    own = ("--ipam-driver", "null", "-o", f"neutron.net.uuid={network.id}")
    return bench.network(host, *own, ipam=False, driver=driver)


def chosen(network: str, option: str) -> str:
    """What `--network` says to choose a port."""
    return f"name={network},driver-opt={option}"


def address(port: Resource) -> str:
    return str(port["fixed_ips"][0]["ip_address"])


@pytest.mark.backends
@pytest.mark.engines
def test_an_option_chooses_an_existing_port(
    lab: Lab,
    host1: Host,
    host2: Host,
    tenant_network: TenantNetwork,
    ports: TenantPorts,
    bench: Bench,
    host1_requests: Cursor,
) -> None:
    web = ports.make("web-1", "role=web", description="the tenant's own")
    peer = bench.run(host2, bare(bench, host2, tenant_network))
    network = bare(bench, host1, tenant_network)
    host1_requests.read_until_quiet(quiet=1)
    container = bench.run(host1, chosen(network, "neutron.port.name=web-1"))
    assert methods(lab, host1_requests.read_until_quiet()) == ["GET", "PUT", "PUT"]
    shown = endpoint(container, network)
    assert (shown["IPAddress"], shown["MacAddress"]) == (address(web), web["mac_address"])
    container.serve()
    peer.reaches(address(web))
    assert peer.fetch(address(web)) == container.name
    lent = ports.shown(web["id"])
    assert (lent["binding:host_id"], lent["device_id"]) == ("host1", shown["EndpointID"])
    host1.docker("rm", "--force", container.name)
    ports.await_return(web)
    back = [call.method for call in host1_requests.read_until_quiet(quiet=1)]
    # A look and a try more if the port's status has changed in between.
    assert back[:3] == ["DELETE", "GET", "PUT"]
    assert len(back) in {3, 5}
    bench.run(host2, chosen(bench.network_of(peer), f"neutron.port.uuid={web['id']}"))


@pytest.mark.exhaustive
def test_choosing_a_port_costs_one_request_more_in_all(
    host1: Host, tenant_network: TenantNetwork, ports: TenantPorts, bench: Bench, host1_requests: Cursor
) -> None:
    web = ports.make("web-1", "role=web")
    plain, bare_one = bench.network(host1, "--subnet", "10.77.0.0/24", *NONE_AHEAD), bare(bench, host1, tenant_network)

    def in_all(*run: str) -> list[str]:
        container = bench.run(host1, *run)
        found = [call.method for call in host1_requests.read_until_quiet()]
        host1.docker("rm", "--force", container.name)
        ports.await_return(web)
        host1_requests.read_until_quiet(quiet=2)
        return found

    host1_requests.read_until_quiet(quiet=2)
    by = [f"neutron.port.uuid={web['id']}", "neutron.port.name=web-1", "neutron.port.tag=role=web"]
    assert in_all(plain) == ["POST", "PUT"]
    for option in by:
        assert in_all(chosen(bare_one, option)) == ["GET", "PUT", "PUT"]
    exposing = in_all(chosen(bare_one, "neutron.port.name=web-1"), "--expose", "80")
    assert exposing == ["GET", "PUT", "PUT"], "its groups never change"


def test_docker_connect_chooses_an_existing_port(
    host1: Host, tenant_network: TenantNetwork, ports: TenantPorts, bench: Bench, network: str
) -> None:
    web = ports.make("web-1", "role=web")
    container = bench.run(host1, network)
    name = bare(bench, host1, tenant_network)
    host1.docker("network", "connect", "--driver-opt", "neutron.port.tag=role=web", name, container.name)
    assert endpoint(container, name)["IPAddress"] == address(web)
    host1.docker("network", "disconnect", name, container.name)
    ports.await_return(web)


def test_an_address_chooses_an_existing_port(
    host1: Host, tenant_network: TenantNetwork, ports: TenantPorts, bench: Bench
) -> None:
    web = ports.make("web-1")
    network = bench.network(
        host1, "--subnet", tenant_network.cidr, "--ipam-opt", f"neutron.net.uuid={tenant_network.id}"
    )
    peer = bench.run(host1, network)
    container = bench.run(host1, network, "--ip", address(web))
    assert endpoint(container, network)["MacAddress"] == web["mac_address"]
    peer.reaches(address(web))
    host1.docker("restart", "--time", "0", container.name)
    assert endpoint(container, network)["MacAddress"] == web["mac_address"]
    peer.reaches(address(web))
    host1.docker("rm", "--force", container.name)
    ports.await_return(web)


def test_a_machines_port_is_refused_and_unharmed(
    host1: Host, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    network = bench.network(
        host1, "--subnet", tenant_network.cidr, "--ipam-opt", f"neutron.net.uuid={tenant_network.id}"
    )
    null = bare(bench, host1, tenant_network)
    peer = bench.run(host1, network)
    with lab.plain_port("host2", tenant_network.id, name="vm-1", device_id="vm-1") as machine:
        peer.reaches(machine.address)
        attempts = [(network, "--ip", machine.address), (chosen(null, "neutron.port.name=vm-1"),)]
        before = lab.neutron("admin").show("port", machine.port["id"])
        for attempt in attempts:
            with pytest.raises(CommandFailed, match=r"vm-1 .* is in use"):
                bench.run(host1, *attempt)
        assert lab.neutron("admin").show("port", machine.port["id"]) == before
        assert peer.ping(machine.address)


@pytest.mark.exhaustive
def test_each_container_of_two_hosts_gets_a_port_of_the_set_of_its_own(
    host1: Host, host2: Host, tenant_network: TenantNetwork, ports: TenantPorts, bench: Bench
) -> None:
    made = [ports.make(f"web-{number}", "role=web") for number in range(6)]
    networks = {host.name: bare(bench, host, tenant_network) for host in (host1, host2)}

    def start(number: int) -> tuple[Container, str]:
        host = (host1, host2)[number % 2]
        container = bench.run(host, chosen(networks[host.name], "neutron.port.tag=role=web"))
        return container, endpoint(container, networks[host.name])["IPAddress"]

    with ThreadPoolExecutor(4) as pool:
        running = list(pool.map(start, range(6)))
    assert {found for _, found in running} == {address(port) for port in made}
    with pytest.raises(CommandFailed, match="none of the 6 ports tagged 'role=web'"):
        bench.run(host1, chosen(networks["host1"], "neutron.port.tag=role=web"))
    for _, there in running[1:]:
        running[0][0].reaches(there)
    for container, _ in running:
        container.host.docker("rm", "--force", container.name)
    ports.await_return(*made)


@pytest.mark.exhaustive
def test_of_many_that_want_one_port_exactly_one_gets_it(
    host1: Host, host2: Host, tenant_network: TenantNetwork, ports: TenantPorts, bench: Bench
) -> None:
    web = ports.make("web-1")
    networks = {host.name: bare(bench, host, tenant_network) for host in (host1, host2)}

    def start(number: int) -> bool:
        host = (host1, host2)[number % 2]
        try:
            bench.run(host, chosen(networks[host.name], "neutron.port.name=web-1"))
        except CommandFailed:
            return False
        return True

    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(start, range(4))) == 1
        bench.clear_containers()
        ports.await_return(web)


# -- sticky


def await_idle(neutron: Neutron, port: Resource) -> None:
    """Wait until a sticky port is free again."""
    wait_until("the port is idle", lambda: neutron.show("port", port["id"])["device_owner"] == "kuryr:idle")


@pytest.mark.backends
@pytest.mark.engines
def test_a_sticky_key_keeps_port_mac_and_address(
    host1: Host, host2: Host, tenant_network: TenantNetwork, neutron: Neutron, bench: Bench
) -> None:
    peer = bench.run(host2, bare(bench, host2, tenant_network))
    network = bare(bench, host1, tenant_network)
    key = chosen(network, "kuryr.sticky.key=web")
    container = bench.run(host1, key)
    first = endpoint(container, network)
    (port,) = neutron.find("port", mac_address=first["MacAddress"])

    def same(container: Container) -> None:
        shown = endpoint(container, bench.network_of(container))
        assert [shown[each] for each in ("IPAddress", "MacAddress")] == [
            first[each] for each in ("IPAddress", "MacAddress")
        ]
        assert [each["id"] for each in neutron.find("port", mac_address=first["MacAddress"])] == [port["id"]]

    host1.docker("restart", "--time", "0", container.name)
    same(container)
    peer.reaches(first["IPAddress"])
    host1.docker("rm", "--force", container.name)
    for _ in range(2):
        bench.run(host1, network)
    same(bench.run(host1, key))
    bench.clear_containers(host1)
    await_idle(neutron, port)
    elsewhere = bench.run(host2, chosen(bench.network_of(peer), "kuryr.sticky.key=web"))
    same(elsewhere)
    peer.reaches(first["IPAddress"])
    bench.clear_containers()
    await_idle(neutron, port)


@pytest.mark.exhaustive
def test_by_address_a_container_keeps_its_port(host1: Host, neutron: Neutron, bench: Bench) -> None:
    network = bench.network(host1, "--subnet", "10.77.0.0/24", "-o", "kuryr.sticky=ip")
    peer = bench.run(host1, network)
    container = bench.run(host1, network, "--ip", "10.77.0.9")
    first = endpoint(container, network)
    ids = [port["id"] for port in neutron.find("port", mac_address=first["MacAddress"])]
    host1.docker("rm", "--force", container.name)
    again = bench.run(host1, network, "--ip", "10.77.0.9")
    assert endpoint(again, network)["MacAddress"] == first["MacAddress"]
    assert [port["id"] for port in neutron.find("port", mac_address=first["MacAddress"])] == ids
    again.serve()
    peer.reaches("10.77.0.9")
    assert peer.fetch("10.77.0.9") == again.name


@pytest.mark.backends
@pytest.mark.exhaustive
def test_a_port_that_no_agent_here_wires_is_refused_and_given_back(
    lab: Lab, host1: Host, tenant_network: TenantNetwork, ports: TenantPorts, bench: Bench
) -> None:
    """The agents live, but none of them wires such a port. An administrator is told which there are."""
    function = ports.make("function", **{"binding:vnic_type": "direct"})
    with driver_as(host1, lab, "operator") as driver:
        network = bare(bench, host1, tenant_network, driver.name)
        words = rf"could not bind port {function['id']} to host1 \(host1 has: .*agent, alive"
        with pytest.raises(CommandFailed, match=words):
            bench.run(host1, chosen(network, "neutron.port.name=function"))
        ports.await_return(function)
        bench.clear()
