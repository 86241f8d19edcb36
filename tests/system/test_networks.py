"""docker network create and rm: what appears in Neutron, what it costs, and what stays untouched."""

from typing import Any

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from system.conftest import Run, address_of, create_network


def neutron_network(neutron: Neutron, host: Host, name: str) -> dict[str, Any]:
    """The Neutron network that Kuryr made for a Docker network."""
    identifier = host.docker("network", "inspect", "--format", "{{.Id}}", name)
    (network,) = neutron.find("network", name=f"kuryr-{identifier[:12]}")
    return network


def test_a_network_with_its_subnet_is_made_and_removed(host1: Host, neutron: Neutron, host1_requests: Cursor) -> None:
    name = create_network(host1, "--subnet", "10.77.0.0/24", "--gateway", "10.77.0.254")
    created = host1_requests.read_until_quiet()
    network = neutron_network(neutron, host1, name)
    (subnet,) = neutron.find("subnet", network_id=network["id"])
    host1_requests.read()
    host1.docker("network", "rm", name)
    removed = host1_requests.read_until_quiet()
    assert (subnet["cidr"], subnet["gateway_ip"]) == ("10.77.0.0/24", "10.77.0.254")
    assert network["description"] == subnet["description"] == "kuryr:default@host1"
    assert len(created) <= 3
    assert len(removed) <= 2


def test_the_gateway_is_the_first_address_when_none_is_given(host1: Host, neutron: Neutron, run: Run) -> None:
    name = create_network(host1, "--subnet", "10.77.0.0/24")
    (subnet,) = neutron.find("subnet", network_id=neutron_network(neutron, host1, name)["id"])
    container = run(host1, name)
    routes = container.run(["ip", "route"]).stdout
    host1.docker("rm", "--force", container.name)
    host1.docker("network", "rm", name)
    assert subnet["gateway_ip"] == "10.77.0.1"
    assert "default via 10.77.0.1 dev eth0" in routes


def test_addresses_come_from_the_range_and_not_from_the_auxiliary_ones(host1: Host, run: Run) -> None:
    name = create_network(
        host1, "--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/30", "--aux-address", "printer=10.77.0.129"
    )
    addresses = {address_of(run(host1, name), name) for _ in range(2)}
    host1.docker("rm", "--force", *host1.docker("ps", "--quiet").split())
    host1.docker("network", "rm", name)
    assert addresses <= {"10.77.0.128", "10.77.0.130", "10.77.0.131"}


def test_two_networks_may_have_the_same_subnet(host1: Host, run: Run) -> None:
    first, second = (create_network(host1, "--subnet", "10.77.0.0/24") for _ in range(2))
    one, other = (run(host1, name, "--ip", "10.77.0.9") for name in (first, second))
    assert not one.ping("10.77.0.1")
    for name, container in ((first, one), (second, other)):
        host1.docker("rm", "--force", container.name)
        host1.docker("network", "rm", name)


@pytest.mark.parametrize("way", ["-o", "--ipam-opt", "both"])
@pytest.mark.parametrize("named", ["net.uuid", "net.name", "subnet.uuid", "subnet.name"])
def test_an_existing_network_is_used_and_left_as_it_was(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, host1_requests: Cursor, way: str, named: str
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
    name = create_network(host1, *subnet, *flags[way])
    assert len(host1_requests.read()) <= 3
    host1.docker("network", "rm", name)
    assert len(host1_requests.read()) <= 2
    assert snapshot(neutron, tenant_network) == before


def test_the_engines_own_ipam_works(host1: Host, neutron: Neutron, run: Run) -> None:
    name = create_network(host1, ipam=False)
    one, other = run(host1, name), run(host1, name)
    one.reaches(address_of(other, name))
    network = neutron_network(neutron, host1, name)
    held = {
        port["fixed_ips"][0]["ip_address"]
        for port in neutron.find("port", network_id=network["id"])
        if port["fixed_ips"]
    }
    assert {address_of(one, name), address_of(other, name)} == held
    for container in (one, other):
        host1.docker("rm", "--force", container.name)
    host1.docker("network", "rm", name)


def test_a_network_that_others_use_is_removed_when_they_are_gone(host1: Host, host2: Host, neutron: Neutron) -> None:
    """The maker's engine forgets it first; the maker removes it when the other host has let go."""
    made = create_network(host1, "--subnet", "10.77.0.0/24")
    network = neutron_network(neutron, host1, made)
    adopted = create_network(host2, "--ipam-opt", f"neutron.net.uuid={network['id']}")
    host2.docker("network", "rm", adopted)
    host1.docker("network", "rm", made)
    assert neutron.find("network", id=network["id"]) == []


def test_a_missing_subnet_says_what_to_do(host1: Host) -> None:
    with pytest.raises(CommandFailed, match=r"no --subnet is given \(give one, or name an existing subnet"):
        create_network(host1)


def snapshot(neutron: Neutron, network: TenantNetwork) -> list[dict[str, Any]]:
    """All that Neutron says of a network and its subnet, ports and tags and revision included."""
    return [
        neutron.show("network", network.id),
        neutron.show("subnet", network.subnet_id),
        *sorted(neutron.find("port", network_id=network.id), key=lambda port: str(port["id"])),
    ]
