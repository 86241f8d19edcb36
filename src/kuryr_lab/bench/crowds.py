"""Many containers at once: a compose file, a swarm, a host that boots."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from kuryr_lab.bench.contenders import Lane
from kuryr_lab.bench.trials import Run, Trials


def crowd(trials: Trials, lanes: list[Lane], rounds: int, count: int) -> None:
    """`count` parallel starts on one network, until the last has returned; then as many parallel removals.

    The first round warms up, as in `Trials.turns`.
    """
    for number in range(-1, rounds):
        first = number % len(lanes)
        for lane in [*lanes[first:], *lanes[:first]]:
            busy = round(trials.quiet(), 3)
            with ThreadPoolExecutor(count) as executor:
                began = time.perf_counter()
                containers = list(executor.map(lambda _, lane=lane: lane.run(), range(count)))
                started = time.perf_counter()
                list(executor.map(partial(lane.host.docker, "rm", "--force"), containers))
                ended = time.perf_counter()
            lane.containers.clear()
            if number >= 0:
                trials.note(Run(f"{count} at once starts", lane.name, number, started - began, busy))
                trials.note(Run(f"{count} at once stops", lane.name, number, ended - started, busy))
