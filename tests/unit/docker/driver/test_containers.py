"""`docker run` and `stop`: how many requests they take, what is refused, what a crash or a failure leaves."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import CloudError, Conflict, InvalidInput, KuryrError, NotFound, PlugError
from kuryr.host.timing import Timing
from kuryr.model import Mark
from kuryr_lab.waiting import wait_until
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import Node, calls, fail_call, ports, site, snapshot


@pytest.fixture
def blue(docker: Docker, neutron: FakeNeutron) -> DockerNetwork:
    network = docker.create_network("10.5.0.0/24")
    neutron.calls.clear()
    return network


def any_network(docker: Docker, *, own_ipam: bool) -> DockerNetwork:
    if own_ipam:
        return docker.create_network_with_own_ipam("10.5.0.0/24", gateway="10.5.0.1")
    return docker.create_network("10.5.0.0/24")


def containers(neutron: FakeNeutron) -> list[dict[str, Any]]:
    return [port for port in ports(neutron) if port["device_owner"] == "compute:kuryr"]


def test_running_takes_one_request_and_one_behind(docker: Docker, neutron: FakeNeutron, blue: DockerNetwork) -> None:
    container = docker.run(blue)
    assert calls(neutron) == ["POST ports"]
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports", "PUT ports"]
    (port,) = containers(neutron)
    assert port["device_id"] == container.id


def test_stopping_takes_one_request(docker: Docker, neutron: FakeNeutron, blue: DockerNetwork) -> None:
    before = snapshot(neutron)
    container = docker.run(blue)
    docker.node.behind.pass_time()
    neutron.calls.clear()
    docker.stop(container)
    assert calls(neutron) == ["DELETE ports"]
    assert snapshot(neutron) == before


def test_running_on_an_adopted_network_takes_the_same(docker: Docker, neutron: FakeNeutron) -> None:
    existing = site(neutron)
    network = docker.create_network(ipam_opt={"neutron.net.uuid": existing.network_id})
    neutron.calls.clear()
    docker.stop(docker.run(network))
    docker.node.behind.pass_time()
    assert calls(neutron) == ["POST ports", "DELETE ports"]


def test_docker_is_told_address_mac_interface_gateway(
    docker: Docker, neutron: FakeNeutron, blue: DockerNetwork
) -> None:
    container = docker.run(blue)
    (port,) = containers(neutron)
    assert container.address == port["fixed_ips"][0]["ip_address"] + "/24"
    assert container.mac == port["mac_address"]
    assert container.joined == {
        "InterfaceName": {"SrcName": f"tap{port['id'][:11]}", "DstPrefix": "eth"},
        "StaticRoutes": [],
        "DisableGatewayService": True,
        "Gateway": "10.5.0.1",
    }


def test_docker_moves_no_interface_for_a_port_that_is_none(docker: Docker, blue: DockerNetwork) -> None:
    docker.node.kernel.has_interfaces = False
    container = docker.run(blue)
    assert "InterfaceName" not in container.joined
    docker.stop(container)


def test_a_wanted_address_is_had(docker: Docker, neutron: FakeNeutron, blue: DockerNetwork) -> None:
    assert docker.run(blue, ip="10.5.0.77").address == "10.5.0.77/24"
    assert calls(neutron) == ["POST ports"]


def test_a_wanted_mac_address_is_had(docker: Docker, neutron: FakeNeutron, blue: DockerNetwork) -> None:
    container = docker.run(blue, mac="02:42:0a:05:00:4d")
    (port,) = containers(neutron)
    assert port["mac_address"] == container.mac == "02:42:0a:05:00:4d"


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("10.6.0.1", "outside of 10.5.0.0/24"),
        ("10.5.0.0", "network or broadcast address"),
        ("10.5.0.255", "network or broadcast address"),
        ("fd00::1", "outside of"),
        ("nonsense", "not an address"),
    ],
)
def test_an_impossible_address_is_refused_before_neutron_is_asked(
    docker: Docker, neutron: FakeNeutron, blue: DockerNetwork, ip: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        docker.run(blue, ip=ip)
    assert neutron.calls == []


def test_an_address_in_use_is_refused_and_its_user_is_not_harmed(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork
) -> None:
    first = docker.run(blue, ip="10.5.0.77")
    with pytest.raises(Conflict, match=r"10\.5\.0\.77"):
        docker.run(blue, ip="10.5.0.77")
    assert kernel.owners() == {first.id}
    assert len(containers(neutron)) == 1


@pytest.mark.parametrize("options", [{"neutron.unknown": "db"}, {"kuryr.sg": "web"}])
def test_options_that_do_nothing_are_refused(
    docker: Docker, neutron: FakeNeutron, blue: DockerNetwork, options: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match=f"no option {next(iter(options))}"):
        docker.run(blue, options=options)
    assert docker.node.behind.drain(10)
    assert containers(neutron) == []


def test_published_ports_are_refused_and_exposed_ones_are_not(
    docker: Docker, neutron: FakeNeutron, blue: DockerNetwork
) -> None:
    exposed = {"com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}], "com.docker.network.portmap": []}
    docker.stop(docker.run(blue, options=exposed))
    with pytest.raises(InvalidInput, match="-p is not served"):
        docker.run(blue, options={"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]})
    assert docker.node.behind.drain(10)
    assert containers(neutron) == []


def test_an_endpoint_without_an_address_is_refused(docker: Docker, blue: DockerNetwork) -> None:
    for interface in (None, {}, {"Address": ""}):
        with pytest.raises(InvalidInput, match="the endpoint has no address"):
            docker.call(
                "NetworkDriver.CreateEndpoint",
                NetworkID=blue.id,
                EndpointID="e" * 64,
                Interface=interface,
                Options=None,
            )


def test_a_container_of_an_unknown_network_is_refused(docker: Docker, blue: DockerNetwork) -> None:
    blue.id = "f" * 64
    with pytest.raises(NotFound, match="no Kuryr network ffffffffffff"):
        docker.run(blue)


def test_a_container_of_an_unknown_pool_is_refused(docker: Docker, blue: DockerNetwork) -> None:
    blue.pools[0].id = blue.pool_id.replace(blue.pool_id.split(",")[3], "0badc0de")
    with pytest.raises(NotFound, match="no Kuryr network 0badc0de"):
        docker.run(blue)
    blue.pools[0].id = "LocalDefault/10.5.0.0/24"
    with pytest.raises(InvalidInput, match="not one of Kuryr's"):
        docker.run(blue)


def test_creating_and_deleting_an_endpoint_twice_is_once(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork
) -> None:
    container = docker.run(blue)
    ids = {"NetworkID": blue.id, "EndpointID": container.id}
    for _ in range(2):
        reply = docker.call("NetworkDriver.CreateEndpoint", **ids, Interface={"Address": container.address})
        assert reply == {"Interface": {"MacAddress": container.mac}}
        assert docker.call("NetworkDriver.Join", **ids) == container.joined
    assert calls(neutron) == ["POST ports"]
    for _ in range(2):
        docker.stop(container)
    assert calls(neutron) == ["POST ports", "DELETE ports"]
    assert kernel.links == {}


@pytest.mark.parametrize("own_ipam", [False, True])
@pytest.mark.parametrize("step", ["stage", "plug", "await_ready"])
def test_a_host_that_fails_leaves_nothing(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, step: str, own_ipam: bool
) -> None:
    network = any_network(docker, own_ipam=own_ipam)
    before = snapshot(neutron)
    with kernel.failing(step), pytest.raises(PlugError):
        docker.run(network, ip="10.5.0.7", own_ipam=own_ipam)
    assert docker.node.behind.drain(10)
    assert (snapshot(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("own_ipam", [False, True])
def test_a_cloud_that_fails_leaves_nothing_that_is_not_swept(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, applied: bool, own_ipam: bool
) -> None:
    network = any_network(docker, own_ipam=own_ipam)
    before = snapshot(neutron)
    fail_call(neutron, 1, applied=applied)
    with pytest.raises(CloudError):
        docker.run(network, ip="10.5.0.7", own_ipam=own_ipam)
    neutron.on_request = None
    docker.sweep_after_grace()
    assert (snapshot(neutron), kernel.links) == (before, {})


@pytest.mark.parametrize("applied", [False, True])
def test_a_stop_that_neutron_fails_is_swept(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork, applied: bool
) -> None:
    before = snapshot(neutron)
    container = docker.run(blue)
    fail_call(neutron, 1, applied=applied)
    docker.stop(container)
    neutron.on_request = None
    assert docker.node.sweeps_asked
    docker.sweep_after_grace()
    assert (snapshot(neutron), kernel.links) == (before, {})


def test_everything_works_on_after_a_restart(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork
) -> None:
    old = docker.run(blue, ip="10.5.0.77")
    docker.restart_driver()
    new = docker.run(blue)
    assert kernel.owners() == {old.id, new.id}
    assert docker.call("NetworkDriver.Join", NetworkID=blue.id, EndpointID=old.id) == old.joined
    docker.restart_driver()
    docker.stop(old)
    docker.stop(new)
    docker.remove_network(blue)
    assert (snapshot(neutron), kernel.links) == ({"network": {}, "subnet": {}, "port": {}}, {})


def test_the_same_address_is_had_again_after_a_crash(docker: Docker, neutron: FakeNeutron, blue: DockerNetwork) -> None:
    """The driver died between RequestAddress and CreateEndpoint; Docker, not answered, never releases the address."""
    docker.call("IpamDriver.RequestAddress", PoolID=blue.pool_id, Address="10.5.0.77", Options=None)
    docker.restart_driver()
    container = docker.run(blue, ip="10.5.0.77")
    assert len(containers(neutron)) == 1
    docker.sweep_after_grace()
    assert len(containers(neutron)) == 1
    docker.stop(container)
    assert containers(neutron) == []


def test_own_ipam_reuses_what_a_crash_has_left(docker: Docker, neutron: FakeNeutron) -> None:
    """Docker's IPAM gives out an address as soon as it thinks that it is free."""
    network = docker.create_network_with_own_ipam("10.5.0.0/24", gateway="10.5.0.1")
    first = docker.run(network, ip="10.5.0.7", own_ipam=True)
    docker.restart_driver()
    with neutron.down():
        docker.stop(first)
    second = docker.run(network, ip="10.5.0.7", own_ipam=True)
    assert len(containers(neutron)) == 1
    docker.stop(second)
    assert containers(neutron) == []


def test_own_ipam_with_another_mac_replaces_what_a_crash_has_left(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network_with_own_ipam("10.5.0.0/24", gateway="10.5.0.1")
    first = docker.run(network, ip="10.5.0.7", mac="02:42:00:00:00:01", own_ipam=True)
    docker.restart_driver()
    with neutron.down():
        docker.stop(first)
    docker.run(network, ip="10.5.0.7", mac="02:42:00:00:00:02", own_ipam=True)
    (port,) = containers(neutron)
    assert port["mac_address"] == "02:42:00:00:00:02"


def test_a_stop_right_after_a_restart_does_not_wait_for_neutron_with_the_endpoint(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork
) -> None:
    container = docker.run(blue)
    docker.restart_driver()
    with neutron.hold():
        docker.call("NetworkDriver.DeleteEndpoint", NetworkID=blue.id, EndpointID=container.id)
        assert kernel.links == {}


def test_a_stop_right_after_a_restart_gives_the_port_back_without_a_sweep(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork
) -> None:
    before = snapshot(neutron)
    container = docker.run(blue)
    docker.restart_driver()
    docker.stop(container)
    assert (snapshot(neutron), kernel.links, docker.node.sweeps_asked) == (before, {}, 0)


def test_a_restart_right_after_the_drivers_own_gets_the_same_address(
    docker: Docker, neutron: FakeNeutron, blue: DockerNetwork
) -> None:
    """The port is known already, but not yet the network that the released address belongs to."""
    container = docker.run(blue, ip="10.5.0.77")
    docker.restart_driver()
    docker.node.endpoints.load()
    vars(docker.node.endpoints)["_timing"] = Timing(settle=10)
    docker.call("NetworkDriver.DeleteEndpoint", NetworkID=blue.id, EndpointID=container.id)
    neutron.calls.clear()
    asked_again = threading.Event()

    def hold_up() -> None:
        assert asked_again.wait(10)

    for _ in range(2):  # as many as there are threads behind
        docker.node.behind.soon(hold_up)
    docker.call("IpamDriver.ReleaseAddress", PoolID=blue.pool_id, Address="10.5.0.77")
    with ThreadPoolExecutor(1) as thread:
        request = {"PoolID": blue.pool_id, "Address": "10.5.0.77", "Options": None}
        again = thread.submit(docker.call, "IpamDriver.RequestAddress", **request)
        # It has found the network by now, and so is about to ask for the port, or waits.
        wait_until("the network is found", lambda: neutron.counted("GET") > 0)
        done, _ = wait([again], timeout=0.05)
        asked_again.set()
        assert again.result()["Address"] == "10.5.0.77/24"
    assert not done
    assert len(containers(neutron)) == 1


def test_addresses_and_gateways_may_be_released_in_any_state(
    docker: Docker, neutron: FakeNeutron, blue: DockerNetwork
) -> None:
    for address in ("10.5.0.1", "10.5.0.200"):
        docker.call("IpamDriver.ReleaseAddress", PoolID=blue.pool_id, Address=address)
    docker.remove_network(blue)
    docker.call("IpamDriver.ReleaseAddress", PoolID=blue.pool_id, Address="10.5.0.9")
    docker.call("IpamDriver.ReleasePool", PoolID=blue.pool_id)


def test_neutron_being_down_never_stops_a_stop(
    docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, blue: DockerNetwork
) -> None:
    container = docker.run(blue)
    ids = {"NetworkID": blue.id, "EndpointID": container.id}
    with neutron.down():
        docker.call("NetworkDriver.DeleteEndpoint", **ids)
        docker.call("IpamDriver.ReleaseAddress", PoolID=blue.pool_id, Address=container.address.partition("/")[0])
        assert docker.node.behind.drain(10)
    docker.endpoints.clear()
    docker.sweep_after_grace()
    assert (containers(neutron), kernel.links) == ([], {})


def test_hosts_share_a_network_and_leave_each_others_containers_alone(docker: Docker, neutron: FakeNeutron) -> None:
    existing = site(neutron)
    before = snapshot(neutron)
    other = Docker(Node(neutron, FakeKernel(), mark=Mark("test", "h2")))
    named = {"neutron.net.uuid": existing.network_id}
    one, two = docker.create_network(ipam_opt=named), other.create_network(ipam_opt=named)
    first, second = docker.run(one), other.run(two)
    for docker_ in (docker, other):
        docker_.sweep_after_grace()
    assert other.node.endpoints.join(second.id)
    docker.stop(first)
    docker.remove_network(one)
    docker.sweep_after_grace()
    assert second.id in other.node.kernel.owners()
    other.stop(second)
    other.remove_network(two)
    assert snapshot(neutron) == before
    other.node.close()


def test_errors_are_short(docker: Docker, neutron: FakeNeutron, blue: DockerNetwork) -> None:
    neutron.fail_next(status=502, body="<html>\n" + "long\n" * 1000)
    with pytest.raises(KuryrError) as failure:
        docker.run(blue)
    assert len(str(failure.value).splitlines()) == 1
    assert len(str(failure.value)) < 600
