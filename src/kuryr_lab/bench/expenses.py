"""What the drivers cost besides time."""

from collections.abc import Callable
from functools import partial

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench import costs, starts
from kuryr_lab.bench.contenders import CONTENDERS, Lane, lanes
from kuryr_lab.bench.setting import Setting
from kuryr_lab.bench.trials import Run
from kuryr_lab.waiting import wait_until

_READY = "kuryr:ready:"
"""What the `device_id` of a port begins with that waits."""
_WARM = 12
"""Cycles after which as many ports wait as there may be."""


def calls(setting: Setting) -> None:
    """Requests to Neutron: of one container, of its network, and of cycles without a pause."""
    for name in (who.READY, who.KURYR, who.LIBNETWORK):
        _calls_of_network(setting, name)
    with lanes(setting.host, CONTENDERS, who.READY, who.KURYR) as opened:
        for lane in opened:
            _repeat(lane, _WARM)
            setting.lab.requests(setting.host.name).read_until_quiet()
            _count(setting, lane.name, "cycle", partial(_repeat, lane, 10), per=10)


def driver(setting: Setting) -> None:
    """Processor time and memory of the driver, and how soon a new one answers."""
    trials, slow = setting.trials, setting.effort.slow
    with lanes(setting.host, CONTENDERS, who.READY, who.KURYR) as opened:
        for lane in opened:
            _repeat(lane, _WARM)
            for number in range(slow):
                trials.quiet()
                before = costs.cpu_seconds(setting.kuryr)
                _repeat(lane, 10)
                spent = (costs.cpu_seconds(setting.kuryr) - before) * 1000 / 10
                trials.note(Run("driver.cpu_ms_per_start_stop", lane.name, number, spent, 0))
    trials.note(Run("driver.rss_mb", who.KURYR, 0, costs.memory(setting.kuryr), 0))
    for number in range(slow):
        milliseconds = 1000 * costs.handshake(setting.host, number)
        trials.note(Run("driver.handshake_ms", who.KURYR, number, milliseconds, 0))


def _calls_of_network(setting: Setting, name: str) -> None:
    """The network is made twice: what is read once by a driver, or made once in a project, is not a network's."""
    lane = CONTENDERS[name].open(setting.host, 0)
    _repeat(lane, 2)  # the second one has a port that was made ahead, if anybody has
    setting.lab.requests(setting.host.name).read_until_quiet()
    for number in range(setting.effort.slow):
        if name == who.READY:
            _await_ready_port(setting)
        _count(setting, name, "start", lane.run, number)
        _count(setting, name, "stop", lambda: lane.remove(*list(lane.containers)), number)
    _count(setting, name, "network_rm", lane.close)
    _count(setting, name, "network_create", lambda: CONTENDERS[name].open(setting.host, 0))
    setting.host.docker("network", "rm", lane.network)


def _await_ready_port(setting: Setting) -> None:
    """Until a port waits, by what Neutron knows of this host's."""
    neutron, here = setting.lab.neutron("admin"), {"binding:host_id": setting.host.name, "status": "ACTIVE"}

    def waits() -> bool:
        return any(port["device_id"].startswith(_READY) for port in neutron.find("port", **here))

    wait_until("a port waits for the next container", waits, 60)


def _count(setting: Setting, name: str, action: str, act: Callable[[], object], number: int = 0, per: int = 1) -> None:
    before, total = costs.requests(setting.lab, setting.host, act)
    setting.trials.note(Run(f"calls.{action}.before", name, number, before / per, 0))
    setting.trials.note(Run(f"calls.{action}", name, number, total / per, 0))


def _repeat(lane: Lane, count: int) -> None:
    for _ in range(count):
        starts.cycle(lane)
