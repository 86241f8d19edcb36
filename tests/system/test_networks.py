"""docker network create and rm: what appears in Neutron, what it costs, and what stays untouched."""

from typing import Any

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, address_of
from system.driver import Driver


def neutron_network(neutron: Neutron, host: Host, name: str) -> dict[str, Any]:
    """The Neutron network that Kuryr made for a Docker network."""
    identifier = host.docker("network", "inspect", "--format", "{{.Id}}", name)
    (network,) = neutron.find("network", name=f"kuryr-{identifier[:12]}")
    return network


@pytest.mark.backends
@pytest.mark.engines
def test_a_network_with_its_subnet_is_made_and_removed(
    host1: Host, neutron: Neutron, host1_requests: Cursor, bench: Bench
) -> None:
    name = bench.network(host1, "--subnet", "10.77.0.0/24", "--gateway", "10.77.0.254")
    created = host1_requests.read_until_quiet()
    network = neutron_network(neutron, host1, name)
    (subnet,) = neutron.find("subnet", network_id=network["id"])
    host1_requests.read()
    bench.remove_network(host1, name)
    removed = host1_requests.read_until_quiet()
    assert (subnet["cidr"], subnet["gateway_ip"]) == ("10.77.0.0/24", "10.77.0.254")
    assert network["description"] == subnet["description"] == "kuryr:default@host1"
    assert len(created) <= 3
    assert len(removed) <= 2


@pytest.mark.engines
def test_the_gateway_is_the_first_address_when_none_is_given(host1: Host, neutron: Neutron, bench: Bench) -> None:
    name = bench.network(host1, "--subnet", "10.77.0.0/24")
    (subnet,) = neutron.find("subnet", network_id=neutron_network(neutron, host1, name)["id"])
    container = bench.run(host1, name)
    routes = container.run(["ip", "route"]).stdout
    host1.docker("rm", "--force", container.name)
    assert subnet["gateway_ip"] == "10.77.0.1"
    assert "default via 10.77.0.1 dev eth0" in routes


@pytest.mark.engines
def test_addresses_come_from_the_range_and_not_from_the_auxiliary_ones(host1: Host, bench: Bench) -> None:
    name = bench.network(
        host1, "--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/30", "--aux-address", "printer=10.77.0.129"
    )
    addresses = {address_of(bench.run(host1, name), name) for _ in range(2)}
    assert addresses <= {"10.77.0.128", "10.77.0.130", "10.77.0.131"}


def test_two_networks_may_have_the_same_subnet(host1: Host, bench: Bench) -> None:
    """And the same address on both, each reached from its own network only."""
    for _ in range(2):
        name = bench.network(host1, "--subnet", "10.77.0.0/24")
        container, neighbour = bench.run(host1, name, "--ip", "10.77.0.9"), bench.run(host1, name)
        container.serve()
        neighbour.reaches("10.77.0.9")
        assert neighbour.fetch("10.77.0.9") == container.name


@pytest.mark.parametrize("way", ["-o", "--ipam-opt", "both"])
@pytest.mark.parametrize("named", ["net.uuid", "net.name", "subnet.uuid", "subnet.name"])
def test_an_existing_network_is_used_and_left_as_it_was(
    host1: Host,
    neutron: Neutron,
    tenant_network: TenantNetwork,
    host1_requests: Cursor,
    bench: Bench,
    way: str,
    named: str,
) -> None:
    before = snapshot(neutron, tenant_network)
    values = {
        "net.uuid": tenant_network.id,
        "net.name": tenant_network.name,
        "subnet.uuid": tenant_network.subnet_id,
        "subnet.name": tenant_network.name,
    }
    option = f"neutron.{named}={values[named]}"
    flags = {"-o": ["-o", option], "--ipam-opt": ["--ipam-opt", option], "both": ["-o", option, "--ipam-opt", option]}
    subnet = ["--subnet", tenant_network.cidr] if way == "-o" else []
    host1_requests.read()
    name = bench.network(host1, *subnet, *flags[way])
    assert len(host1_requests.read()) <= (4 if named.startswith("subnet") else 3)
    bench.remove_network(host1, name)
    assert len(host1_requests.read()) <= 2
    assert snapshot(neutron, tenant_network) == before


@pytest.mark.engines
def test_the_engines_own_ipam_works(host1: Host, neutron: Neutron, bench: Bench) -> None:
    name = bench.network(host1, ipam=False)
    one, other = bench.run(host1, name), bench.run(host1, name)
    one.reaches(address_of(other, name))
    network = neutron_network(neutron, host1, name)
    held = {
        port["fixed_ips"][0]["ip_address"]
        for port in neutron.find("port", network_id=network["id"])
        if port["fixed_ips"]
    }
    assert {address_of(one, name), address_of(other, name)} == held


def test_a_network_that_another_host_still_uses_is_removed_when_that_has_let_go(
    host1: Host, host2: Host, neutron: Neutron, bench: Bench
) -> None:
    """The engine of the host that made it forgets it first: its driver keeps on until the other has let go."""
    impatient = Driver.changed(host1, {"sweep": {"grace": "1"}})
    made = bench.network(host1, "--subnet", "10.77.0.0/24", driver=impatient.name)
    network = neutron_network(neutron, host1, made)
    adopted = bench.network(host2, "--ipam-opt", f"neutron.net.uuid={network['id']}")
    bench.remove_network(host1, made)
    assert neutron.find("network", id=network["id"])
    bench.remove_network(host2, adopted)
    wait_until("the network is gone", lambda: not neutron.find("network", id=network["id"]))
    impatient.stop()


def test_a_missing_subnet_says_what_to_do(host1: Host, bench: Bench) -> None:
    with pytest.raises(CommandFailed, match=r"no IPv4 --subnet is given, and .* \(give one, name an existing subnet"):
        bench.network(host1)


def snapshot(neutron: Neutron, network: TenantNetwork) -> list[dict[str, Any]]:
    """All that Neutron says of a network and its subnet, ports and tags and revision included."""
    return [
        neutron.show("network", network.id),
        neutron.show("subnet", network.subnet_id),
        *sorted(neutron.find("port", network_id=network.id), key=lambda port: str(port["id"])),
    ]
