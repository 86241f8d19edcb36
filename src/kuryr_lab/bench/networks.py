"""Networks that come and go."""

import time
from collections.abc import Sequence

from kuryr_lab.bench.contenders import Contender
from kuryr_lab.bench.trials import Run, Trials
from kuryr_lab.host import Host


def create_and_remove(trials: Trials, host: Host, rivals: Sequence[Contender], rounds: int) -> None:
    """`docker network create` and `docker network rm`, in turn; the first round warms up."""
    for number in range(-1, rounds):
        first = number % len(rivals)
        for contender in [*rivals[first:], *rivals[:first]]:
            busy = round(trials.quiet(), 3)
            began = time.perf_counter()
            lane = contender.open(host, rivals.index(contender))
            made = time.perf_counter()
            lane.close()
            ended = time.perf_counter()
            if number >= 0:
                trials.note(Run("network create", contender.name, number, made - began, busy))
                trials.note(Run("network rm", contender.name, number, ended - made, busy))
