"""What is sent for a port, to the letter: the answer does not tell all of it."""

from ipaddress import IPv4Address

from fakes.neutron import FakeNeutron


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
