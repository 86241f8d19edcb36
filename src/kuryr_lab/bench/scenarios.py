"""What is measured: containers side by side, one after another and many at once."""

from kuryr_lab.bench import contenders as who
from kuryr_lab.bench import starts
from kuryr_lab.bench.contenders import CONTENDERS, Lane, lanes
from kuryr_lab.bench.crowds import crowd
from kuryr_lab.bench.networks import create_and_remove
from kuryr_lab.bench.setting import Setting
from kuryr_lab.bench.targets import START_28

_USABLE = (who.BRIDGE, who.CONTROL, who.READY, who.KURYR)
_RIVALS = (*_USABLE, who.LIBNETWORK)


def start(setting: Setting) -> None:
    """One start, of everybody."""
    with lanes(setting.host, CONTENDERS, *CONTENDERS) as opened:
        setting.trials.turns("start", opened, setting.effort.rounds, starts.start())


def start_28(setting: Setting) -> None:
    """One start, where Docker is a later one; kuryr-libnetwork is of another age."""
    with lanes(setting.host, CONTENDERS, *_USABLE) as opened:
        setting.trials.turns(START_28, opened, setting.effort.rounds, starts.start())


def exposed(setting: Setting) -> None:
    """One start with ports that an image exposes."""
    with lanes(setting.host, CONTENDERS, *_RIVALS) as opened:
        setting.trials.turns("start exposed", opened, setting.effort.rounds, starts.start(*starts.EXPOSED))


def cycle(setting: Setting) -> None:
    """One start, and the removal of the container."""
    with lanes(setting.host, CONTENDERS, *_RIVALS) as opened:
        setting.trials.turns("cycle", opened, setting.effort.rounds, starts.cycle)


def contact(setting: Setting) -> None:
    """From a start until a neighbour has answered.

    Never of a container of kuryr-libnetwork: it leaves checksums to hardware that is not there.
    """
    with lanes(setting.host, CONTENDERS, *_USABLE) as opened:
        neighbours = {lane.name: _neighbour(lane) for lane in opened}
        setting.trials.turns("first contact", opened, setting.effort.rounds, starts.first_contact(neighbours))


def crowds(setting: Setting) -> None:
    """Ten and fifty at once. Fifty of kuryr-libnetwork would take a minute each time."""
    with lanes(setting.host, CONTENDERS, *_RIVALS) as opened:
        crowd(setting.trials, opened, setting.effort.slow, 10)
    with lanes(setting.host, CONTENDERS, *_USABLE) as opened:
        crowd(setting.trials, opened, setting.effort.slow, setting.effort.of_many(50))


def restart(setting: Setting) -> None:
    """A restart of a container with an address of its own."""
    with lanes(setting.host, CONTENDERS, *_USABLE) as opened:
        for lane in opened:
            lane.run("--ip", lane.address(250))
        setting.trials.turns("restart with a fixed address", opened, setting.effort.slow, starts.restart)


def sustained(setting: Setting) -> None:
    """Many cycles without a pause."""
    count = setting.effort.of_many(50)
    with lanes(setting.host, CONTENDERS, *_USABLE) as opened:
        setting.trials.turns("sustained", opened, setting.effort.slow, starts.sustained(count))


def network(setting: Setting) -> None:
    """A network is made and removed."""
    rivals = [CONTENDERS[name] for name in (who.BRIDGE, who.CONTROL, who.KURYR, who.LIBNETWORK)]
    create_and_remove(setting.trials, setting.host, rivals, setting.effort.slow)


def _neighbour(lane: Lane) -> str:
    """The address of a container that listens on port 80."""
    container = lane.run(command=("httpd", "-f", "-p", "80"))
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return lane.host.docker("inspect", "--format", form, container)
