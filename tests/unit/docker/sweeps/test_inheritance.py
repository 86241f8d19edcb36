"""What kuryr-libnetwork made is served on, by few requests, and removed or given back as it was before."""

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron, Request
from kuryr.docker.protocol.messages import PORT_MAP
from kuryr.errors import CloudUnavailable, NotFound
from unit.docker.libnetwork import Libnetwork
from unit.docker.world import Docker, new_id
from unit.host.node import MARK, Site, ports, site, snapshot

pytestmark = pytest.mark.credentials

OTHER_PROJECT = "77770000000000000000000000000000"


@pytest.fixture
def libnetwork(neutron: FakeNeutron, docker: Docker) -> Libnetwork:
    return Libnetwork(neutron, docker)


def asked(neutron: FakeNeutron, action: Callable[[], object]) -> list[str]:
    """The requests that something causes: method and first part of the path."""
    neutron.calls.clear()
    action()
    return [f"{call.method} {call.path.split('/')[1]}" for call in neutron.calls]


def by_tag(calls: list[Request]) -> list[Request]:
    return [call for call in calls if "tags-any" in call.params]


def cleared(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without what every change leaves behind."""
    found = copy.deepcopy(resources)
    for kind in found.values():
        for each in kind.values():
            del each["revision_number"]
    return found


def test_nothing_is_looked_for_while_all_networks_are_kuryrs_own(docker: Docker, neutron: FakeNeutron) -> None:
    network = docker.create_network("10.5.0.0/24")
    docker.run(network)
    docker.sweep()
    docker.remove_network(network)
    docker.sweep()
    assert by_tag(neutron.calls) == []


def test_a_network_of_another_driver_is_looked_for_once(docker: Docker, neutron: FakeNeutron) -> None:
    docker.networks.add(new_id())
    docker.sweep()
    docker.sweep()
    assert len(by_tag(neutron.calls)) == 1


def test_a_container_starts_before_the_first_sweep(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    network = libnetwork.create_network()
    first = asked(neutron, lambda: docker.run(network))
    second = asked(neutron, lambda: docker.run(network))
    # Anchors and subnet by its tag, network, subnets, port; anchors and network by its tag, subnets, anchor.
    assert first == [
        *("GET ports", "GET subnets", "GET networks", "GET subnets", "POST ports"),
        *("GET ports", "GET networks", "GET subnets", "POST ports"),
    ]
    assert second == ["POST ports"]
    assert docker.node.sweeps_asked


def test_docker_gets_the_network_back_after_a_restart(docker: Docker, libnetwork: Libnetwork) -> None:
    network = libnetwork.create_network()
    docker.sweep()
    docker.restart_driver()
    assert docker.run(network).address.startswith("10.81.0.")


def test_the_first_sweep_takes_networks_and_containers_over(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    network = libnetwork.create_network()
    container = libnetwork.run(network)
    calls = asked(neutron, docker.sweep)
    assert calls[:2] == ["GET networks", "GET subnets"]
    assert libnetwork.port_of(container)["description"] == str(MARK)
    assert kernel.owners() == {container.id}
    assert docker.sweep_after_grace() == 0
    assert libnetwork.port_of(container)["device_id"] == container.id


@pytest.mark.parametrize("restarted", [False, True])
def test_an_old_container_stops_and_its_port_goes(
    docker: Docker, libnetwork: Libnetwork, kernel: FakeKernel, restarted: bool
) -> None:
    container = libnetwork.run(libnetwork.create_network())
    docker.sweep()
    if restarted:
        docker.restart_driver()
        docker.node.networks.anchors.owners()
        docker.node.endpoints.load()
    docker.stop(container)
    assert ports(libnetwork.neutron) == [anchor_of(libnetwork)]
    assert kernel.links == {}


def test_a_container_that_stops_before_the_first_sweep_goes_after_the_grace_period(
    docker: Docker, libnetwork: Libnetwork, kernel: FakeKernel
) -> None:
    container = libnetwork.run(libnetwork.create_network())
    docker.stop(container)
    assert docker.node.sweeps_asked
    assert docker.sweep_after_grace() == 0
    assert ports(libnetwork.neutron) == [anchor_of(libnetwork)]
    assert kernel.links == {}


def test_an_existing_port_is_lent_on_and_given_back(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    place = site(neutron)
    port = waiting_port(neutron, place, name="web", description="web's")
    before = cleared(snapshot(neutron))
    network = libnetwork.adopt(place)
    container = libnetwork.run(network, existing=port["id"])
    assert docker.sweep_after_grace() == 0
    taken = neutron.cloud.get("port", port["id"])
    assert (taken["device_id"], taken["description"], taken["tags"]) == (container.id, "web's", ["blue"])
    assert kernel.owners() == {container.id}
    docker.stop(container)
    docker.remove_network(network)
    assert cleared(snapshot(neutron)) == before
    assert kernel.links == {}


def test_a_crash_at_any_request_of_the_takeover_loses_nothing(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    place = site(neutron)
    before = cleared(snapshot(neutron))
    for number in itertools.count(1):
        port = waiting_port(neutron, place)
        networks = libnetwork.create_network(), libnetwork.adopt(place)
        containers = libnetwork.run(networks[0]), libnetwork.run(networks[1], existing=port["id"])
        with silent_from(neutron, number) as silenced, suppress(CloudUnavailable):
            docker.sweep()
        docker.restart_driver()
        docker.sweep()
        assert docker.sweep_after_grace() == 0
        assert kernel.owners() == {each.id for each in containers}
        for container, network in zip(containers, networks, strict=True):
            docker.stop(container)
            docker.remove_network(network)
        assert (kernel.links, neutron.cloud.get("port", port["id"])["tags"]) == ({}, ["blue"])
        neutron.cloud.delete("port", port["id"])
        assert cleared(snapshot(neutron)) == before
        if not silenced:
            assert number > 8
            break


@pytest.mark.parametrize("existing", [False, True])
def test_a_container_starts_again_at_its_address_before_the_first_sweep(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron, existing: bool
) -> None:
    place = site(neutron)
    port = waiting_port(neutron, place)
    network = libnetwork.adopt(place)
    container = libnetwork.run(network, existing=port["id"] if existing else "")
    docker.stop(container)
    again = docker.run(network, ip=container.address.partition("/")[0])
    docker.node.behind.pass_time()
    assert again.address == container.address
    assert (libnetwork.port_of(again)["id"] == port["id"]) is existing
    docker.stop(again)
    docker.remove_network(network)
    assert neutron.cloud.get("port", port["id"])["device_owner"] == ""


def test_a_container_that_stops_while_the_sweep_takes_it_over_is_not_taken_for_alive(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    place = site(neutron)
    port = waiting_port(neutron, place)
    network = libnetwork.adopt(place)
    container = libnetwork.run(network, existing=port["id"])
    view = docker.view()
    docker.stop(container)
    for sweep in docker.sweeps:
        sweep(view)
    again = docker.run(network, ip=container.address.partition("/")[0])
    docker.node.behind.pass_time()
    assert libnetwork.port_of(again)["id"] == port["id"]


def test_a_port_that_resists_is_tried_again(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron, kernel: FakeKernel
) -> None:
    network = libnetwork.create_network()
    first, second = libnetwork.run(network), libnetwork.run(network)
    with kernel.failing("plug", libnetwork.port_of(first)["id"]):
        assert docker.sweep() == 1
    neutron.fail_next(method="PUT", path="/ports")
    docker.sweep()
    docker.sweep()
    assert {libnetwork.port_of(each)["description"] for each in (first, second)} == {str(MARK)}


def test_a_network_that_was_made_is_removed_with_all_that_belongs_to_it(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    before = snapshot(neutron)
    network = libnetwork.create_network()
    container = libnetwork.run(network)
    reserved = {"network_id": libnetwork.port_of(container)["network_id"], "name": "kuryr-unbound-port"}
    orphan = neutron.cloud.create("port", [reserved], neutron.project_id)[0]
    neutron.cloud.tag("port", orphan["id"], ["compute:kuryr"])
    docker.sweep()
    new = docker.run(network)
    docker.stop(container)
    docker.stop(new)
    docker.remove_network(network)
    assert snapshot(neutron) == before


def test_an_existing_network_is_given_back_as_it_was(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    place = site(neutron)
    neutron.cloud.tag("network", place.network_id, ["mine"])
    neutron.cloud.tag("subnet", place.subnet_id, ["mine"])
    before = snapshot(neutron)
    network = libnetwork.adopt(place)
    container = libnetwork.run(network)
    docker.sweep()
    docker.stop(container)
    docker.remove_network(network)
    assert cleared(snapshot(neutron)) == cleared(before)


def test_a_subnet_that_was_added_to_an_existing_network_is_removed(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    place = site(neutron)
    before = snapshot(neutron)
    network = libnetwork.adopt(place)
    body = {"network_id": place.network_id, "cidr": "10.82.0.0/24", "ip_version": 4}
    added = neutron.cloud.create("subnet", [{**body, "name": "kuryr-subnet-10.82.0.0/24"}], neutron.project_id)[0]
    neutron.cloud.tag("subnet", added["id"], [network.pool_id])
    docker.sweep()
    docker.remove_network(network)
    assert set(snapshot(neutron)["subnet"]) == set(before["subnet"])


def test_a_pool_that_was_there_before_stays(docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron) -> None:
    network = libnetwork.create_network()
    neutron.cloud.tag("subnetpool", network.pool_id, ["kuryr.subnetpool.existing", "mine"])
    docker.sweep()
    docker.remove_network(network)
    assert neutron.cloud.get("subnetpool", network.pool_id)["tags"] == ["mine"]
    assert snapshot(neutron)["network"] == {}


def test_groups_for_exposed_ports_go_with_their_ports(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    network = libnetwork.create_network()
    container, other = libnetwork.run(network), libnetwork.run(libnetwork.create_network("10.82.0.0/24"))
    gone, living = (exposure(neutron, libnetwork.port_of(each)["id"]) for each in (container, other))
    foreign = exposure(neutron, "web")
    docker.sweep()
    docker.stop(container)
    docker.remove_network(network)
    left = neutron.cloud.resources["security_group"].keys()
    assert {living, foreign} <= left
    assert gone not in left


def test_a_network_that_another_host_uses_goes_when_that_has_let_go(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    network = libnetwork.create_network()
    (made,) = snapshot(neutron)["network"]
    tag = f"kuryr.net.uuid.lh:{'e' * 32}"
    neutron.cloud.tag("network", made, [tag])
    docker.sweep()
    docker.remove_network(network)
    assert docker.sweep_after_grace() == 1
    assert snapshot(neutron)["network"].keys() == {made}
    neutron.cloud.untag("network", made, tag)
    assert docker.sweep_after_grace() == 0
    assert neutron.cloud.resources["network"] == neutron.cloud.resources["subnetpool"] == {}


def test_a_pool_by_which_another_host_finds_its_subnet_stays(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    network = libnetwork.adopt(site(neutron))
    other = site(neutron, "10.9.0.0/24")
    neutron.cloud.tag("subnet", other.subnet_id, [network.pool_id])
    docker.sweep()
    docker.remove_network(network)
    assert neutron.cloud.get("subnetpool", network.pool_id)
    assert neutron.cloud.get("subnet", other.subnet_id)["tags"] == [network.pool_id]


def test_what_other_hosts_have_stays(docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron) -> None:
    place = site(neutron)
    libnetwork.run(libnetwork.adopt(place))
    elsewhere = Libnetwork(neutron, docker, host="h2")
    theirs = elsewhere.run(elsewhere.adopt(place))
    before = copy.deepcopy(elsewhere.port_of(theirs))
    docker.sweep_after_grace()
    assert elsewhere.port_of(theirs) == before


def test_a_strangers_tags_mean_nothing(docker: Docker, libnetwork: Libnetwork) -> None:
    network = libnetwork.create_network(project_id=OTHER_PROJECT)
    docker.sweep()
    assert docker.node.networks.anchors.owners() == set()
    with pytest.raises(NotFound):
        docker.run(network)


def test_two_networks_with_the_same_tags_are_not_guessed_at(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron
) -> None:
    libnetwork.create_network()
    tags = neutron.cloud.get("network", next(iter(snapshot(neutron)["network"])))["tags"]
    neutron.cloud.tag("network", site(neutron).network_id, tags)
    docker.sweep()
    assert docker.node.networks.anchors.owners() == set()


def test_published_ports_are_ignored_as_ever(docker: Docker, libnetwork: Libnetwork) -> None:
    network = libnetwork.create_network()
    published = {PORT_MAP: [{"Proto": 6, "Port": 80, "HostPort": 8080}]}
    assert docker.run(network, options=published).address


@pytest.mark.parametrize("existing", [False, True])
def test_a_crash_at_any_request_of_a_removal_leaves_nothing(
    docker: Docker, libnetwork: Libnetwork, neutron: FakeNeutron, existing: bool
) -> None:
    place = site(neutron) if existing else None
    before = cleared(snapshot(neutron))
    for number in itertools.count(1):
        network = libnetwork.adopt(place) if place else libnetwork.create_network()
        docker.sweep()
        with silent_from(neutron, number) as silenced:
            docker.remove_network(network)
        docker.restart_driver()
        assert docker.sweep_after_grace() == 0
        assert cleared(snapshot(neutron)) == before
        if not silenced:
            assert number > 8
            break


@contextmanager
def silent_from(neutron: FakeNeutron, number: int) -> Iterator[list[Request]]:
    """From the request of this number on Neutron answers no more: as good as if the driver had been killed there."""
    numbers, silenced = itertools.count(1), list[Request]()

    def count(request: Request) -> None:
        if next(numbers) >= number:
            silenced.append(request)
            raise requests.ConnectionError

    neutron.on_request = count
    yield silenced
    neutron.on_request = None


def waiting_port(neutron: FakeNeutron, place: Site, **more: str) -> dict[str, Any]:
    """A tenant's port that waits for a user."""
    fixed_ips = [{"subnet_id": place.subnet_id, "ip_address": str(place[9])}]
    body = {"network_id": place.network_id, "fixed_ips": fixed_ips, "tags": ["blue"], **more}
    return neutron.cloud.create("port", [body], neutron.project_id)[0]


def exposure(neutron: FakeNeutron, port_id: str) -> str:
    body = {"name": f"{port_id}-exposed_ports", "description": "Docker exposed ports created by Kuryr."}
    return str(neutron.cloud.create("security_group", [body], neutron.project_id)[0]["id"])


def anchor_of(libnetwork: Libnetwork) -> dict[str, Any]:
    (anchor,) = libnetwork.neutron.cloud.where("port", device_owner="kuryr:network")
    return anchor
