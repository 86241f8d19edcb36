"""Addresses of an existing subnet that are kept for others: another network driver's containers, auxiliary ones."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import CloudError, Conflict, NotFound
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import GRACE, Site, site, snapshot


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


@pytest.fixture
def foreign(docker: Docker, neutron: FakeNeutron, blue: Site) -> DockerNetwork:
    """A macvlan network, say."""
    network = docker.create_foreign_network(ipam_opt={"neutron.subnet.uuid": blue.subnet_id})
    neutron.calls.clear()
    return network


def kept(neutron: FakeNeutron) -> list[dict[str, Any]]:
    return [port for port in snapshot(neutron)["port"].values() if port["device_owner"] == "kuryr:address"]


def calls(neutron: FakeNeutron) -> list[str]:
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


@pytest.mark.parametrize("ip", ["", "10.1.0.9"])
def test_another_drivers_container_has_an_address_of_neutrons(
    docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork, ip: str
) -> None:
    before = snapshot(neutron)
    address = docker.take_address(foreign, ip)
    assert calls(neutron) == ["POST ports"]
    (port,) = kept(neutron)
    assert f"{port['fixed_ips'][0]['ip_address']}/24" == address
    assert not ip or address == f"{ip}/24"
    assert (port["binding:host_id"], port["description"]) == ("", "kuryr:test@h1")
    neutron.calls.clear()
    docker.return_address(foreign, address)
    assert calls(neutron) == ["GET ports", "DELETE ports"]
    assert snapshot(neutron) == before


def test_it_is_so_also_when_the_pool_has_waited_in_vain_for_its_network(
    docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork
) -> None:
    docker.node.clock.now += 3600
    docker.take_address(foreign)
    docker.restart_driver()
    docker.take_address(foreign, "10.1.0.9")
    assert len(kept(neutron)) == 2


def test_an_address_in_use_is_refused(docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork) -> None:
    docker.take_address(foreign, "10.1.0.9")
    with pytest.raises(Conflict, match=r"10\.1\.0\.9"):
        docker.take_address(foreign, "10.1.0.9")
    assert len(kept(neutron)) == 1


def test_another_driver_needs_an_existing_subnet(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_foreign_network("10.5.0.0/24")
    with pytest.raises(NotFound, match="another network driver needs an existing subnet"):
        docker.take_address(network)
    assert not any(snapshot(neutron).values())


def test_what_docker_forgot_is_given_back_after_the_grace_period(
    docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork
) -> None:
    living, forgotten = docker.take_address(foreign), docker.take_address(foreign)
    docker.addresses = {address for address in docker.addresses if f"{address}/24" != forgotten}
    docker.restart_driver()
    assert docker.sweep() == 1
    docker.node.clock.now += GRACE
    assert docker.sweep() == 0
    assert [f"{port['fixed_ips'][0]['ip_address']}/24" for port in kept(neutron)] == [living]


def test_a_failure_to_give_back_asks_for_a_sweep(docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork) -> None:
    address = docker.take_address(foreign)
    neutron.fail_next(method="DELETE")
    before = docker.node.sweeps_asked
    docker.return_address(foreign, address)
    assert docker.node.sweeps_asked > before
    assert len(kept(neutron)) == 1


def test_who_wants_an_address_again_waits_until_it_is_given_back(
    docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork
) -> None:
    docker.take_address(foreign, "10.1.0.9")
    with neutron.hold() as hold, ThreadPoolExecutor() as threads:
        docker.call("IpamDriver.ReleaseAddress", PoolID=foreign.pool_id, Address="10.1.0.9")
        hold.wait_for(1)
        again = threads.submit(docker.take_address, foreign, "10.1.0.9")
        hold.release()
        assert again.result(5) == "10.1.0.9/24"
    assert docker.node.behind.drain(10)
    assert len(kept(neutron)) == 1


def test_a_strangers_port_at_the_address_is_never_given_back(
    docker: Docker, neutron: FakeNeutron, foreign: DockerNetwork, blue: Site
) -> None:
    body = {"network_id": blue.network_id, "fixed_ips": [{"subnet_id": blue.subnet_id, "ip_address": "10.1.0.9"}]}
    neutron.cloud.create("port", [body], neutron.project_id)
    before = snapshot(neutron)
    docker.return_address(foreign, "10.1.0.9/24")
    assert snapshot(neutron) == before


# -- auxiliary addresses


def test_an_auxiliary_address_of_an_existing_subnet_is_kept_as_long_as_the_network(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    before = snapshot(neutron)
    named = {"neutron.subnet.uuid": blue.subnet_id}
    network = docker.create_network(ipam_opt=named, aux={"printer": "10.1.0.9"})
    (port,) = kept(neutron)
    assert port["fixed_ips"][0]["ip_address"] == "10.1.0.9"
    with pytest.raises(Conflict, match=r"10\.1\.0\.9"):
        docker.run(network, ip="10.1.0.9")
    docker.sweep_after_grace()
    assert len(kept(neutron)) == 1
    docker.remove_network(network)
    assert docker.node.behind.drain(10)
    assert snapshot(neutron) == before


def test_an_auxiliary_address_in_use_is_refused_and_changes_nothing(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    body = {"network_id": blue.network_id, "fixed_ips": [{"subnet_id": blue.subnet_id, "ip_address": "10.1.0.9"}]}
    neutron.cloud.create("port", [body], neutron.project_id)
    before = snapshot(neutron)
    with pytest.raises(Conflict, match=r"10\.1\.0\.9"):
        docker.create_network(ipam_opt={"neutron.subnet.uuid": blue.subnet_id}, aux={"printer": "10.1.0.9"})
    assert docker.node.behind.drain(10)
    assert snapshot(neutron) == before


def test_a_network_that_cannot_be_made_keeps_nothing(docker: Docker, neutron: FakeNeutron, blue: Site) -> None:
    before = snapshot(neutron)
    neutron.fail_next(method="POST", path="/ports", times=1)
    with pytest.raises(CloudError):
        docker.create_network(ipam_opt={"neutron.subnet.uuid": blue.subnet_id}, aux={"printer": "10.1.0.9"})
    neutron.calls.clear()
    docker.create_network(ipam_opt={"neutron.subnet.uuid": blue.subnet_id}, aux={"printer": "10.1.0.9"})
    assert len(kept(neutron)) == 1
    assert blue.network_id in before["network"]


def test_stopping_a_container_costs_no_more_on_an_existing_network(
    docker: Docker, neutron: FakeNeutron, blue: Site
) -> None:
    network = docker.create_network(ipam_opt={"neutron.subnet.uuid": blue.subnet_id})
    container = docker.run(network)
    neutron.calls.clear()
    docker.stop(container)
    assert calls(neutron) == ["DELETE ports"]
    neutron.calls.clear()
    docker.remove_network(network)
    assert docker.node.behind.drain(10)
    assert calls(neutron) == ["DELETE ports"]
