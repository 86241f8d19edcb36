"""What is sent for a port, to the letter: the answer does not tell all of it."""

from ipaddress import IPv4Address, IPv4Network

from fakes.neutron import FakeNeutron
from kuryr.model import AddressPair

PEERS = IPv4Network("10.8.0.0/24")


def test_a_port_is_sent_with_all_that_was_given() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    network = neutron.networks.create(name="n", description="d")
    fake.cloud.create("subnet", [{"network_id": network.id, "cidr": "10.0.0.0/24", "ip_version": 4}], fake.project_id)
    (subnet,) = neutron.subnets.list()

    neutron.ports.create(
        network_id=network.id,
        name="web",
        description="d",
        device_id="e",
        device_owner="compute:kuryr",
        host="h1",
        fixed_ips=[(subnet.id, IPv4Address("10.0.0.9")), (subnet.id, None)],
        mac="fa:16:3e:00:00:01",
        project_id=fake.project_id,
        admin_state_up=False,
        security_groups=[],
        port_security=True,
        allowed_address_pairs=[AddressPair(IPv4Address("10.9.0.1"), "fa:16:3e:00:00:02"), AddressPair(PEERS)],
        qos_policy_id=None,
        dns_name="web",
        tags=("a",),
    )

    assert fake.calls[-1].json == {
        "port": {
            "network_id": network.id,
            "name": "web",
            "description": "d",
            "device_id": "e",
            "device_owner": "compute:kuryr",
            "binding:host_id": "h1",
            "fixed_ips": [{"subnet_id": subnet.id, "ip_address": "10.0.0.9"}, {"subnet_id": subnet.id}],
            "mac_address": "fa:16:3e:00:00:01",
            "project_id": fake.project_id,
            "admin_state_up": False,
            "security_groups": [],
            "port_security_enabled": True,
            "allowed_address_pairs": [
                {"ip_address": "10.9.0.1", "mac_address": "fa:16:3e:00:00:02"},
                {"ip_address": "10.8.0.0/24"},
            ],
            "dns_name": "web",
            "tags": ["a"],
        }
    }


def test_what_is_not_given_is_left_to_neutron() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    network = neutron.networks.create(name="n", description="d")

    neutron.ports.create(network_id=network.id, description="d", device_id="e", device_owner="o", fixed_ips=[])

    assert fake.calls[-1].json == {
        "port": {
            "network_id": network.id,
            "name": "",
            "description": "d",
            "device_id": "e",
            "device_owner": "o",
            "fixed_ips": [],
            "admin_state_up": True,
        }
    }


def test_only_what_is_given_is_changed_and_nothing_is_something_too() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    network = neutron.networks.create(name="n", description="d")
    port = neutron.ports.create(
        network_id=network.id, description="d", device_id="e", device_owner="o", fixed_ips=[], host="h"
    )

    neutron.ports.update(port.id, revision=port.revision, host="", fixed_ips=[], qos_policy_id=None)

    assert fake.calls[-1].json == {"port": {"binding:host_id": "", "fixed_ips": [], "qos_policy_id": None}}
    assert fake.calls[-1].headers["If-Match"] == f"revision_number={port.revision}"
    assert neutron.ports.update(port.id, name="x") is not None
    assert "If-Match" not in fake.calls[-1].headers
