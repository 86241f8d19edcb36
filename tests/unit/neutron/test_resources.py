"""Neutron's JSON read as values: tolerant of what is missing or new, strict about nonsense."""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from kuryr.errors import CloudError
from kuryr.model import AddressPair, AddressRange, FixedIP, Route, Subnet
from kuryr.neutron.resources import NetworkResource, PortResource, SubnetResource

SUBNET = {
    "id": "s",
    "name": "front",
    "network_id": "n",
    "tenant_id": "p",
    "cidr": "10.0.0.0/24",
    "gateway_ip": "10.0.0.1",
    "enable_dhcp": False,
    "description": "d",
    "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.9"}],
    "host_routes": [{"destination": "10.1.0.0/16", "nexthop": "10.0.0.2"}],
    "of_the_future": {"x": 1},
}


def test_a_subnet_in_full() -> None:
    read = SubnetResource.parse(SUBNET)

    assert (read.project_id, read.ip_version, read.enable_dhcp, read.description) == ("p", 4, False, "d")
    assert read.subnet == Subnet(
        id="s",
        network_id="n",
        cidr=IPv4Network("10.0.0.0/24"),
        gateway=IPv4Address("10.0.0.1"),
        name="front",
        pools=(AddressRange(IPv4Address("10.0.0.2"), IPv4Address("10.0.0.9")),),
        routes=(Route(IPv4Network("10.1.0.0/16"), IPv4Address("10.0.0.2")),),
        dhcp=False,
    )


def test_a_port_in_full() -> None:
    read = PortResource.parse(
        {
            "id": "p",
            "name": "web",
            "network_id": "n",
            "project_id": "t",
            "mac_address": "FA:16:3E:00:00:01",
            "fixed_ips": [{"subnet_id": "s", "ip_address": "10.0.0.2"}],
            "device_id": "d",
            "device_owner": "compute:kuryr",
            "description": "m",
            "status": "ACTIVE",
            "binding:host_id": "h1",
            "binding:vif_type": "ovs",
            "binding:vnic_type": "direct",
            "binding:vif_details": {"bridge_name": "br-int"},
            "security_groups": ["g"],
            "port_security_enabled": False,
            "allowed_address_pairs": [
                {"ip_address": "10.9.0.1/24", "mac_address": "FA:16:3E:00:00:02"},
                {"ip_address": "fd00::1"},
            ],
            "qos_policy_id": "q",
            "dns_name": "web",
            "tags": ["a", "b"],
            "revision_number": 4,
        }
    )

    assert read == PortResource(
        id="p",
        name="web",
        network_id="n",
        project_id="t",
        mac="fa:16:3e:00:00:01",
        fixed_ips=(FixedIP("s", IPv4Address("10.0.0.2")),),
        device_id="d",
        device_owner="compute:kuryr",
        description="m",
        status="ACTIVE",
        host="h1",
        vif_type="ovs",
        vnic_type="direct",
        details={"bridge_name": "br-int"},
        security_groups=("g",),
        port_security=False,
        allowed_address_pairs=(
            AddressPair(IPv4Network("10.9.0.0/24"), "fa:16:3e:00:00:02"),
            AddressPair(IPv6Address("fd00::1")),
        ),
        qos_policy_id="q",
        dns_name="web",
        tags=("a", "b"),
        revision=4,
    )


def test_what_is_missing_or_null_reads_as_nothing() -> None:
    assert NetworkResource.parse({"id": "n"}) == NetworkResource("n", mtu=1500)
    assert PortResource.parse({"id": "p"}) == PortResource("p")
    nulls = {"id": "p", "name": None, "fixed_ips": None, "binding:vif_details": None, "revision_number": None}
    assert PortResource.parse(nulls) == PortResource("p")
    assert SubnetResource.parse({"id": "s", "cidr": "10.0.0.0/24", "gateway_ip": None}).gateway is None


def test_a_network_tells_who_else_may_use_it() -> None:
    read = NetworkResource.parse({"id": "n", "shared": True, "router:external": True, "subnets": ["a", "b"]})

    assert (read.shared, read.external, read.subnet_ids) == (True, True, ("a", "b"))


@pytest.mark.parametrize(
    ("parse", "body", "said"),
    [
        (NetworkResource.parse, {}, "network without an id"),
        (PortResource.parse, {"id": 7}, "port without an id"),
        (NetworkResource.parse, {"id": "n", "mtu": "big"}, "'big' as mtu of network n"),
        (NetworkResource.parse, {"id": "n", "name": 7}, "7 as name of network n"),
        (NetworkResource.parse, {"id": "n", "subnets": "s"}, "'s' as subnets of network n"),
        (SubnetResource.parse, {"id": "s"}, "None as a CIDR of subnet s"),
        (SubnetResource.parse, {**SUBNET, "cidr": "10.0.0.1/24"}, "as a CIDR of subnet s"),
        (SubnetResource.parse, {**SUBNET, "gateway_ip": "x"}, "'x' as an address of subnet s"),
        (SubnetResource.parse, {**SUBNET, "allocation_pools": [{}]}, "None as an address of subnet s"),
        (PortResource.parse, {"id": "p", "fixed_ips": ["x"]}, "as fixed_ips of port p"),
        (PortResource.parse, {"id": "p", "allowed_address_pairs": [{}]}, "None as an address of port p"),
        (PortResource.parse, {"id": "p", "port_security_enabled": "no"}, "'no' as port_security_enabled of port p"),
        (PortResource.parse, {"id": "p", "binding:vif_details": "x"}, "'x' as binding:vif_details of port p"),
    ],
)
def test_nonsense_is_the_clouds_fault_and_named(
    parse: Callable[[Mapping[str, object]], object], body: Mapping[str, object], said: str
) -> None:
    with pytest.raises(CloudError, match=said):
        parse(body)
