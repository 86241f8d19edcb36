"""What systemd does for the driver: holds its socket, and starts it again at once when it has died.

`python supervisor.py FOLDER SOCKET [arguments of serve]`. While FOLDER/down exists, the driver stays dead; the socket
goes on to listen, so that Docker waits, unless FOLDER/down says "closed".
"""

import os
import sys
import time
from pathlib import Path

from kuryr.docker.server import sockets

DOWN = "down"


def start(listener: int, folder: Path, arguments: list[str]) -> int:
    """Start the driver with the socket as systemd hands it over; returns its process id."""
    pid = os.fork()
    if pid == 0:
        if listener != sockets.FIRST_PASSED:
            os.dup2(listener, sockets.FIRST_PASSED)
        os.set_inheritable(sockets.FIRST_PASSED, True)
        victim = Path(__file__).with_name("victim.py")
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, str(victim), str(folder), *arguments]
        passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
        os.execvpe(command[0], command, os.environ | passed)  # noqa: S606 (the process id must stay)
    return pid


def supervise(folder: Path, path: Path, arguments: list[str]) -> None:
    """Keep the driver running until this process is killed."""
    listener = sockets.listen(path)
    while True:
        while not (folder / DOWN).exists():
            os.waitpid(start(listener.fileno(), folder, arguments), 0)
        closed = (folder / DOWN).read_text() == "closed"
        if closed:
            listener.close()
            path.unlink()
        while (folder / DOWN).exists():
            time.sleep(0.05)
        if closed:
            listener = sockets.listen(path)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
