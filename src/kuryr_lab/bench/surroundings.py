"""What a start costs among much else: ports of others, networks of the project, containers on the host.

What has been made for a scenario stays: the lab goes when the last one is done.
"""

from collections.abc import Callable

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench import starts
from kuryr_lab.bench.contenders import CONTENDERS, Contender, Lane, lanes
from kuryr_lab.bench.setting import Setting
from kuryr_lab.bench.targets import AMONG, BARE
from kuryr_lab.tenant import TenantNetwork

_BULK = 50
_SUBNET = "10.150.0.0/16"
_LANES = (who.BRIDGE, who.READY, who.KURYR)


def ports(setting: Setting) -> None:
    """On a network with more and more ports, none of which is plugged; beside the bare request for one more port."""
    network = TenantNetwork(setting.lab, name="growth", cidr=_SUBNET)
    existing = ("--ipam-opt", f"neutron.net.uuid={network.id}")
    here = {
        name: Contender(name, each.driver, (*existing, *each.options), _SUBNET)
        for name, each in CONTENDERS.items()
        if each.driver == "kuryr"
    }
    with lanes(setting.host, {**CONTENDERS, **here}, *_LANES) as opened:
        bare = Lane(Contender(BARE, ""), setting.host, network.id, 0)
        there = 0
        for wanted in (10, 100, 1000):
            number = setting.effort.of_many(wanted)
            _add_ports(setting, network.id, number - there)
            there = number
            setting.trials.turns(AMONG.format(number), [*opened, bare], setting.effort.rounds, _start_or_post(setting))


def networks(setting: Setting) -> None:
    """In a project with more and more networks."""
    neutron, there = setting.lab.neutron("demo"), 0
    with lanes(setting.host, CONTENDERS, *_LANES) as opened:
        for wanted in (10, 100):
            number = setting.effort.of_many(wanted)
            for each in range(there, number):
                made = neutron.create("network", name=f"another{each}")
                neutron.create("subnet", network_id=made["id"], cidr=f"10.151.{each}.0/24", ip_version=4)
            there = number
            scenario = f"start among {number} networks of the project"
            setting.trials.turns(scenario, opened, setting.effort.rounds, starts.start())


def containers(setting: Setting) -> None:
    """On a host with more and more containers."""
    there = 0
    with lanes(setting.host, CONTENDERS, *_LANES) as opened:
        neighbours = opened[_LANES.index(who.READY)]
        for wanted in (10, 100):
            number = setting.effort.of_many(wanted)
            for _ in range(number - there):
                neighbours.run()
            there = number
            setting.trials.turns(f"start beside {number} containers", opened, setting.effort.rounds, starts.start())


def _add_ports(setting: Setting, network_id: str, count: int) -> None:
    neutron = setting.lab.neutron("demo")
    while count > 0:
        neutron.create_many("port", [{"network_id": network_id}] * min(count, _BULK))
        count -= _BULK


def _start_or_post(setting: Setting) -> Callable[[Lane], Callable[[], None]]:
    neutron, act = setting.lab.neutron("kuryr"), starts.start()

    def start_or_post(lane: Lane) -> Callable[[], None]:
        if lane.name != BARE:
            return act(lane)
        bound = {"binding:host_id": setting.host.name}
        port = neutron.create("port", network_id=lane.network, device_owner="compute:bench", **bound)
        return lambda: neutron.delete("port", port["id"])

    return start_or_post
