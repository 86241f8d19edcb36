"""A host without cloud credentials: its driver works through a gateway service, and cannot do more than is granted."""

import time
from collections.abc import Iterator
from signal import SIGKILL

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import NONE_AHEAD, Driver
from system.gateway_service import GatewayService


@pytest.fixture
def service(lab: Lab, no_leaks: None) -> Iterator[GatewayService]:
    service = GatewayService(lab)
    yield service
    service.stop()


@pytest.fixture
def driver(service: GatewayService, host1: Host, tenant_network: TenantNetwork) -> Iterator[Driver]:
    """On host1, for the tenant's network alone."""
    service.grant(host1=f"networks = ['{tenant_network.id}']")
    driver = service.driver(host1)
    yield driver
    driver.stop()


@pytest.fixture
def blue(driver: Driver, host1: Host, tenant_network: TenantNetwork, bench: Bench) -> str:
    named = ("--ipam-opt", f"neutron.net.name={tenant_network.name}")
    return bench.network(host1, *named, *NONE_AHEAD, driver=driver.name)


def test_a_host_without_credentials_has_containers_in_the_cloud(
    driver: Driver,
    blue: str,
    host1: Host,
    host2: Host,
    lab: Lab,
    neutron: Neutron,
    tenant_network: TenantNetwork,
    bench: Bench,
) -> None:
    """They talk with those of another host, as many calls are made as ever, and none of them by the host itself."""
    other = bench.run(host2, bench.network(host2, "--ipam-opt", f"neutron.net.name={tenant_network.name}"))
    by_host, by_service = lab.requests("host1"), lab.requests("control")
    by_service.read_until_quiet()  # the driver's first look at its host
    container = bench.run(host1, blue)
    before_the_answer = by_service.read()
    afterwards = by_service.read_until_quiet()
    container.serve()
    address = address_of(container, blue)
    other.reaches(address)
    assert other.fetch(address) == container.name
    (port,) = neutron.find("port", description=f"kuryr:{driver.name}@host1", device_owner="compute:kuryr")
    assert (port["status"], port["binding:host_id"]) == ("ACTIVE", "host1")
    by_service.read()
    bench.clear_containers(host1)
    stop = by_service.read_until_quiet()
    assert [call.method for call in before_the_answer] == ["POST"]
    assert len(before_the_answer + afterwards) <= 2
    assert [call.method for call in stop] == ["DELETE"]
    assert by_host.read() == []
    with pytest.raises(CommandFailed, match="does not grant host1 the right make-networks"):
        bench.network(host1, "--subnet", "10.77.0.0/24", driver=driver.name)
    bench.clear()


@pytest.mark.exhaustive
def test_what_is_not_granted_does_not_exist(
    driver: Driver, service: GatewayService, host1: Host, lab: Lab, bench: Bench
) -> None:
    with TenantNetwork(lab, name="secret", cidr="10.21.0.0/24") as secret:
        for option in (f"neutron.net.name={secret.name}", f"neutron.net.uuid={secret.id}"):
            with pytest.raises(CommandFailed, match=r"no Neutron network .* is visible"):
                bench.network(host1, "--ipam-opt", option, driver=driver.name)
        service.grant(host1=f"networks = ['{secret.id}']")
        network = bench.network(host1, "--ipam-opt", f"neutron.net.uuid={secret.id}", driver=driver.name)
        bench.run(host1, network)
        bench.clear()


@pytest.mark.exhaustive
def test_it_makes_networks_where_that_is_granted(
    driver: Driver, service: GatewayService, host1: Host, neutron: Neutron, bench: Bench
) -> None:
    service.grant(host1="may = ['make-networks']")
    made = bench.network(host1, "--subnet", "10.77.0.0/24", driver=driver.name)
    container = bench.run(host1, made, "--expose", "80")
    mark = f"kuryr:{driver.name}@host1"
    wait_until("the exposed port is opened", lambda: bool(neutron.find("security_group", description=mark)))
    assert address_of(container, made).startswith("10.77.0.")
    bench.clear()


@pytest.mark.exhaustive
def test_a_service_that_is_killed_costs_one_line_and_no_traffic(
    driver: Driver,
    blue: str,
    service: GatewayService,
    host1: Host,
    host2: Host,
    tenant_network: TenantNetwork,
    neutron: Neutron,
    bench: Bench,
) -> None:
    container = bench.run(host1, blue)
    address = address_of(container, blue)
    service.daemon.stop(SIGKILL)
    began = time.monotonic()
    with pytest.raises(CommandFailed, match=r"gateway service at .* cannot be reached: connection refused") as caught:
        bench.run(host1, blue)
    assert time.monotonic() - began < 5 + 3
    assert len([line for line in caught.value.stderr.splitlines() if "gateway service" in line]) == 1
    with service.lab.plain_port("host2", tenant_network.id) as plain:
        plain.reaches(address)
    bench.clear_containers(host1)
    service.start()
    again = bench.run(host1, blue)
    assert address_of(again, blue)
    bench.clear_containers(host1)
    owned = {"description": f"kuryr:{driver.name}@host1", "device_owner": "compute:kuryr"}
    wait_until("what was given back in between is gone", lambda: not neutron.find("port", **owned), 60)
    bench.clear()


@pytest.mark.exhaustive
def test_service_and_driver_may_be_killed_at_any_time(
    driver: Driver, blue: str, service: GatewayService, host1: Host, neutron: Neutron, bench: Bench
) -> None:
    """What was under way is swept; what runs goes on, and is given back by the next driver through the next service."""
    first = bench.run(host1, blue)
    driver.daemon.stop(SIGKILL)
    service.daemon.stop(SIGKILL)
    service.start()
    driver.socket.unlink(missing_ok=True)
    restarted = service.driver(host1)
    try:
        second = bench.run(host1, blue)
        assert address_of(first, blue) != address_of(second, blue)
        bench.clear_containers(host1)
        owned = {"description": f"kuryr:{driver.name}@host1", "device_owner": "compute:kuryr"}
        wait_until("no port is left", lambda: not neutron.find("port", **owned), 60)
        bench.clear()
    finally:
        restarted.stop()
