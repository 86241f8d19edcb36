"""Dual stack, several subnets, chosen addresses and the other IPAM drivers, with traffic."""

import json
from typing import Any

import pytest

from kuryr_lab.client import Neutron
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Cursor
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until
from system.conftest import Bench, methods
from system.driver import NONE_AHEAD
from system.test_containers import pid_of, ports_of

FOUR, SIX = "10.77.0.0/24", "fd77::/64"
UPPER_HALF = "10.77.0.128/25"
"""What is given to those who choose no address: others may choose one that nobody has."""
DUAL = ("--ipv6", "--subnet", FOUR, "--ip-range", UPPER_HALF, "--subnet", SIX)


def endpoint(container: Container, network: str) -> dict[str, Any]:
    """What Docker says of a container on a network."""
    form = f'{{{{json (index .NetworkSettings.Networks "{network}")}}}}'
    shown: dict[str, Any] = json.loads(container.host.docker("inspect", "--format", form, container.name))
    return shown


@pytest.mark.backends
@pytest.mark.engines
def test_both_families_carry_traffic_in_both_directions(
    lab: Lab, host1: Host, neutron: Neutron, bench: Bench, host1_requests: Cursor
) -> None:
    network = bench.network(host1, *DUAL, *NONE_AHEAD)
    host1_requests.read_until_quiet()
    one = bench.run(host1, network)
    assert methods(lab, host1_requests.read()) == ["POST"]
    other = bench.run(host1, network, "--ip", "10.77.0.99", "--ip6", "fd77::99")
    for container in (one, other):
        container.serve()
    first, second = endpoint(one, network), endpoint(other, network)
    assert (second["IPAddress"], second["GlobalIPv6Address"]) == ("10.77.0.99", "fd77::99")
    for source, target, name in ((one, second, other.name), (other, first, one.name)):
        for address in (target["IPAddress"], target["GlobalIPv6Address"]):
            source.reaches(address)
            assert source.fetch(address) == name
    assert [len(port["fixed_ips"]) for port in ports_of(neutron, host1)] == [2, 2]
    routes = one.run(["ip", "-6", "route"]).stdout
    assert "default via fd77::1 dev eth0" in routes


@pytest.mark.exhaustive
def test_a_neighbour_learns_who_has_an_ipv6_address_now(host1: Host, bench: Bench) -> None:
    network = bench.network(host1, *DUAL)
    neighbour = bench.run(host1, network)
    container = bench.run(host1, network, "--ip6", "fd77::99")
    neighbour.reaches("fd77::99")
    host1.docker("restart", "--time", "0", container.name)
    neighbour.reaches("fd77::99", seconds=5)


@pytest.mark.exhaustive
def test_both_families_of_an_existing_network_reach_another_host_and_a_machine(
    host1: Host, host2: Host, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    demo = lab.neutron("demo")
    demo.create("subnet", name="tenant6", network_id=tenant_network.id, cidr="fd20::/64", ip_version=6)
    options = ("--ipv6", "--subnet", tenant_network.cidr, "--subnet", "fd20::/64")
    named = ("--ipam-opt", f"neutron.net.uuid={tenant_network.id}")
    names = {host.name: bench.network(host, *options, *named) for host in (host1, host2)}
    one, other = bench.run(host1, names["host1"]), bench.run(host2, names["host2"])
    address = endpoint(other, names["host2"])["GlobalIPv6Address"]
    other.serve()
    one.reaches(address)
    assert one.fetch(address) == other.name
    with lab.plain_port("host2", tenant_network.id) as plain:
        machine = next(each["ip_address"] for each in plain.port["fixed_ips"] if ":" in each["ip_address"])
        plain.serve()
        one.reaches(machine)
        assert one.fetch(machine) == plain.name


@pytest.mark.engines(since=28)
def test_a_network_may_have_ipv6_alone(host1: Host, neutron: Neutron, bench: Bench) -> None:
    network = bench.network(host1, "--ipv4=false", "--ipv6", "--subnet", SIX)
    one, other = bench.run(host1, network), bench.run(host1, network, "--ip6", "fd77::99")
    assert endpoint(one, network)["IPAddress"] == ""
    assert [len(port["fixed_ips"]) for port in ports_of(neutron, host1)] == [1, 1]
    other.serve()
    one.reaches("fd77::99")
    assert one.fetch("fd77::99") == other.name
    assert "default via fd77::1 dev eth0" in one.run(["ip", "-6", "route"]).stdout
    host1.docker("restart", "--time", "0", other.name)
    one.reaches("fd77::99", seconds=5)


@pytest.mark.engines
def test_several_subnets_are_chosen_by_address_and_used_up_in_turn(host1: Host, bench: Bench) -> None:
    # Of the first, gateway and Neutron's metadata port have both addresses.
    network = bench.network(host1, "--subnet", "10.77.0.0/30", "--subnet", "10.78.0.0/24")
    chosen = bench.run(host1, network, "--ip", "10.78.0.99")
    automatic = bench.run(host1, network)
    assert endpoint(automatic, network)["IPAddress"].startswith("10.78.0.")
    assert endpoint(automatic, network)["IPPrefixLen"] == 24
    automatic.reaches("10.78.0.99")
    chosen.serve()
    assert automatic.fetch("10.78.0.99") == chosen.name
    for container in (chosen, automatic):
        host1.docker("restart", "--time", "0", container.name)
    automatic.reaches("10.78.0.99")


@pytest.mark.engines
def test_without_ipam_neutron_gives_the_addresses(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, lab: Lab, bench: Bench
) -> None:
    demo = lab.neutron("demo")
    demo.create("subnet", name="tenant6", network_id=tenant_network.id, cidr="fd20::/64", ip_version=6)
    named = f"neutron.net.name={tenant_network.name}"
    network = bench.network(host1, "--ipam-driver", "null", "-o", named, ipam=False)
    one, other = bench.run(host1, network), bench.run(host1, network)
    other.serve()
    shown = endpoint(other, network)
    port = next(port for port in ports_of(neutron, host1) if port["mac_address"] == shown["MacAddress"])
    assert {fixed["ip_address"] for fixed in port["fixed_ips"]} == {shown["IPAddress"], shown["GlobalIPv6Address"]}
    for address in (shown["IPAddress"], shown["GlobalIPv6Address"]):
        one.reaches(address)
        assert one.fetch(address) == other.name


@pytest.mark.exhaustive
@pytest.mark.engines
def test_another_network_driver_may_take_its_addresses_from_neutron(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, bench: Bench
) -> None:
    named = ("--ipam-driver", "kuryr", "--ipam-opt", f"neutron.subnet.uuid={tenant_network.subnet_id}")
    network = bench.network(host1, *named, "--subnet", tenant_network.cidr, driver="bridge", ipam=False)
    other, one = bench.run(host1, network, "--ip", "10.20.0.99"), bench.run(host1, network)
    kept = {
        port["fixed_ips"][0]["ip_address"]: port["binding:host_id"]
        for port in neutron.find("port", network_id=tenant_network.id, device_owner="kuryr:address")
    }
    assert kept == {endpoint(one, network)["IPAddress"]: "", "10.20.0.99": ""}
    one.reaches("10.20.0.99")
    host1.docker("restart", "--time", "0", other.name)
    # Docker 28 gives it another MAC address, and announces 0.0.0.0 if a plugin gave the address.
    host1.run(["nsenter", "-t", pid_of(one), "-n", "ip", "neigh", "flush", "all"])
    one.reaches("10.20.0.99")
    host1.docker("rm", "--force", one.name, other.name)
    of_others = {"network_id": tenant_network.id, "device_owner": "kuryr:address"}
    wait_until("the addresses are given back", lambda: not neutron.find("port", **of_others))


@pytest.mark.exhaustive
def test_another_network_driver_without_an_existing_subnet_is_refused(host1: Host, bench: Bench) -> None:
    network = bench.network(host1, "--ipam-driver", "kuryr", "--subnet", FOUR, driver="bridge", ipam=False)
    with pytest.raises(CommandFailed, match=r"needs an existing subnet \(name it by --ipam-opt neutron\.subnet\.uuid"):
        bench.run(host1, network)


@pytest.mark.exhaustive
def test_a_spare_address_of_an_existing_subnet_is_kept_in_neutron(
    host1: Host, neutron: Neutron, tenant_network: TenantNetwork, bench: Bench
) -> None:
    named = ("--ipam-opt", f"neutron.subnet.uuid={tenant_network.subnet_id}", "--subnet", tenant_network.cidr)
    network = bench.network(host1, *named, "--aux-address", "printer=10.20.0.99")
    (port,) = neutron.find("port", network_id=tenant_network.id, device_owner="kuryr:address")
    assert port["fixed_ips"][0]["ip_address"] == "10.20.0.99"
    with pytest.raises(CommandFailed, match=r"10\.20\.0\.99"):
        bench.run(host1, network, "--ip", "10.20.0.99")


@pytest.mark.exhaustive
def test_ipv6_needs_a_subnet(host1: Host, bench: Bench) -> None:
    with pytest.raises(CommandFailed, match="ipv6"):
        bench.network(host1, "--ipv6", "--subnet", FOUR)
