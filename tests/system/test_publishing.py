"""`-p` and floating IPs, as somebody outside of the cloud sees them."""

import json
import secrets
from collections.abc import Iterator, Sequence

import pytest

from kuryr_lab.client import Neutron, Resource
from kuryr_lab.errors import CommandFailed
from kuryr_lab.external import ExternalNetwork, FloatingIP, Router
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import NONE_AHEAD
from system.test_exposure import mailbox

SUBNET = ("--subnet", "10.77.0.0/24")


@pytest.fixture
def external(lab: Lab, no_leaks: None) -> Iterator[ExternalNetwork]:
    """The cloud's external network."""
    with ExternalNetwork(lab) as network:
        yield network


@pytest.fixture
def router(lab: Lab, external: ExternalNetwork) -> Iterator[Router]:
    """The tenant's router to the outside."""
    with Router(lab, external) as router:
        yield router


@pytest.fixture
def routed(router: Router) -> Iterator[Bench]:
    """Docker networks and containers that are gone before the router is."""
    bench = Bench()
    yield bench
    bench.clear()


@pytest.fixture
def opened(lab: Lab) -> Iterator[None]:
    """The project's default group lets everybody in."""
    demo = lab.neutron("demo")
    group = demo.find("security_group", name="default", project_id=demo.project_id)[0]["id"]
    rule = demo.create("security_group_rule", security_group_id=group, direction="ingress", ethertype="IPv4")
    yield
    demo.delete("security_group_rule", rule["id"])


def network(bench: Bench, host: Host, *options: str) -> str:
    """A network on the tenant's router."""
    return bench.network(host, *SUBNET, "-o", "neutron.router.name=router", *options)


def only_floating_ip(neutron: Neutron) -> str:
    (found,) = neutron.find("floatingip")
    return str(found["floating_ip_address"])


def await_answer(lab: Lab, address: str, port: int, names: Sequence[str]) -> None:
    """Until the outside is answered by one of these."""
    wait_until(f"{address}:{port} answers", lambda: lab.outside.fetch(address, port) in names, seconds=20)


def test_a_published_port_is_forwarded(
    lab: Lab, host1: Host, neutron: Neutron, router: Router, routed: Bench, host1_requests: Cursor
) -> None:
    blue = network(routed, host1, "-o", "kuryr.publish=forwarding", *NONE_AHEAD)
    host1_requests.read_until_quiet()
    container = routed.run(host1, blue, "--publish", "8080:80")
    # Writing who uses the port, and opening what it publishes, may come in between.
    made = [each.path.rpartition("/")[2] for each in host1_requests.read() if each.method == "POST"]
    assert [kind for kind in made if not kind.startswith("security")] == ["ports", "port_forwardings"]
    container.serve()
    address = only_floating_ip(neutron)
    await_answer(lab, address, 8080, [container.name])
    assert lab.outside.fetch(address, 80) is None
    (shown,) = json.loads(host1.run(["kuryr", "docker", "published", "--json"]).stdout)
    assert shown["published"] == f"{address}:8080/tcp"
    assert shown["container"] == f"{address_of(container, blue)}:80/tcp"
    assert container.fetch(lab.outside.address) == router.address
    with pytest.raises(CommandFailed, match="port 8080/tcp is published by another container"):
        routed.run(host1, blue, "--publish", "8080:80")


def test_a_container_has_a_floating_ip(lab: Lab, host2: Host, neutron: Neutron, routed: Bench) -> None:
    """What is published is open to everybody; what is not is as closed as the project's default group leaves it."""
    container = routed.run(host2, network(routed, host2, "-o", "kuryr.publish=floating"), "--publish", "80")
    container.serve()
    container.serve(81)
    address = only_floating_ip(neutron)
    await_answer(lab, address, 80, [container.name])
    assert lab.outside.fetch(address, 81) is None
    assert not lab.outside.ping(address)
    assert container.fetch(lab.outside.address) == address
    host2.docker("stop", "--time", "1", container.name)
    wait_until("the floating IP is gone", lambda: not neutron.find("floatingip"), seconds=10)


@pytest.mark.exhaustive
def test_forwardings_come_and_go_with_their_containers(lab: Lab, host1: Host, neutron: Neutron, routed: Bench) -> None:
    blue = network(routed, host1, "-o", "kuryr.publish=forwarding")
    address = only_floating_ip(neutron)
    for _ in range(3):
        container = routed.run(host1, blue, "--publish", "8080:80", "--publish", "8081:81")
        container.serve(80)
        await_answer(lab, address, 8080, [container.name])
        host1.docker("rm", "--force", container.name)
    wait_until("nothing answers", lambda: lab.outside.fetch(address, 8080) is None, seconds=10)


@pytest.mark.exhaustive
def test_udp_is_forwarded_and_a_port_is_chosen_if_none_is_said(
    lab: Lab, host1: Host, neutron: Neutron, routed: Bench
) -> None:
    blue = network(routed, host1, "-o", "kuryr.publish=forwarding")
    container = routed.run(host1, blue, "--publish", "5300:53/udp", "--publish", "80", "--publish", "8000-8010:81")
    (floating,) = neutron.find("floatingip")
    made = {(each["protocol"], each["external_port"]): each["internal_port"] for each in floating["port_forwardings"]}
    assert made == {("udp", 5300): 53, ("tcp", 32768): 80, ("tcp", 8000): 81}
    container.serve(80)
    await_answer(lab, floating["floating_ip_address"], 32768, [container.name])
    send = ["bash", "-c", f"printf hello >/dev/udp/{floating['floating_ip_address']}/5300"]
    with mailbox(container, 53) as published:

        def arrived() -> bool:
            lab.outside.run(send)
            return published.poll() is not None

        wait_until("a datagram arrives", arrived, seconds=20)
        assert published.communicate()[0] == "hello\n"


@pytest.mark.exhaustive
def test_an_existing_floating_ip_follows_its_container_and_stays_the_users(
    lab: Lab, host1: Host, neutron: Neutron, external: ExternalNetwork, opened: None, routed: Bench
) -> None:
    blue = network(routed, host1)
    with FloatingIP(lab, external) as mine:
        container = Container(host1, f"c{secrets.token_hex(4)}")
        host1.docker("create", "--name", container.name, "--network", "none", "busybox", "sleep", "3600")
        try:
            host1.docker("network", "disconnect", "none", container.name)
            option = f"neutron.floating_ip={mine.address}"
            host1.docker("network", "connect", "--driver-opt", option, blue, container.name)
            for _ in range(2):
                host1.docker("start", container.name)
                container.serve()
                await_answer(lab, mine.address, 80, [container.name])
                assert container.fetch(lab.outside.address) == mine.address
                host1.docker("stop", "--time", "1", container.name)
        finally:
            host1.docker("rm", "--force", container.name)
        wait_until("it is free", lambda: not neutron.show("floatingip", mine.id)["port_id"], seconds=10)
        assert neutron.show("floatingip", mine.id)["description"] == ""


@pytest.mark.exhaustive
def test_each_host_has_an_address_of_its_own_on_a_shared_network(
    lab: Lab, host1: Host, host2: Host, neutron: Neutron, router: Router, external: ExternalNetwork
) -> None:
    bench = Bench()
    started: list[Container] = []
    with TenantNetwork(lab) as tenant:
        router.attach(tenant.subnet_id)
        try:
            for host in (host1, host2):
                name = bench.network(host, "-o", "kuryr.publish=forwarding", "--ipam-opt", "neutron.net.name=tenant")
                started.append(bench.run(host, name, "--publish", "8080:80"))
                started[-1].serve()
            addresses = {each["floating_ip_address"] for each in neutron.find("floatingip")}
            assert len(addresses) == 2
            containers = [container.name for container in started]
            for address in addresses:
                await_answer(lab, address, 8080, containers)
            assert {lab.outside.fetch(address, 8080) for address in addresses} == set(containers)
        finally:
            bench.clear()
            router.detach(tenant.subnet_id)


@pytest.mark.exhaustive
def test_a_network_on_a_router_reaches_the_world_and_is_detached_at_its_end(
    lab: Lab, host1: Host, router: Router, routed: Bench
) -> None:
    blue = network(routed, host1)
    container = routed.run(host1, blue)
    container.reaches(lab.outside.address)
    assert container.fetch(lab.outside.address) == router.address
    assert address_of(container, blue) != router.address
    routed.clear()
    assert router.interfaces == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("by", ["name", "key"])
def test_what_is_led_to_a_port_that_outlives_its_container_goes_with_the_container(
    lab: Lab, host1: Host, neutron: Neutron, router: Router, opened: None, external: ExternalNetwork, by: str
) -> None:
    """A floating IP of Kuryr's, then one of the user's. The port itself is as it was before."""
    bench = Bench()
    with TenantNetwork(lab) as tenant, FloatingIP(lab, external) as mine:
        router.attach(tenant.subnet_id)
        port = lab.neutron("demo").create("port", network_id=tenant.id, name="web-1")
        before = settled(neutron.show("port", port["id"]))
        option = {"name": "neutron.port.name=web-1", "key": "kuryr.sticky.key=web"}[by]
        more = ("--ipam-driver", "null", "-o", f"neutron.net.uuid={tenant.id}", "-o", "kuryr.publish=floating")
        blue = bench.network(host1, *more, ipam=False)
        try:
            for floating_ip in ("", f",driver-opt=neutron.floating_ip={mine.address}"):
                publish = () if floating_ip else ("--publish", "80")
                container = bench.run(host1, f"name={blue},driver-opt={option}{floating_ip}", *publish)
                container.serve()
                (led,) = (each for each in neutron.find("floatingip") if each["port_id"])
                await_answer(lab, led["floating_ip_address"], 80, [container.name])
                assert (led["id"] == mine.id) == bool(floating_ip)
                host1.docker("rm", "--force", container.name)
                wait_until("only the user's own is left", lambda: free_ones(neutron) == [mine.id])
                wait_until("the port is as it was", lambda: settled(neutron.show("port", port["id"])) == before)
        finally:
            bench.clear()
            lab.neutron("demo").delete("port", port["id"])
            router.detach(tenant.subnet_id)


def settled(port: Resource) -> Resource:
    """A port without what changes by itself."""
    return {key: value for key, value in port.items() if key not in {"revision_number", "updated_at", "status"}}


def free_ones(neutron: Neutron) -> list[str]:
    """The floating IPs, if none of them leads anywhere."""
    found = neutron.find("floatingip")
    return [] if any(each["port_id"] for each in found) else [str(each["id"]) for each in found]
