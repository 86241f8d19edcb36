"""The guest's end of every command in a virtual machine: one connection, one command.

The client's first line says what to run. Frames follow, each a letter, a length and so many bytes. To the guest: `i`
input (none: its end), `s` the number of a signal. Back: `o` and `e` output, `x` the exit status, and that is the end.
When the connection breaks, all that the command has started is killed.

Runs with nothing but the standard library, `python -I -S`: it is there as soon as the kernel is.
"""

import json
import os
import signal
import socketserver
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

HEAD = struct.Struct("!cI")


class Exchange(socketserver.StreamRequestHandler):
    """One command."""

    def handle(self) -> None:
        """Run it."""
        self._sending = threading.Lock()
        order = json.loads(self.rfile.readline())
        try:
            child = subprocess.Popen(
                order["argv"],
                cwd=order["cwd"] if os.path.isdir(order["cwd"]) else "/",  # noqa: PTH112 (pathlib takes long to load)
                env=order["env"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._send(b"e", f"{error}\n".encode())
            self._send(b"x", b"127")
            return
        threading.Thread(target=self._obey, args=(child,), daemon=True).start()
        pumps = [
            threading.Thread(target=self._pump, args=each) for each in ((b"o", child.stdout), (b"e", child.stderr))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        status = child.wait()
        self._send(b"x", str(status if status >= 0 else 128 - status).encode())

    def _pump(self, letter: bytes, stream: IO[bytes]) -> None:
        while data := os.read(stream.fileno(), 65536):
            self._send(letter, data)

    def _obey(self, child: "subprocess.Popen[bytes]") -> None:
        """Pass on input and signals, until the connection ends."""
        while len(head := self.rfile.read(HEAD.size)) == HEAD.size:
            letter, length = HEAD.unpack(head)
            data = self.rfile.read(length)
            if letter == b"s":
                child.send_signal(int(data))
            elif child.stdin:
                with suppress(BrokenPipeError, ValueError):
                    child.stdin.write(data)
                    child.stdin.flush()
                    if not data:
                        child.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def _send(self, letter: bytes, data: bytes) -> None:
        with self._sending, suppress(OSError):
            self.wfile.write(HEAD.pack(letter, len(data)) + data)


class Agent(socketserver.ThreadingTCPServer):
    """Waits for commands."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    Agent((sys.argv[1], int(sys.argv[2])), Exchange).serve_forever()
