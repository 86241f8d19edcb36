"""What the real server's own log says: a call is one request, and bears the caller's name and the call's id."""

from collections.abc import Callable

from oslo_config import cfg

from contract.site import tidied
from kuryr.neutron.api import Call
from kuryr.neutron.client import Neutron
from kuryr.neutron.session import connect
from kuryr_lab.lab import Lab


def test_a_real_server_sees_one_request_per_call(
    lab: Lab, conf_of: Callable[[str], cfg.ConfigOpts], as_identity: Callable[[str], Neutron]
) -> None:
    calls: list[Call] = []
    neutron = connect(conf_of("kuryr"), observe=calls.append)

    with tidied(neutron, as_identity("demo"), as_identity("admin"), "host1") as site:
        log = lab.requests("machine")
        network, subnet = site.pair()
        port = site.port(network, [(subnet.id, None)])
        neutron.ports.update(port.id, name="web")
        neutron.ports.delete(port.id)
        made = {call.request_id: call for call in calls}
        seen = [request for request in log.read_until_quiet(quiet=1) if request.user_agent.startswith("kuryr/")]

    assert [(request.method, request.path.removeprefix("/v2.0")) for request in seen] == [
        ("POST", "/networks"),
        ("POST", "/subnets"),
        ("POST", "/ports"),
        ("PUT", f"/ports/{port.id}"),
        ("DELETE", f"/ports/{port.id}"),
    ]
    assert [made[request.request_id].status for request in seen] == [request.status for request in seen]
