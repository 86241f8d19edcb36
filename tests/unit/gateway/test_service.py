"""The service at its door, and a driver's way to it: real TLS on a real socket, an in-memory Neutron behind."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from authority import Authority, Pair
from fakes.neutron import FakeNeutron
from fakes.transport import service
from kuryr import config
from kuryr.behind import Behind
from kuryr.errors import CloudError, CloudRefused, CloudUnavailable, InvalidInput
from kuryr.gateway import connection
from kuryr.gateway.protocol import Gateway
from kuryr.gateway.remote.assembly import RemoteGateway
from kuryr.gateway.remote.channel import HttpsChannel
from kuryr.gateway.service import http as service_http
from kuryr.gateway.service import peer, process
from kuryr.gateway.service.http import LARGEST_BODY, Door
from kuryr.gateway.service.peer import LARGEST_HEAD, PeerProtocol
from kuryr.gateway.wire.calls import METHODS
from kuryr.model import PortRequest
from kuryr.neutron.tracing import new_request_id, request_id
from kuryr.web.serving import Web
from unit.host.node import Clock, Site, site

LOCALHOST = "127.0.0.1"
HELD = METHODS["ports"]["held"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("gateway", address=LOCALHOST)


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("vm1")


@pytest.fixture
def blue(neutron: FakeNeutron) -> Site:
    return site(neutron)


@pytest.fixture
def grants(tmp_path: Path, blue: Site) -> Path:
    file = tmp_path / "grants.toml"
    file.write_text(f"[nodes.vm1]\nnetworks = ['{blue.network_id}']\n[nodes.vm2]\n")
    return file


def service_conf(authority: Authority, server: Pair, **changes: object) -> cfg.ConfigOpts:
    conf = config.load([])
    options = {"listen": f"{LOCALHOST}:{free_port()}", "ca": str(authority.file)}
    options |= {"certificate": str(server.certificate), "key": str(server.key)}
    for name, value in {**options, **changes}.items():
        conf.set_override(name, value, group="gateway")
    return conf


def free_port() -> int:
    with socket.create_server((LOCALHOST, 0)) as taken:
        return int(taken.getsockname()[1])


BOUNDS: dict[str, Any] = {"threads": 4, "node_threads": 2, "timeout": 5}


class Running:
    """A service on a thread."""

    def __init__(self, conf: cfg.ConfigOpts, neutron: FakeNeutron, grants: Path, **bounds: Any) -> None:
        listener = process.listen(conf)
        self.port = int(listener.socket.getsockname()[1])
        self.url = f"https://{LOCALHOST}:{self.port}"
        self._door = Door(
            service(neutron, grants, Clock()), **{"threads": 4, "node_threads": 2, "timeout": 5, **bounds}
        )
        self._web = Web(self._door, [listener], keep_alive=60, protocol=PeerProtocol)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._web.run()))
        self._thread.start()

    def stop(self) -> None:
        self._web.end()
        self._thread.join(10)
        self._door.close()
        assert not self._thread.is_alive()


@pytest.fixture
def start(authority: Authority, server: Pair, neutron: FakeNeutron, grants: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(port: int = 0, **bounds: Any) -> Running:
        listen = {"listen": f"{LOCALHOST}:{port}"} if port else {}
        running.append(Running(service_conf(authority, server, **listen), neutron, grants, **bounds))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    return start()


Connect = Callable[..., HttpsChannel]


@pytest.fixture
def connect(start: Callable[..., Running], authority: Authority, pair: Pair) -> Iterator[Connect]:
    """Ways to a service or to a URL, by default with the certificate of `vm1`; closed before the services stop."""
    opened: list[HttpsChannel] = []

    def connect(to: Running | str, own: Pair = pair, *, ca: Path = authority.file, **options: Any) -> HttpsChannel:
        url = to if isinstance(to, str) else to.url
        opened.append(HttpsChannel(url, str(ca), (str(own.certificate), str(own.key)), lambda: None, **options))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


@pytest.fixture
def vm1(running: Running, connect: Connect) -> Iterator[Gateway]:
    behind = Behind(threads=1)
    yield RemoteGateway(connect(running), behind, lambda: None)
    behind.close()


def raw(running: Running, authority: Authority, pair: Pair) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=authority.file)
    context.load_cert_chain(pair.certificate, pair.key)
    return http.client.HTTPSConnection(LOCALHOST, running.port, timeout=20, context=context)


def answered(connection: http.client.HTTPSConnection) -> bool:
    try:
        connection.request("POST", "/v1/ports/held", b"{}")
        return bool(connection.getresponse().read())
    except OSError:
        return False


def test_a_driver_without_credentials_gets_its_ports(vm1: Gateway, neutron: FakeNeutron, blue: Site) -> None:
    (vif,) = vm1.ports.reserve(PortRequest(blue.network_id, ((blue.subnet_id, None),)))
    assert vm1.ports.held() == (vif,)
    vm1.ports.release(vif)
    assert neutron.cloud.where("port", description="kuryr:test@vm1") == []


def test_the_request_id_goes_on_to_neutron(vm1: Gateway, neutron: FakeNeutron) -> None:
    before = request_id.set(mine := new_request_id())
    vm1.ports.held()
    request_id.reset(before)
    assert neutron.calls[-1].headers["X-Openstack-Request-Id"] == mine


class TestWhoIsLetIn:
    def test_nobody_with_a_certificate_of_another_authority(
        self, running: Running, tmp_path: Path, neutron: FakeNeutron, connect: Connect
    ) -> None:
        forged = Authority(tmp_path / "forged").issue("vm1")
        self.refused(connect(running, forged), "closes the connection")
        assert neutron.calls == []

    def test_nobody_with_the_servers_kind_of_certificate(
        self, running: Running, authority: Authority, connect: Connect
    ) -> None:
        self.refused(connect(running, authority.issue("vm1x", address=LOCALHOST)), "closes the connection")

    def test_nobody_with_an_expired_one(
        self, running: Running, authority: Authority, neutron: FakeNeutron, connect: Connect
    ) -> None:
        self.refused(connect(running, authority.issue("late", days=-0.5)), "closes the connection")
        assert neutron.calls == []

    def test_nobody_who_is_not_in_the_table(self, running: Running, authority: Authority, connect: Connect) -> None:
        self.refused(connect(running, authority.issue("vm3")), "grants nothing to vm3")

    def test_a_certificate_that_expires_on_a_standing_connection(
        self, running: Running, authority: Authority, monkeypatch: pytest.MonkeyPatch, connect: Connect
    ) -> None:
        way = connect(running, authority.issue("vm2"))
        assert way.call(HELD, {}) == []
        later = time.time() + 2 * 86400
        monkeypatch.setattr(time, "time", lambda: later)
        with pytest.raises(CloudRefused, match="has expired"):
            way.call(HELD, {})

    def test_a_certificate_that_is_revoked_on_a_standing_connection(
        self, running: Running, authority: Authority, grants: Path, connect: Connect
    ) -> None:
        pair = authority.issue("vm2")
        way = connect(running, pair)
        assert way.call(HELD, {}) == []
        serial = ssl._ssl._test_decode_cert(str(pair.certificate))["serialNumber"]  # type: ignore[attr-defined]
        grants.write_text(grants.read_text() + f"revoked = ['{serial}']")
        with pytest.raises(CloudRefused, match="has been revoked"):
            way.call(HELD, {})

    def refused(self, way: HttpsChannel, words: str) -> None:
        began = time.monotonic()
        with pytest.raises(CloudError, match=words):
            way.call(HELD, {})
        assert time.monotonic() - began < 5


class TestWhatItTakes:
    @pytest.mark.parametrize(
        "path", ["/", "/v1/ports", "/v1/ports/held/x", "/v1/../v1/ports/held", "/metrics", "/v1//held"]
    )
    def test_there_is_no_other_path(self, running: Running, authority: Authority, pair: Pair, path: str) -> None:
        connection = raw(running, authority, pair)
        connection.request("POST", path, b"{}")
        assert connection.getresponse().status == 404
        connection.close()

    @pytest.mark.parametrize("path", ["/v1/ports/_made", "/v1/ports/__init__", "/v1/neutron/ports", "/v1/%2e%2e/held"])
    def test_there_is_no_other_method(self, running: Running, authority: Authority, pair: Pair, path: str) -> None:
        connection = raw(running, authority, pair)
        connection.request("POST", path, b"{}")
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]["kind"]) == (404, "NotFound")
        connection.request("GET", "/v1/ports/held")
        assert connection.getresponse().status == 404
        connection.close()

    def test_nothing_that_it_sends_writes_a_line_of_its_own_in_the_log(
        self, running: Running, authority: Authority, pair: Pair, neutron: FakeNeutron, caplog: pytest.LogCaptureFixture
    ) -> None:
        connection = raw(running, authority, pair)
        for path, status in (("/v1/x%0Agateway%20node=vm2/y", 404), ("/v1/ports/held", 200)):
            connection.request("POST", path, b"{}", headers={"X-Openstack-Request-Id": "req-1\t\xe9 method=x"})
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()
        told = [record.getMessage() for record in caplog.records if record.name == "kuryr.gateway.service.http"]
        assert told
        assert not any("\n" in line or "method=x" in line for line in told)
        assert neutron.calls[-1].headers["X-Openstack-Request-Id"].startswith("req-")

    def test_a_body_has_an_end(self, running: Running, authority: Authority, pair: Pair) -> None:
        connection = raw(running, authority, pair)
        connection.request("POST", "/v1/ports/held", b" " * (LARGEST_BODY + 1))
        assert connection.getresponse().status == 400
        connection.close()

    @pytest.mark.parametrize(
        "head",
        [
            b"X: " + b"x" * 2 * LARGEST_HEAD,
            b"X: y\r\n" * LARGEST_HEAD,
            b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        ],
    )
    def test_a_head_has_an_end(self, running: Running, authority: Authority, pair: Pair, head: bytes) -> None:
        """Nothing of what comes before a call, or behind its body, is remembered without bounds."""
        connection = raw(running, authority, pair)
        connection.connect()
        connection.sock.sendall(b"POST /v1/ports/held HTTP/1.1\r\n" + head)
        assert connection.sock.recv(4096).startswith(b"HTTP/1.1 400 ")
        connection.close()

    def test_one_client_has_no_more_than_its_share_of_connections(
        self,
        running: Running,
        authority: Authority,
        pair: Pair,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(peer, "MOST_CONNECTIONS", 2)
        kept = [raw(running, authority, pair) for _ in range(3)]
        assert [answered(each) for each in kept] == [True, True, False]
        assert "vm1 has 2 connections already" in caplog.text
        assert connect(running, authority.issue("vm2")).call(HELD, {}) == []
        for each in kept:
            each.close()

    def test_a_body_that_does_not_come_is_not_waited_for(
        self, running: Running, authority: Authority, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service_http, "BODY_PATIENCE", 0.2)
        connection = raw(running, authority, pair)
        connection.putrequest("POST", "/v1/ports/held")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"{")
        response = connection.getresponse()
        assert (response.status, b"did not come within" in response.read()) == (400, True)
        connection.close()

    def test_one_client_has_no_more_than_its_share(
        self, running: Running, authority: Authority, pair: Pair, neutron: FakeNeutron, connect: Connect
    ) -> None:
        """Two of its calls hang in Neutron: a third is turned away at once, and another client is served."""
        way = connect(running, pair)
        with ThreadPoolExecutor(2) as hanging, neutron.hold() as hold:
            both = [hanging.submit(way.call, HELD, {}) for _ in range(2)]
            hold.wait_for(2)
            began = time.monotonic()
            with pytest.raises(CloudUnavailable, match="2 calls of vm1 are under way already"):
                way.call(HELD, {})
            other = connect(running, authority.issue("vm2"))
            assert other.call(METHODS["guards"]["resolve"], {"traits": {"dns_name": "web"}})["dns_name"] == "web"
            assert time.monotonic() - began < 5
            hold.release()
            assert [each.result(10) for each in both] == [[], []]
        assert way.call(HELD, {}) == []

    def test_a_call_that_hangs_is_given_up_and_still_counts(
        self, start: Callable[..., Running], pair: Pair, neutron: FakeNeutron, connect: Connect
    ) -> None:
        running = start(timeout=0.2, node_threads=1)
        way = connect(running, pair)
        with neutron.hold():
            with pytest.raises(CloudUnavailable, match=r"no answer within 0\.2 s"):
                way.call(HELD, {})
            with pytest.raises(CloudUnavailable, match="1 calls of vm1 are under way"):
                way.call(HELD, {})


class TestTheWay:
    def test_a_service_that_is_down_is_known_to_be_within_seconds(
        self, running: Running, vm1: Gateway, blue: Site
    ) -> None:
        vm1.ports.held()
        running.stop()
        began = time.monotonic()
        down = rf"gateway service at {LOCALHOST}:\d+ cannot be reached: connection refused"
        for act in (vm1.ports.held, lambda: vm1.ports.reserve(PortRequest(blue.network_id, ()))):
            with pytest.raises(CloudUnavailable, match=down):
                act()
        assert time.monotonic() - began < 5

    def test_it_is_found_again_when_it_is_back(
        self, start: Callable[..., Running], pair: Pair, connect: Connect
    ) -> None:
        running = start()
        way = connect(running, pair)
        assert way.call(HELD, {}) == []
        running.stop()
        start(running.port)
        assert way.call(HELD, {}) == []

    def test_one_that_does_not_answer_is_not_waited_for_for_ever(self, connect: Connect) -> None:
        with socket.create_server((LOCALHOST, 0)) as silent:
            url = f"https://{LOCALHOST}:{silent.getsockname()[1]}"
            way = connect(url, connect_timeout=0.3, read_timeout=0.3)
            began = time.monotonic()
            with pytest.raises(CloudUnavailable, match="gateway service at"):
                way.call(HELD, {})
            assert time.monotonic() - began < 5

    def test_one_that_cannot_be_trusted_is_told_nothing(
        self, running: Running, tmp_path: Path, neutron: FakeNeutron, connect: Connect
    ) -> None:
        other = Authority(tmp_path / "other")
        way = connect(running, ca=other.file)
        with pytest.raises(CloudUnavailable, match="cannot be trusted"):
            way.call(HELD, {})
        by_another_name = connect(running.url.replace(LOCALHOST, "localhost"))
        with pytest.raises(CloudUnavailable, match="cannot be trusted"):
            by_another_name.call(HELD, {})
        assert neutron.calls == []

    @pytest.mark.parametrize("answer", ["200 OK", "307 Elsewhere\r\nLocation: http://192.0.2.1/"])
    def test_what_is_no_gateway_service_is_said_to_be_none(self, server: Pair, connect: Connect, answer: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.certificate, server.key)
        with socket.create_server((LOCALHOST, 0)) as plain:
            thread = threading.Thread(target=_answer_html, args=(context, plain, answer))
            thread.start()
            way = connect(f"https://{LOCALHOST}:{plain.getsockname()[1]}")
            with pytest.raises(CloudError, match=f"status {answer[:3]} and nothing that can be read"):
                way.call(HELD, {})
            thread.join(10)

    def test_a_broken_connection_is_tried_again_only_where_twice_is_once(self, server: Pair, connect: Connect) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.certificate, server.key)
        with socket.create_server((LOCALHOST, 0)) as breaking:
            came: list[bytes] = []
            thread = threading.Thread(target=_break, args=(context, breaking, came, 3))
            thread.start()
            way = connect(f"https://{LOCALHOST}:{breaking.getsockname()[1]}")
            with pytest.raises(CloudUnavailable):
                way.call(METHODS["ports"]["reserve"], {})
            assert len(came) == 1
            with pytest.raises(CloudUnavailable):
                way.call(HELD, {})
            thread.join(10)
            assert len(came) == 3


def _answer_html(context: ssl.SSLContext, listening: socket.socket, answer: str) -> None:
    accepted, _ = listening.accept()
    with context.wrap_socket(accepted, server_side=True) as connection:
        while not connection.recv(4096).endswith(b"{}"):
            pass
        connection.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<ok>".encode())


def _break(context: ssl.SSLContext, listening: socket.socket, came: list[bytes], times: int) -> None:
    for _ in range(times):
        accepted, _ = listening.accept()
        with context.wrap_socket(accepted, server_side=True) as connection:
            came.append(connection.recv(4096))


class TestConfiguration:
    def test_a_driver_with_a_service_needs_no_credentials(self, authority: Authority, pair: Pair) -> None:
        conf = config.load([])
        for name, value in {
            "url": "https://192.0.2.1:9797",
            "ca": str(authority.file),
            "certificate": str(pair.certificate),
            "key": str(pair.key),
        }.items():
            conf.set_override(name, value, group="gateway")
        behind = Behind(threads=1)
        assert connection.connect(conf, behind, lambda: None).inheritance is None
        conf.set_override("scope", "global", group="docker")
        with pytest.raises(InvalidInput, match="scope = global needs cloud credentials"):
            connection.connect(conf, behind, lambda: None)
        behind.close()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({}, "url is set, but ca, certificate, key is not"),
            ({"ca": "/x", "certificate": "/x"}, "but key is not"),
            ({"ca": "/no/ca", "certificate": "/x", "key": "/x"}, "/no/ca cannot be read: No such file"),
        ],
    )
    def test_a_driver_says_what_is_missing(self, options: dict[str, str], words: str) -> None:
        conf = config.load([])
        for name, value in {"url": "https://192.0.2.1:9797", **options}.items():
            conf.set_override(name, value, group="gateway")
        with pytest.raises(InvalidInput, match=words):
            HttpsChannel.configured(conf, lambda: None)

    def test_there_is_no_plain_http(self, tmp_path: Path) -> None:
        file = tmp_path / "kuryr.conf"
        file.write_text("[gateway]\nurl = http://192.0.2.1:9797\n")
        with pytest.raises(InvalidInput, match="scheme"):
            config.load([file])

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"listen": ""}, "listen must be set"),
            ({"ca": None, "key": None}, "key, ca must be set"),
            ({"listen": "x"}, "listen: 'x' is not host:port"),
            ({"key": "/no/key"}, r"\[gateway\] key: /no/key cannot be read"),
        ],
    )
    def test_a_service_says_what_is_missing(
        self, authority: Authority, server: Pair, changes: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(InvalidInput, match=words):
            process.listen(service_conf(authority, server, **changes))
