"""Containers that come and go in a large cloud: at the plugin's socket, before a Neutron in memory that takes its time.

Without ports made ahead a network starts one container per `POST /ports`, under Docker's lock: at a higher rate those
who wait are ever more. Fewer of them show it.
"""

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench.setting import Setting
from kuryr_lab.bench.targets import CHURN
from kuryr_lab.bench.trials import Run, Trials
from kuryr_lab.load.churn import Churn
from kuryr_lab.load.engine import Engine
from kuryr_lab.load.stage import Stage

RATE, LIFE = 10.0, 2.0
"""Starts in a second, and the seconds that a container lives."""
_WARM = 30
"""Seconds at that rate before it counts: a host makes as many ports ahead as were asked for lately."""
_USERS = 20
"""Who start and stop without a pause."""
_AHEAD = {"binding": {"ready_ports_max": "50"}}


def churn(setting: Setting) -> None:
    """A steady rate, and as many as can be; with ports made ahead and without."""
    effort, trials = setting.effort, setting.trials
    with Stage(setting.host, settings=_AHEAD) as stage, Engine(stage.socket) as engine:
        ready = engine.create_network("10.152.0.0/16")
        cold = Churn(engine, ready).steady(RATE, effort.of_many(int(_WARM * RATE)), LIFE)
        trials.note(Run(CHURN.format("those that come first"), who.READY, 0, cold.percentile(99), 0))
        _measure(trials, Churn(engine, ready), who.READY, effort.of_many(1000))
        engine.remove_network(ready)
        exact = engine.create_network("10.153.0.0/16", **{"kuryr.ready_ports": "off"})
        _measure(trials, Churn(engine, exact), who.KURYR, effort.of_many(100))
        engine.remove_network(exact)
        stage.await_empty()


def _measure(trials: Trials, load: Churn, name: str, count: int) -> None:
    seen, most = load.steady(RATE, count, LIFE), load.saturated(count, _USERS)
    for number, seconds in enumerate(seen.seconds):
        trials.note(Run(f"churn: {RATE:g} starts per second", name, number, seconds, 0))
    trials.note(Run(CHURN.format(count), name, 0, seen.percentile(99), 0))
    trials.note(Run("churn: starts per second at most", name, 0, most.per_second, 0))
