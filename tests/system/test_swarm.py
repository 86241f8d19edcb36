"""A swarm: services whose tasks run on two hosts and talk over one Neutron network; what it costs, what is left."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from kuryr_lab.client import Neutron, Resource
from kuryr_lab.docker import answers, boot_docker
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system import plugin
from system.swarm import Swarm, address, swarm_of

pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def swarm(lab: Lab, built_plugin: Path) -> Iterator[Swarm]:
    """A swarm of both hosts."""
    with swarm_of(list(lab.hosts.values()), built_plugin) as swarm:
        yield swarm


@pytest.fixture
def nothing_left(lab: Lab, swarm: Swarm) -> Iterator[None]:
    """As `no_leaks`, within a swarm."""
    before = inventory(lab)
    yield
    assert leaked(lab, before, seconds=60) == []


def all_talk(tasks: list[Container]) -> None:
    """Each reaches each other by ping and by TCP."""
    addresses = {task.name: address(task) for task in tasks}
    assert len(set(addresses.values())) == len(tasks)
    for task in tasks:
        task.serve()
    for source, target in permutations(tasks, 2):
        source.reaches(addresses[target.name])
        assert source.fetch(addresses[target.name]) == target.name


def ports_of(neutron: Neutron, owner: str) -> list[Resource]:
    return neutron.find("port", device_owner=owner)


def kuryrs_ports(neutron: Neutron) -> list[Resource]:
    return [port for port in neutron.find("port") if port["description"].startswith("kuryr:")]


@pytest.mark.engines
def test_tasks_on_two_hosts_talk_over_one_network(swarm: Swarm, neutron: Neutron, nothing_left: None) -> None:
    before = {network["id"] for network in neutron.find("network")}
    name = swarm.network("--subnet", "10.77.0.0/24")
    service = swarm.service(name, 2, "--replicas-max-per-node", "1")
    tasks = swarm.tasks(service)
    assert [task.host.name for task in tasks] == ["host1", "host2"]
    all_talk(tasks)
    (network,) = [network for network in neutron.find("network") if network["id"] not in before]
    assert len(neutron.find("subnet", network_id=network["id"])) == 1
    ports = ports_of(neutron, "compute:kuryr:swarm")
    assert {(port["binding:host_id"], port["fixed_ips"][0]["ip_address"]) for port in ports} == {
        (task.host.name, address(task)) for task in tasks
    }
    assert ports_of(neutron, "kuryr:idle") == []
    swarm.manager.docker("service", "rm", service)
    swarm.remove_network(name)


def test_a_service_is_scaled_and_updated(swarm: Swarm, neutron: Neutron, nothing_left: None) -> None:
    """Every address that a task has left is free again, although the network stays."""
    name = swarm.network("--subnet", "10.77.0.0/24")
    service = swarm.service(name, 1)
    swarm.scale(service, 4)
    all_talk(swarm.tasks(service))
    swarm.manager.docker(
        "service", "update", "--detach=false", "--env-add", "A=b", "--update-parallelism", "4", service
    )
    swarm.settled(service, 4)
    all_talk(swarm.tasks(service))
    swarm.scale(service, 2)
    wait_until("two ports are left", lambda: len(ports_of(neutron, "compute:kuryr:swarm")) == 2, 60)
    wait_until("nothing is reserved", lambda: not ports_of(neutron, "kuryr:idle"), 60)
    swarm.manager.docker("service", "rm", service)
    swarm.remove_network(name)


def test_an_existing_network_is_used_and_left_as_it_was(
    swarm: Swarm, lab: Lab, neutron: Neutron, tenant_network: TenantNetwork, nothing_left: None
) -> None:
    """Two swarm networks stand on it at once, and a virtual machine's port."""
    before = [neutron.show("network", tenant_network.id), neutron.show("subnet", tenant_network.subnet_id)]
    option = f"neutron.net.name={tenant_network.name}"
    names = [swarm.network("--subnet", tenant_network.cidr, "--ipam-opt", option) for _ in range(2)]
    services = [swarm.service(name, 2, "--replicas-max-per-node", "1") for name in names]
    tasks = [task for service in services for task in swarm.tasks(service)]
    all_talk(tasks)
    with lab.plain_port("host2", tenant_network.id) as plain:
        for task in tasks:
            plain.reaches(address(task))
    swarm.manager.docker("service", "rm", services[0])
    swarm.remove_network(names[0])
    all_talk(swarm.tasks(services[1]))
    swarm.manager.docker("service", "rm", services[1])
    swarm.remove_network(names[1])
    wait_until("Kuryr's ports are gone", lambda: kuryrs_ports(neutron) == [], 60)
    assert [neutron.show("network", tenant_network.id), neutron.show("subnet", tenant_network.subnet_id)] == before


def test_a_plain_container_joins_a_network_that_lets_it(swarm: Swarm, nothing_left: None) -> None:
    name = swarm.network("--subnet", "10.77.0.0/24", "--attachable")
    service = swarm.service(name, 1)
    host = swarm.hosts[1]
    host.docker("run", "--detach", "--name", "joined", "--network", name, "busybox", "sleep", "9999")
    all_talk([Container(host, "joined"), *swarm.tasks(service)])
    host.docker("rm", "--force", "joined")
    swarm.manager.docker("service", "rm", service)
    swarm.remove_network(name)


def test_drivers_and_the_manager_may_die(swarm: Swarm, lab: Lab, neutron: Neutron, nothing_left: None) -> None:
    """What they had asked for before is asked for anew, and is the same: no second network, no second port."""
    name = swarm.network("--subnet", "10.77.0.0/24")
    service = swarm.service(name, 2, "--replicas-max-per-node", "2")
    networks = {network["id"] for network in neutron.find("network")}
    for host in swarm.hosts:
        plugin.restart(host)
    swarm.scale(service, 4)
    all_talk(swarm.tasks(service))
    manager = swarm.manager
    lab.daemon(manager.name, "dockerd").kill()
    boot_docker(manager, ready=lambda: answers(manager))
    swarm.settled(service, 4)
    all_talk(swarm.tasks(service))
    assert {network["id"] for network in neutron.find("network")} == networks
    assert len(ports_of(neutron, "compute:kuryr:swarm")) == 4
    swarm.manager.docker("service", "rm", service)
    swarm.remove_network(name)


def test_another_manager_takes_over(swarm: Swarm, neutron: Neutron, nothing_left: None) -> None:
    """It serves and removes what the first has made, and what the first had recorded."""
    first, second = swarm.hosts
    name = swarm.network("--subnet", "10.77.0.0/24")
    service = swarm.service(name, 2, "--replicas-max-per-node", "2")
    networks = {network["id"] for network in neutron.find("network")}
    swarm.hand_over(second)
    swarm.scale(service, 4)
    all_talk(swarm.tasks(service))
    assert {network["id"] for network in neutron.find("network")} == networks
    assert len(ports_of(neutron, "compute:kuryr:swarm")) == 4
    swarm.manager.docker("service", "rm", service)
    swarm.remove_network(name)
    swarm.hand_over(first)


def test_what_a_driver_missed_is_swept(swarm: Swarm, neutron: Neutron, nothing_left: None) -> None:
    """The manager's was away when the network was removed, the node's when its tasks were."""
    name = swarm.network("--subnet", "10.77.0.0/24")
    service = swarm.service(name, 2, "--replicas-max-per-node", "1")
    for host in swarm.hosts:
        host.docker("plugin", "disable", "--force", plugin.NAME)
    swarm.manager.docker("service", "rm", service)
    swarm.remove_network(name)
    wait_until("the tasks have ended", lambda: not swarm.tasks(service), 120)
    for host in swarm.hosts:
        host.docker("plugin", "enable", plugin.NAME)
