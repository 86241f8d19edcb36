"""RabbitMQ on the control node, over which Neutron and its agents speak: Debian's own, with all files in the node."""

import socket
from pathlib import Path

from kuryr_lab.layout import Layout
from kuryr_lab.node import Node

PORT = 5672
PROGRAM = "rabbitmq-server"
_INSTALLED = Path("/usr/lib/rabbitmq/lib")


def url(layout: Layout) -> str:
    """What oslo.messaging connects to."""
    return f"rabbit://guest:guest@{layout.control_address}:{PORT}/"


def start_rabbitmq(control: Node) -> None:
    """Start it, open to the management network, and return when it listens."""
    place = control.directory / "rabbitmq"
    place.mkdir()
    configuration = place / "rabbitmq.conf"
    configuration.write_text(f"listeners.tcp.1 = {control.layout.control_address}:{PORT}\nloopback_users = none\n")
    (place / "plugins").write_text("[].\n")
    # An Erlang node is named after its host, and wants to find itself by that name.
    with (control.etc / "hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 {control.name}\n")
    # The program on the PATH is a wrapper that becomes the user rabbitmq, to whom the node's files do not belong.
    (program,) = _INSTALLED.glob("rabbitmq_server-*/sbin/rabbitmq-server")
    control.daemon(
        "rabbitmq",
        [str(program)],
        env={
            # Where the cookie is kept.
            "HOME": str(place),
            "RABBITMQ_NODENAME": f"rabbit@{control.name}",
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(place / "mnesia"),
            "RABBITMQ_LOG_BASE": str(place / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(place / "pid"),
            # One scheduler: busy waiting of more takes the processor from everybody else.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        },
        ready=lambda: _listens(control.layout.control_address),
    )


def await_consumer(control: Node, queue: str) -> None:
    """Return when somebody answers what is sent to a queue: what was sent before is lost."""
    python = control.layout.cloud / "bin" / "python"
    control.run([str(python), "-c", _AWAIT, control.layout.control_address, queue], seconds=60)


_AWAIT = """
import sys, time
from amqp import Connection, NotFound
address, queue = sys.argv[1:]
with Connection(address) as connection:
    consumers = 0
    while not consumers:
        time.sleep(0.05)
        try:
            consumers = connection.channel().queue_declare(queue, passive=True).consumer_count
        except NotFound:
            pass  # which closes the channel
"""


def _listens(address: str) -> bool:
    try:
        socket.create_connection((address, PORT), timeout=1).close()
    except OSError:
        return False
    return True
