"""Calls about networks that come twice, fail half-way, or reach a driver that has just started."""

from collections.abc import Mapping
from typing import Any

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import CloudError, Conflict
from unit.docker.existing import option
from unit.docker.world import Docker
from unit.host.node import fail_call, site, snapshot


def create_body(docker: Docker, pool: Mapping[str, Any], **o: str) -> dict[str, Any]:
    data = {"AddressSpace": "KuryrLocal", "Pool": pool["Pool"], "Gateway": ""}
    return {
        "NetworkID": "n" * 64,
        "Options": {"com.docker.network.generic": o},
        "IPv4Data": [data],
    }


def test_creating_a_network_twice_is_once(docker: Docker, neutron: FakeNeutron) -> None:
    body = create_body(docker, docker.call("IpamDriver.RequestPool", Pool="10.5.0.0/24"))
    docker.call("NetworkDriver.CreateNetwork", **body)
    neutron.calls.clear()
    docker.call("NetworkDriver.CreateNetwork", **body)
    docker.restart_driver()
    docker.call("NetworkDriver.CreateNetwork", **body)
    assert neutron.counted("POST") == 0
    assert len(snapshot(neutron)["network"]) == 1


def test_removing_a_network_twice_is_once(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24")
    for _ in range(2):
        docker.call("IpamDriver.ReleaseAddress", PoolID=network.pool_id, Address="10.5.0.1")
        docker.call("IpamDriver.ReleasePool", PoolID=network.pool_id)
        docker.call("NetworkDriver.DeleteNetwork", NetworkID=network.id)
    assert snapshot(neutron)["network"] == {}
    assert neutron.counted("DELETE") == 2


def test_a_pool_that_was_lost_with_the_driver_is_said_so(docker: Docker, neutron: FakeNeutron) -> None:
    body = create_body(docker, docker.call("IpamDriver.RequestPool", Pool="10.5.0.0/24"))
    docker.restart_driver()
    with pytest.raises(Conflict, match=r"driver was restarted \(run the command again\)"):
        docker.call("NetworkDriver.CreateNetwork", **body)
    assert snapshot(neutron)["network"] == {}


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("adopt", [False, True])
def test_a_failure_while_creating_leaves_nothing_that_is_not_swept(
    docker: Docker, neutron: FakeNeutron, number: int, applied: bool, adopt: bool
) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    ipam_opt = option("neutron.net.name", blue) if adopt else {}
    fail_call(neutron, number, applied=applied)
    with pytest.raises(CloudError):
        docker.create_network("10.1.0.0/24", ipam_opt=ipam_opt)
    neutron.on_request = None
    docker.create_network("10.1.0.0/24", ipam_opt=ipam_opt)
    docker.networks.clear()
    assert docker.sweep_after_grace() == 0
    assert snapshot(neutron) == before


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_while_removing_is_swept(docker: Docker, neutron: FakeNeutron, number: int, applied: bool) -> None:
    network = docker.create_network("10.5.0.0/24")
    fail_call(neutron, number, applied=applied)
    docker.remove_network(network)
    neutron.on_request = None
    assert docker.node.sweeps_asked
    docker.sweep_after_grace()
    assert snapshot(neutron) == {"network": {}, "subnet": {}, "port": {}}


def test_everything_can_be_removed_after_a_restart(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = snapshot(neutron)
    made = docker.create_network("10.5.0.0/24")
    adopted = docker.create_network(ipam_opt=option("neutron.net.uuid", blue))
    docker.restart_driver()
    docker.remove_network(made)
    docker.remove_network(adopted)
    assert snapshot(neutron) == before


def test_removing_waits_for_ports_on_their_way_out(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24")
    container = docker.run(network)
    ids = {"NetworkID": network.id, "EndpointID": container.id}
    with neutron.hold() as hold:
        docker.call("NetworkDriver.DeleteEndpoint", **ids)
        docker.call("IpamDriver.ReleaseAddress", PoolID=network.pool_id, Address=container.address)
        hold.wait_for(1)
        hold.release()
        docker.remove_network(network)
    assert [call.path.split("/")[1] for call in neutron.calls if call.method == "DELETE"] == [
        "ports",
        "ports",
        "networks",
    ]
    assert snapshot(neutron)["network"] == {}


def test_equal_subnets_are_different_networks(docker: Docker, neutron: FakeNeutron) -> None:
    one, two = docker.create_network("10.5.0.0/24"), docker.create_network("10.5.0.0/24")
    assert one.pool_id != two.pool_id
    first, second = docker.run(one, ip="10.5.0.9"), docker.run(two, ip="10.5.0.9")
    docker.stop(first)
    assert docker.node.endpoints.join(second.id).interface.name == second.joined["InterfaceName"]["SrcName"]
