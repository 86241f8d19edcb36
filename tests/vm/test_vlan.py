"""Containers of a virtual machine as subports of its trunk: Neutron ports as any other, guarded one by one."""

from collections.abc import Iterator

import pytest

from kuryr_lab.client import Neutron, Resource
from kuryr_lab.docker_host import DockerHost
from kuryr_lab.errors import CommandFailed
from kuryr_lab.lab import Lab
from kuryr_lab.node import Daemon
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import Driver
from vm import nested
from vm.nested import on
from vm.ports import await_name, capture, requests_of_a_start_and_a_stop, vlan_of, vlans

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def driver(vm: VirtualMachine) -> Iterator[Daemon]:
    """Kuryr in the virtual machine."""
    with nested.running(vm, "kuryr") as driver:
        yield driver


@pytest.fixture
def web(lab: Lab, no_leaks: None) -> Iterator[Resource]:
    """A group of the tenant's that admits everybody to TCP port 80."""
    tenant = lab.neutron("demo")
    group = tenant.create("security_group", name="web")
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    tenant.create("security_group_rule", **rule, port_range_min=80, port_range_max=80)
    yield group
    tenant.delete("security_group", group["id"])


def test_a_container_reaches_and_is_reached_by_those_on_every_host(
    lab: Lab,
    vm: VirtualMachine,
    nic: TrunkPort,
    host_drivers: dict[str, Driver],
    tenant_network: TenantNetwork,
    bench: Bench,
    neutron: Neutron,
) -> None:
    """By ping and TCP, and in a VLAN of the trunk between the machine and its host."""
    hosts: tuple[DockerHost, ...] = (vm, lab.hosts["host1"], lab.hosts["host2"])
    inside, beside, beyond = (bench.run(host, bench.network(host, *on(tenant_network))) for host in hosts)
    addresses = {each.name: address_of(each, bench.network_of(each)) for each in (inside, beside, beyond)}
    vlan = vlan_of(neutron, nic, addresses[inside.name], tenant_network.id)
    with capture(vm, nic, f"vlan {vlan} and icmp and host {addresses[beyond.name]}") as watching:
        for station in (inside, beside, beyond):
            station.serve()
        for one, other in ((inside, beside), (beside, inside), (inside, beyond), (beyond, inside)):
            one.reaches(addresses[other.name], seconds=30)
            assert one.fetch(addresses[other.name], seconds=10) == other.name
        seen, _ = watching.communicate(timeout=30)
        assert f"vlan {vlan}," in seen


def test_containers_of_one_machine_are_guarded_one_by_one(
    lab: Lab, vm: VirtualMachine, tenant_network: TenantNetwork, web: Resource, bench: Bench
) -> None:
    """What differs is only their group, also for one another."""
    guarded_network = bench.network(vm, *on(tenant_network), "-o", f"neutron.security_groups={web['name']}")
    open_network = bench.network(vm, *on(tenant_network), "-o", "neutron.port_security=false")
    guarded, unguarded = bench.run(vm, guarded_network), bench.run(vm, open_network)
    addresses = [address_of(guarded, guarded_network), address_of(unguarded, open_network)]
    for container in (guarded, unguarded):
        container.serve(80)
        container.serve(8000)
    with lab.plain_port("host2", tenant_network.id, security_groups=[web["id"]]) as outsider:
        wait_until("it is reached", lambda: outsider.fetch(addresses[0], seconds=10) == guarded.name)
        assert outsider.fetch(addresses[0], 8000) is None
        assert not outsider.ping(addresses[0], count=2)
        assert [outsider.fetch(addresses[1], port, 10) for port in (80, 8000)] == [unguarded.name] * 2
    assert unguarded.fetch(addresses[0], seconds=10) == guarded.name
    assert unguarded.fetch(addresses[0], 8000) is None


def test_a_start_takes_two_requests_and_so_does_a_stop(
    vm: VirtualMachine, tenant_network: TenantNetwork, bench: Bench, neutron: Neutron, vm_requests: Cursor
) -> None:
    network = bench.network(vm, *on(tenant_network))
    container = bench.run(vm, network)
    start, stop = requests_of_a_start_and_a_stop(container, network, tenant_network.id, neutron, vm_requests)
    first, second, *behind = start
    assert (first.method, first.path.endswith("/ports")) == ("POST", True)
    assert (second.method, second.path.endswith("/add_subports")) == ("PUT", True)
    # Two seconds into the container's life: whose the port is.
    assert [call.method for call in behind] == ["PUT"]
    assert [call.method for call in stop] == ["PUT", "DELETE"]


def killed_and_started(vm: VirtualMachine, driver: Daemon) -> None:
    """The driver dies, comes back, and looks for what nobody uses."""
    driver.kill()
    vm.run(["rm", "-f", nested.SOCKET.format("kuryr")])
    nested.start(vm)


def test_a_container_outlives_the_driver_that_has_not_yet_written_whose_its_port_is(
    vm: VirtualMachine, driver: Daemon, tenant_network: TenantNetwork, bench: Bench, neutron: Neutron, lab: Lab
) -> None:
    """The claim is on the interface, and the interface in the container."""
    network = bench.network(vm, *on(tenant_network))
    container = bench.run(vm, network)
    killed_and_started(vm, driver)
    address = address_of(container, network)
    with lab.plain_port("host2", tenant_network.id) as outside:
        outside.reaches(address, seconds=30)
        await_name(neutron, address, tenant_network.id)
        assert outside.ping(address)


def test_after_the_plug_was_pulled_nothing_is_left_and_containers_start_again(
    lab: Lab,
    vm: VirtualMachine,
    nic: TrunkPort,
    tenant_network: TenantNetwork,
    bench: Bench,
    neutron: Neutron,
) -> None:
    """Ports, their places on the trunk and what stands for the Docker network; containers were in the memory."""
    network = bench.network(vm, *on(tenant_network))
    bench.run(vm, network)
    assert len(vlans(neutron, nic)) == 1
    bench.forget(vm)
    vm.qemu.kill()
    lab.add_vm()
    nested.start(vm)

    def only_neutrons_own_are_left() -> bool:
        ports = neutron.find("port", network_id=tenant_network.id)
        return all(port["device_owner"].startswith("network:") for port in ports)

    wait_until("what the dead machine had is swept", only_neutrons_own_are_left, seconds=120)
    assert vlans(neutron, nic) == {}
    network = bench.network(vm, *on(tenant_network))
    container = bench.run(vm, network)
    container.serve()
    address = address_of(container, network)
    with lab.plain_port("host2", tenant_network.id) as outside:
        outside.reaches(address, seconds=30)
        assert outside.fetch(address, seconds=10) == container.name


def test_a_network_of_another_project_wants_a_gateway_service(
    vm: VirtualMachine, bench: Bench, neutron: Neutron
) -> None:
    """A plain member may make no port there; who asks for one is told the way out."""
    strange = neutron.create("network", name="strange", shared=True)
    try:
        neutron.create("subnet", network_id=strange["id"], cidr="10.79.0.0/24", ip_version=4)
        with pytest.raises(CommandFailed, match=r"not allowed for the current user\. \(.*gateway service"):
            bench.run(vm, bench.network(vm, "--ipam-opt", f"neutron.net.uuid={strange['id']}"))
        bench.clear()
    finally:
        neutron.delete("network", strange["id"])


def test_a_container_that_is_gone_is_gone_everywhere(
    vm: VirtualMachine, tenant_network: TenantNetwork, bench: Bench
) -> None:
    """Killed without a word: its interface goes with its network namespace."""
    network = bench.network(vm, *on(tenant_network))
    container = bench.run(vm, network)
    pid = vm.docker("inspect", "--format", "{{.State.Pid}}", container.name)
    vm.run(["kill", "-9", pid])
    wait_until("it has ended", lambda: _is_over(container))
    wait_until("its interface is gone", lambda: "t_c" not in vm.run(["ip", "-d", "link"]).stdout)


def _is_over(container: Container) -> bool:
    return container.host.docker("inspect", "--format", "{{.State.Running}}", container.name) == "false"
