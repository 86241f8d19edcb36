"""TCP with mutual TLS: who gets in, who does not, and what each wrong setting is answered with."""

import asyncio
import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from oslo_config import cfg

from authority import Authority, Pair
from kuryr import config
from kuryr.docker.driver.assembly import Driver
from kuryr.docker.server import sockets, tcp
from kuryr.docker.server.http import Lanes, Server
from kuryr.docker.server.methods import Lane
from kuryr.errors import InvalidInput, KuryrError
from kuryr.web.listeners import Listener, address
from kuryr.web.serving import Web
from unit.docker.wire import Connection

LOCALHOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> dict[str, str]:
    pair = authority.issue("driver", address=LOCALHOST)
    return {"tls_cert": str(pair.certificate), "tls_key": str(pair.key), "tls_client_ca": str(authority.file)}


def settings(**options: str) -> cfg.ConfigOpts:
    conf = config.load([])
    for name, value in options.items():
        conf.set_override(name, value, group="docker")
    return conf


def free_port() -> int:
    with socket.create_server((LOCALHOST, 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def port(files: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """The port of a driver that listens on both kinds of socket, as the service does."""
    secured = tcp.listen(settings(listen_tcp=f"{LOCALHOST}:{free_port()}", **files))
    assert secured
    number = int(secured.socket.getsockname()[1])
    local = Listener(sockets.listen(tmp_path / "kuryr.sock"))
    driver: Future[Driver] = Future()
    lanes = Lanes({Lane.CLOUD: 1, Lane.LOCAL: 1})
    web = Web(Server(driver.result, lanes, lambda: None), [local, secured], keep_alive=60)
    thread = threading.Thread(target=lambda: asyncio.run(web.run()))
    thread.start()
    yield number
    web.end()
    thread.join(10)
    lanes.close()
    assert not thread.is_alive()


def client(authority: Authority, pair: Pair | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


def activate(port: int, context: ssl.SSLContext) -> str:
    """What the handshake is answered with."""
    with (
        socket.create_connection((LOCALHOST, port), 10) as plain,
        context.wrap_socket(plain, server_hostname=LOCALHOST) as secured,
    ):
        secured.sendall(b"POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        answer = b""
        while piece := secured.recv(4096):
            answer += piece
        return answer.decode()


def test_an_engine_with_a_certificate_gets_in_and_the_unix_socket_stays(
    port: int, authority: Authority, tmp_path: Path
) -> None:
    answer = activate(port, client(authority, authority.issue("engine")))
    assert json.loads(answer.partition("\r\n\r\n")[2]) == {"Implements": ["NetworkDriver", "IpamDriver"]}
    connection = Connection(tmp_path / "kuryr.sock")
    assert connection.post("Plugin.Activate")[0] == 200
    connection.close()


def test_strangers_do_not_get_in_and_nothing_breaks(
    port: int, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = Authority(tmp_path / "foreign").issue("engine")
    server_only = authority.issue("other", address=LOCALHOST)
    for stranger in (None, foreign, server_only):
        assert refused(port, client(authority, stranger))
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "a connection over TCP was refused: peer did not return a certificate",
        "a connection over TCP was refused: certificate verify failed",
        "a connection over TCP was refused: certificate verify failed",
    ]
    assert "200" in activate(port, client(authority, authority.issue("engine")))


def test_what_is_not_tls_of_today_gets_no_answer(port: int, authority: Authority) -> None:
    old = client(authority, authority.issue("engine"))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(port, old)
    with socket.create_connection((LOCALHOST, port), 10) as plain:
        plain.sendall(b"POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n")
        assert b"HTTP" not in plain.recv(4096)
    assert "200" in activate(port, client(authority, authority.issue("engine")))


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether the door stays closed. A client of TLS 1.3 learns so only when it waits for the answer."""
    try:
        return activate(port, context) == ""
    except (ssl.SSLError, ConnectionResetError):
        return True


def test_tls_1_2_suffices(port: int, authority: Authority) -> None:
    context = client(authority, authority.issue("engine"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "200" in activate(port, context)


def test_an_engines_own_certificate_may_stand_for_an_authority(
    authority: Authority, files: dict[str, str], tmp_path: Path
) -> None:
    """Only that engine gets in then."""
    pair = authority.issue("engine")
    tls = tcp.listen(
        settings(listen_tcp=f"{LOCALHOST}:{free_port()}", **{**files, "tls_client_ca": str(pair.certificate)})
    )
    assert tls
    assert tls.tls
    for known, admitted in ((pair, True), (authority.issue("another"), False)):
        assert shakes_hands(tls.tls, client(authority, known)) == admitted
    tls.socket.close()


def shakes_hands(server: ssl.SSLContext, engine: ssl.SSLContext) -> bool:
    """Whether the two agree, in memory."""
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(inward, outward, server_side=True)
    theirs = engine.wrap_bio(outward, inward, server_hostname=LOCALHOST)
    try:
        for _ in range(4):
            for side in (theirs, ours):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLError:
        return False
    return ours.version() is not None


def test_there_is_no_tcp_by_default(files: dict[str, str]) -> None:
    assert tcp.listen(settings()) is None
    assert tcp.listen(settings(**files)) is None


@pytest.mark.parametrize("missing", [["tls_cert"], ["tls_key"], ["tls_client_ca"], ["tls_cert", "tls_client_ca"]])
def test_there_is_no_tcp_without_all_of_the_certificates(files: dict[str, str], missing: list[str]) -> None:
    given = {name: value for name, value in files.items() if name not in missing}
    with pytest.raises(InvalidInput) as failure:
        tcp.listen(settings(listen_tcp=f"{LOCALHOST}:1", **given))
    assert str(failure.value) == (
        f"[docker] listen_tcp is set, but {', '.join(missing)} is not "
        "(there is no TCP without certificates on both sides)"
    )


@pytest.mark.parametrize(
    "text",
    ["2376", "host", "host:", ":2376", "host:0", "host:99999", "host:x", "http://host:1", "u@host:1", "h:1/x", "[::1"],
)
def test_what_is_no_address_is_refused(files: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^\[docker\] listen_tcp: .* is not host:port \(such as "):
        tcp.listen(settings(listen_tcp=text, **files))


def test_an_address_may_be_of_ipv6() -> None:
    assert address("[2001:db8::1]:2376") == ("2001:db8::1", 2376)
    assert address("kuryr.example.com:2376") == ("kuryr.example.com", 2376)


def test_a_file_that_does_not_fit_is_one_line_that_names_it(
    authority: Authority, files: dict[str, str], tmp_path: Path
) -> None:
    other = authority.issue("other", address=LOCALHOST)
    damaged, empty = tmp_path / "damaged.pem", tmp_path / "empty.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    empty.write_text("")
    torn = tmp_path / "torn.key"
    torn.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    encrypted = authority.encrypted(Pair(Path(files["tls_cert"]), Path(files["tls_key"])))
    mistakes = [
        ("tls_cert", tmp_path / "none.pem", r"\[docker\] tls_cert: .*none.pem cannot be read: No such file"),
        ("tls_cert", tmp_path, r"\[docker\] tls_cert: .* cannot be read: Is a directory"),
        ("tls_cert", empty, r"\[docker\] tls_cert: .*empty.pem holds no certificate in PEM format"),
        ("tls_cert", Path(files["tls_key"]), r"\[docker\] tls_cert: .*driver.key holds no certificate"),
        ("tls_cert", damaged, r"\[docker\] tls_key .*driver.key does not fit tls_cert .*damaged.pem: they are damaged"),
        ("tls_key", other.key, r"\[docker\] tls_key .*other.key does not fit .*: it is another certificate's"),
        ("tls_key", other.certificate, r"\[docker\] tls_key: .*other.pem holds no private key"),
        ("tls_key", torn, r"\[docker\] tls_key .*torn.key does not fit .*: they are damaged"),
        ("tls_key", encrypted, r"\[docker\] tls_key: .*encrypted.key is encrypted"),
        ("tls_client_ca", damaged, r"\[docker\] tls_client_ca: .*damaged.pem is damaged"),
        ("tls_client_ca", other.key, r"\[docker\] tls_client_ca: .*other.key holds no certificate"),
    ]
    for option, file, line in mistakes:
        with pytest.raises(InvalidInput, match=line) as failure:
            tcp.listen(settings(listen_tcp=f"{LOCALHOST}:1", **{**files, option: str(file)}))
        assert "secret" not in str(failure.value)


def test_an_address_that_is_taken_or_not_ours_is_said(files: dict[str, str]) -> None:
    with socket.create_server((LOCALHOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(KuryrError, match=f"cannot listen on {LOCALHOST}:{port}: Address already in use"):
            tcp.listen(settings(listen_tcp=f"{LOCALHOST}:{port}", **files))
    with pytest.raises(KuryrError, match=r"cannot listen on 192\.0\.2\.1:1: Cannot assign requested address"):
        tcp.listen(settings(listen_tcp="192.0.2.1:1", **files))
    with pytest.raises(KuryrError, match=r"cannot listen on kuryr\.invalid:1: "):
        tcp.listen(settings(listen_tcp="kuryr.invalid:1", **files))
