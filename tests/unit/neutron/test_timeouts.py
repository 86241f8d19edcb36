"""A cloud that is down is known to be down within seconds, whoever asks and however it is down."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from kuryr.errors import CloudUnavailable
from kuryr.neutron.session import connect
from unit.neutron.cloudserver import NETWORK, CloudServer
from unit.neutron.conftest import Configure


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.fixture
def refused() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that never answers: its queue of connections is full, so the kernel drops whoever knocks."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_keystone_that_refuses_connections(refused: int, with_password: Configure) -> None:
    neutron = connect(with_password(f"http://127.0.0.1:{refused}/v3"))

    with at_most(1), pytest.raises(CloudUnavailable, match=rf"Keystone at 127.0.0.1:{refused} .* connection refused"):
        neutron.networks.list()


def test_a_keystone_in_a_black_hole_with_the_default_time_outs(black_hole: int, with_password: Configure) -> None:
    neutron = connect(with_password(f"http://127.0.0.1:{black_hole}/v3"))

    with at_most(5), pytest.raises(CloudUnavailable, match=r"Keystone at .* no connection in time"):
        neutron.networks.list()


def test_a_neutron_in_a_black_hole(black_hole: int, server: CloudServer, with_password: Configure) -> None:
    conf = with_password(server.auth_url, endpoint_override=f"http://127.0.0.1:{black_hole}", connect_timeout=0.3)

    with at_most(3), pytest.raises(CloudUnavailable, match=r"Neutron at .* no connection in time"):
        connect(conf).networks.list()


def test_a_neutron_that_refuses_connections(refused: int, server: CloudServer, with_password: Configure) -> None:
    conf = with_password(server.auth_url, endpoint_override=f"http://127.0.0.1:{refused}")

    with at_most(3), pytest.raises(CloudUnavailable, match=r"Neutron at .* connection refused"):
        connect(conf).networks.list()


def test_a_name_that_does_not_exist(with_password: Configure) -> None:
    neutron = connect(with_password("http://keystone.invalid:5000/v3"))

    with at_most(5), pytest.raises(CloudUnavailable, match=r"Keystone at keystone\.invalid:5000 cannot be reached"):
        neutron.networks.list()


def test_a_name_server_that_does_not_answer(with_password: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_args: object, **_options: object) -> None:
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    neutron = connect(with_password("http://keystone.example:5000/v3", connect_timeout=0.3))

    with at_most(3), pytest.raises(CloudUnavailable, match="no connection in time"):
        neutron.networks.list()
    over.set()


def test_all_addresses_of_a_name_share_the_time_out(
    black_hole: int, with_password: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, **how: real("127.0.0.1", port, **how) * 8)
    neutron = connect(with_password(f"http://keystone.example:{black_hole}/v3", connect_timeout=0.5))

    with at_most(3), pytest.raises(CloudUnavailable):
        neutron.networks.list()


def test_the_second_address_of_a_name_is_tried(
    black_hole: int, server: CloudServer, with_password: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    good = int(server.url.rpartition(":")[2])

    def both(host: str, port: int, **how: int) -> object:
        return [*real("127.0.0.1", black_hole, **how), *real("127.0.0.1", good, **how)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    conf = with_password(server.auth_url, connect_timeout=0.6)

    assert connect(conf).networks.get(NETWORK["id"]).name == "n"


def test_a_server_that_listens_but_never_answers_has_the_longer_time_out(silent: int, with_password: Configure) -> None:
    conf = with_password(f"http://127.0.0.1:{silent}/v3", connect_timeout=0.1, read_timeout=0.6)

    began = time.monotonic()
    with at_most(4), pytest.raises(CloudUnavailable, match=r"Keystone at .* did not answer in time"):
        connect(conf).networks.list()
    assert time.monotonic() - began >= 0.6


def test_a_silent_tls_server_counts_as_not_connected(silent: int, with_password: Configure) -> None:
    conf = with_password(f"https://127.0.0.1:{silent}/v3", connect_timeout=0.3)

    with at_most(3), pytest.raises(CloudUnavailable, match="Keystone at"):
        connect(conf).networks.list()


def test_many_calls_at_once_find_out_together(black_hole: int, with_password: Configure) -> None:
    """keystoneauth fetches tokens under a lock: without care, the last of them would wait 12 x 0.5 s."""
    neutron = connect(with_password(f"http://127.0.0.1:{black_hole}/v3", connect_timeout=0.5))

    def call(_: int) -> str:
        with pytest.raises(CloudUnavailable) as caught:
            neutron.networks.list()
        return str(caught.value)

    with at_most(3), ThreadPoolExecutor(12) as threads:
        said = set(threads.map(call, range(12)))
    assert len(said) == 1


def test_a_cloud_that_comes_back_is_used_at_once(refused: int, with_password: Configure, server: CloudServer) -> None:
    conf = with_password(server.auth_url, endpoint_override=f"http://127.0.0.1:{refused}")
    neutron = connect(conf)
    with pytest.raises(CloudUnavailable):
        neutron.networks.list()

    with socket.create_server(("127.0.0.1", refused)) as listener:
        answering = threading.Thread(target=_answer_once, args=(listener,), daemon=True)
        answering.start()
        assert neutron.networks.list() == []
        answering.join()


def test_an_answer_that_stops_half_way_is_neutrons_failure(with_password: Configure, server: CloudServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        conf = with_password(server.auth_url, endpoint_override=endpoint, read_timeout=0.5)
        answering = threading.Thread(target=_answer_once, args=(listener, 1), daemon=True)
        answering.start()
        with at_most(4), pytest.raises(CloudUnavailable, match=r"Neutron at 127\.0\.0\.1"):
            connect(conf).networks.list()
        answering.join()


def _answer_once(listener: socket.socket, missing: int = 0) -> None:
    """Answer one request, with a length that promises some bytes more than are sent."""
    accepted, _ = listener.accept()
    with accepted:
        accepted.recv(65536)
        body = b'{"networks": []}'
        length = len(body) + missing
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        accepted.sendall(head.encode() + body)
