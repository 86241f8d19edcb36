"""The socket that Docker calls: root's alone, replaced when stale, never stolen, or handed over by systemd."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kuryr.docker.server import sockets
from kuryr.errors import KuryrError


def test_only_the_owner_may_connect(tmp_path: Path) -> None:
    path = tmp_path / "plugins" / "kuryr.sock"
    with sockets.listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.umask(os.umask(0o22)) is not None


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "kuryr.sock"
    sockets.listen(path).close()
    assert path.exists()
    with sockets.listen(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_living_driver_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "kuryr.sock"
    with sockets.listen(path) as first:
        with pytest.raises(sockets.SocketTaken, match="another driver is listening"):
            sockets.listen(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            for _ in range(2):
                first.accept()[0].close()


def test_a_file_in_the_way_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "kuryr.sock"
    path.write_text("mine")
    with pytest.raises(KuryrError, match="is in the way: it is not a socket"):
        sockets.listen(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["x" * 200 + ".sock", "file/kuryr.sock"])
def test_an_impossible_place_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KuryrError, match=r"^cannot listen on .*kuryr\.sock: |^cannot listen on .*x\.sock: "):
        sockets.listen(tmp_path / name)


PASSED = """
import os
os.environ["LISTEN_PID"] = str(os.getpid())
from kuryr.docker.server import sockets
try:
    found = sockets.passed()
    print(found and found.getsockname(), os.environ.get("LISTEN_FDS"))
    again = sockets.passed()
    print(again)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


def run_with(listener: socket.socket, **environment: str) -> list[str]:
    """A process that is started as systemd starts one: with the socket as file descriptor 3."""
    saved = os.dup(3) if _is_open(3) else None
    os.dup2(listener.fileno(), 3)
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PASSED],
            pass_fds=[3],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    finally:
        if saved is None:
            os.close(3)
        else:
            os.dup2(saved, 3)
            os.close(saved)
    return done.stdout.splitlines()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_systemds_socket_is_taken_over_once(tmp_path: Path) -> None:
    path = tmp_path / "kuryr.sock"
    with sockets.listen(path) as listener:
        assert run_with(listener, LISTEN_FDS="1") == [f"{path} None", "None"]


def test_several_sockets_are_refused(tmp_path: Path) -> None:
    with sockets.listen(tmp_path / "kuryr.sock") as listener:
        (line,) = run_with(listener, LISTEN_FDS="2")
    assert line.startswith("InvalidInput: 2 sockets were passed")


def test_a_socket_that_the_network_reaches_is_refused() -> None:
    """Over TCP only a certificate lets anybody in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (line,) = run_with(listener, LISTEN_FDS="1")
    assert line.startswith("InvalidInput: the socket that was passed is not a Unix socket")


def test_a_socket_for_another_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert sockets.passed() is None
    monkeypatch.delenv("LISTEN_PID")
    assert sockets.passed() is None
