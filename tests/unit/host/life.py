"""The steps of a container's life, as an engine asks for them."""

from collections.abc import Callable

from fakes.neutron import FakeNeutron
from unit.host.node import Node, Site

Restart = Callable[[Node], Node]


def start(node: Node, blue: Site, owner: str = "c1", number: int | None = None) -> str:
    """What an engine does to start a container; the port's id."""
    vif = node.endpoints.reserve("d1", blue.network_id, (blue.subnet_id, blue[number] if number else None))
    address = vif.fixed_ips[0].address
    node.endpoints.create(owner, blue.network_id, [(blue.subnet_id, address)])
    node.endpoints.join(owner)
    return vif.port_id


def stop(node: Node, blue: Site, owner: str, port_id: str) -> None:
    """What an engine does to stop it."""
    held = node.endpoints.held(port_id)
    node.endpoints.delete(owner, release=False)
    if held:
        node.endpoints.release(blue.subnet_id, held.vif.fixed_ips[0].address)
    assert node.behind.drain(10)


def warm(node: Node, neutron: FakeNeutron, blue: Site) -> None:
    """After a start everything is read once; that is not what the tests count."""
    node.endpoints.load()
    node.gateway.topology.network(blue.network_id)
    neutron.calls.clear()
