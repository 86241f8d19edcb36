"""Run a command in a virtual machine as if it were here: `python -I -S remote.py ADDRESS PORT COMMAND...`.

Its directory, environment, streams and signals are this process's own, and so is its exit status. When this process
dies, the command is killed. The other end, and how the two speak, is `guest/agent.py`.
"""

import json
import os
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress

HEAD = struct.Struct("!cI")
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
LOST = 125
"""Exit status when the virtual machine is not there, or is gone before the command has ended."""


def main(address: str, port: int, argv: list[str]) -> int:
    """Run `argv` and return its exit status."""
    try:
        connection = socket.create_connection((address, port), timeout=10)
    except OSError as error:
        return _lost(error)
    connection.settimeout(None)
    # A machine whose plug is pulled says nothing.
    for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 5)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sending = threading.Lock()

    def send(letter: bytes, data: bytes) -> None:
        with sending, suppress(OSError):
            connection.sendall(HEAD.pack(letter, len(data)) + data)

    def pump() -> None:
        data = b"."
        while data:
            data = os.read(0, 65536)
            send(b"i", data)

    order = {"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109 (pathlib takes long to load)
    connection.sendall(json.dumps(order).encode() + b"\n")
    for number in _PASSED_ON:
        # In a thread: the interrupted code may hold the lock.
        signal.signal(
            number, lambda got, _: threading.Thread(target=send, args=(b"s", str(got).encode()), daemon=True).start()
        )
    threading.Thread(target=pump, daemon=True).start()
    with suppress(OSError), connection.makefile("rb") as answers:
        while len(head := answers.read(HEAD.size)) == HEAD.size:
            letter, length = HEAD.unpack(head)
            data = answers.read(length)
            if letter == b"x":
                return int(data)
            with suppress(BrokenPipeError):
                _write(1 if letter == b"o" else 2, data)
    return _lost("the connection broke")


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _lost(reason: object) -> int:
    sys.stderr.write(f"the virtual machine does not answer: {reason}\n")
    return LOST


if __name__ == "__main__":
    os._exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
