"""One client serves many threads: calls run side by side, and addresses are given once."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import Exhausted
from kuryr.neutron.session import connect
from unit.neutron.cloudserver import NETWORK, CloudServer
from unit.neutron.conftest import Configure


def test_calls_wait_side_by_side() -> None:
    fake = FakeNeutron()
    neutron = fake.client()

    with ThreadPoolExecutor(20) as threads, fake.hold() as hold:
        calls = [threads.submit(neutron.networks.create, name="n", description="d") for _ in range(20)]
        hold.wait_for(20)
        assert not any(call.done() for call in calls)
        hold.release()
        assert len({call.result().id for call in calls}) == 20


def test_threads_never_share_an_address() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    network = neutron.networks.create(name="n", description="d")
    subnet = neutron.subnets.create(
        network_id=network.id,
        name="s",
        description="d",
        cidr=ip_network("10.0.0.0/27"),
        gateway=None,
        enable_dhcp=False,
    )

    def start(number: int) -> str:
        port = neutron.ports.create(
            network_id=network.id,
            description="d",
            device_id=str(number),
            device_owner="o",
            fixed_ips=[(subnet.id, None)],
        )
        return str(port.fixed_ips[0].address)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(start, range(30)))) == 30
    with pytest.raises(Exhausted):
        start(31)


def test_threads_that_begin_together_authenticate_once(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url))

    with ThreadPoolExecutor(8) as threads:
        names = set(threads.map(lambda _: neutron.networks.get(NETWORK["id"]).name, range(40)))

    assert names == {"n"}
    assert server.tokens == 1
    assert len(server.of("networking")) == 40
