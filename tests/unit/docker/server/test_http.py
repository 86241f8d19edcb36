"""Docker's HTTP over a real Unix socket: every method, every malformation, and a handshake that never waits."""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes.neutron import FakeNeutron
from kuryr.docker.driver.assembly import Driver
from kuryr.docker.server.http import LARGEST_BODY
from kuryr.docker.server.methods import INSTANT, METHODS
from kuryr.errors import InvalidInput
from unit.docker.wire import METRICS, Served, ready, served
from unit.docker.world import Docker, new_id
from unit.host.node import site, snapshot

PROTOCOL = [
    "Plugin.Activate",
    "NetworkDriver.GetCapabilities",
    "NetworkDriver.GwAllocCheck",
    "NetworkDriver.AllocateNetwork",
    "NetworkDriver.FreeNetwork",
    "NetworkDriver.CreateNetwork",
    "NetworkDriver.DeleteNetwork",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.DeleteEndpoint",
    "NetworkDriver.EndpointOperInfo",
    "NetworkDriver.Join",
    "NetworkDriver.Leave",
    "NetworkDriver.ProgramExternalConnectivity",
    "NetworkDriver.RevokeExternalConnectivity",
    "NetworkDriver.DiscoverNew",
    "NetworkDriver.DiscoverDelete",
    "IpamDriver.GetCapabilities",
    "IpamDriver.GetDefaultAddressSpaces",
    "IpamDriver.RequestPool",
    "IpamDriver.ReleasePool",
    "IpamDriver.RequestAddress",
    "IpamDriver.ReleaseAddress",
]

HANDSHAKE = [
    "Plugin.Activate",
    "NetworkDriver.GetCapabilities",
    "IpamDriver.GetCapabilities",
    "IpamDriver.GetDefaultAddressSpaces",
]


def test_the_table_is_the_whole_protocol() -> None:
    assert sorted([*METHODS, *INSTANT]) == sorted(PROTOCOL)


@pytest.mark.credentials
def test_every_method_answers_in_a_networks_life(server: Served, neutron: FakeNeutron) -> None:
    before = snapshot(neutron)
    network, endpoint = new_id(), new_id()
    ids = {"NetworkID": network, "EndpointID": endpoint}
    asked: list[str] = []

    with server.connection() as connection:

        def post(method: str, body: object = None) -> dict[str, object]:
            asked.append(method)
            status, reply = connection.post(method, body)
            assert status == 200, reply
            assert isinstance(reply, dict)
            assert "Err" not in reply
            return reply

        assert post("Plugin.Activate") == {"Implements": ["NetworkDriver", "IpamDriver"]}
        assert post("NetworkDriver.GetCapabilities")["Scope"] == "local"
        assert post("IpamDriver.GetCapabilities") == {"RequiresMACAddress": False, "RequiresRequestReplay": False}
        assert post("NetworkDriver.GwAllocCheck", {"Options": {}}) == {"SkipIPv4": False, "SkipIPv6": False}
        assert post("IpamDriver.GetDefaultAddressSpaces")["LocalDefaultAddressSpace"] == "KuryrLocal"
        post("NetworkDriver.DiscoverNew", {"DiscoveryType": 1, "DiscoveryData": {"Address": "10.0.0.1", "Self": True}})
        pool = post("IpamDriver.RequestPool", {"AddressSpace": "KuryrLocal", "Pool": "10.5.0.0/24", "Options": None})
        gateway = {"RequestAddressType": "com.docker.network.gateway"}
        reply = post("IpamDriver.RequestAddress", {"PoolID": pool["PoolID"], "Address": "", "Options": gateway})
        assert reply == {"Address": "10.5.0.1/24", "Data": {}}
        data = {"AddressSpace": "KuryrLocal", "Pool": "10.5.0.0/24", "Gateway": "10.5.0.1/24", "AuxAddresses": {}}
        options = {"com.docker.network.enable_ipv6": False, "com.docker.network.generic": {}}
        post(
            "NetworkDriver.CreateNetwork",
            {"NetworkID": network, "Options": options, "IPv4Data": [data], "IPv6Data": []},
        )
        reply = post("IpamDriver.RequestAddress", {"PoolID": pool["PoolID"], "Address": "", "Options": None})
        interface = {"Address": reply["Address"], "AddressIPv6": "", "MacAddress": ""}
        reply = post("NetworkDriver.CreateEndpoint", {**ids, "Interface": interface, "Options": {}})
        assert list(reply["Interface"]) == ["MacAddress"]  # type: ignore[call-overload]
        reply = post("NetworkDriver.Join", {**ids, "SandboxKey": "/var/run/docker/netns/x", "Options": {}})
        assert reply["Gateway"] == "10.5.0.1"
        post("NetworkDriver.ProgramExternalConnectivity", {**ids, "Options": {}})
        assert post("NetworkDriver.EndpointOperInfo", ids) == {"Value": {}}
        post("NetworkDriver.RevokeExternalConnectivity", ids)
        post("NetworkDriver.Leave", ids)
        post("NetworkDriver.DeleteEndpoint", ids)
        address = str(interface["Address"]).partition("/")[0]
        post("IpamDriver.ReleaseAddress", {"PoolID": pool["PoolID"], "Address": address})
        post("IpamDriver.ReleaseAddress", {"PoolID": pool["PoolID"], "Address": "10.5.0.1"})
        post("IpamDriver.ReleasePool", {"PoolID": pool["PoolID"]})
        post("NetworkDriver.DeleteNetwork", {"NetworkID": network})
        data = {"Pool": "10.5.0.0/24", "Gateway": "10.5.0.1/24"}
        reply = post("NetworkDriver.AllocateNetwork", {"NetworkID": network, "Options": {}, "IPv4Data": [data]})
        assert reply["Options"]["org.openstack.kuryr.swarm"] == "made"  # type: ignore[index]
        post("NetworkDriver.FreeNetwork", {"NetworkID": network})
        post("NetworkDriver.DiscoverDelete", {"DiscoveryType": 1, "DiscoveryData": {}})
    assert set(asked) == set(PROTOCOL)
    assert snapshot(neutron) == before
    assert {status for _, status in server.observed} == {200}


@pytest.mark.parametrize("scope", ["local", "global"])
def test_networks_belong_to_whom_the_configuration_says(docker: Docker, tmp_path: Path, scope: str) -> None:
    with served(tmp_path / "kuryr.sock", ready(docker.driver), scope=scope) as server:
        status, reply = server.post("NetworkDriver.GetCapabilities")
    assert (status, reply["Scope"], reply["ConnectivityScope"]) == (200, scope, "global")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"NetworkID": "\xff", "PoolID": "\xff", "Pool": "\xff", "Options": "\xff"}',
        b'{"NetworkID": 7, "PoolID": 7, "Pool": 7, "Options": 7}',
        b'{"NetworkID": null, "PoolID": null, "Pool": null, "Options": [null]}',
        b'{"NetworkID": "", "EndpointID": "", "PoolID": "", "Options": ""}',
        b'{"NetworkID": "a b", "EndpointID": "../x", "PoolID": "a\\nb", "Options": [[]]}',
        b'{"NetworkID": ' + b"[" * 50_000,
        b'{"NetworkID": "a", "Options": ' + b'{"a":' * 50_000,
    ],
    ids=lambda body: body[:20].decode(errors="replace"),
)
def test_what_cannot_be_read_is_a_bad_request_and_changes_nothing(
    server: Served, neutron: FakeNeutron, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with server.connection() as connection:
        for method in METHODS:
            head = f"POST /{method} HTTP/1.1\r\nHost: \r\nContent-Length: {len(body)}\r\n\r\n"
            connection.send(head.encode() + body)
            status, reply = connection.answer()
            assert (method, status) == (method, 400)
            assert reply["Err"] == reply["Error"]
            assert "\n" not in reply["Err"]
        assert connection.post("Plugin.Activate")[0] == 200, "the connection lives on"
    assert neutron.counted("POST") == neutron.counted("DELETE") == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"{}", b'{"EndpointID": 7}', b"\xff\xfe"])
def test_what_needs_nothing_of_a_request_is_answered_whatever_it_says(server: Served, body: bytes) -> None:
    with server.connection() as connection:
        for method, expected in INSTANT.items():
            head = f"POST /{method} HTTP/1.1\r\nHost: \r\nContent-Length: {len(body)}\r\n\r\n"
            connection.send(head.encode() + body)
            assert connection.answer() == (200, expected), method


def test_an_empty_body_has_its_own_words(server: Served) -> None:
    status, reply = server.post("NetworkDriver.CreateNetwork")
    assert (status, "without its body" in reply["Err"], "run the command again" in reply["Err"]) == (400, True, True)


@pytest.mark.parametrize("host", ["Host: ", "Host:", "Host: plugin.moby.localhost"])
@pytest.mark.parametrize("body", ["", "{}", "null"])
def test_hosts_and_bodies_of_all_engines_are_accepted(server: Served, host: str, body: str) -> None:
    with server.connection() as connection:
        connection.send(
            f"POST /Plugin.Activate HTTP/1.1\r\n{host}\r\nUser-Agent: Go-http-client/1.1\r\n"
            f"Content-Length: {len(body)}\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n{body}".encode()
        )
        assert connection.answer()[0] == 200


def test_a_chunked_body_is_read(server: Served) -> None:
    with server.connection() as connection:
        connection.send(
            b'POST /IpamDriver.RequestPool HTTP/1.1\r\nHost: \r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"Pool": "1\r\n'
        )
        connection.send(b'd\r\n0.5.0.0/24"}\n\r\n0\r\n\r\n')
        status, reply = connection.answer()
        assert (status, reply["Pool"]) == (200, "10.5.0.0/24")


def test_a_body_in_pieces_is_read(server: Served) -> None:
    with server.connection() as connection:
        for piece in (
            b"POST /IpamDriver.Requ",
            b"estPool HTTP/1.1\r\nHost: \r\nContent-Le",
            b"ngth: 23\r\n\r\n",
            b'{"Pool"',
            b': "10.5.0.0/24"}',
        ):
            connection.send(piece)
        assert connection.answer()[0] == 200


def test_a_huge_body_is_refused(server: Served) -> None:
    with server.connection() as connection:
        connection.send(
            b"POST /IpamDriver.RequestPool HTTP/1.1\r\nHost: \r\n"
            b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1) + b" " * (LARGEST_BODY + 1)
        )
        status, reply = connection.answer()
        assert (status, reply["Err"]) == (400, "the request is too large")


@pytest.mark.parametrize("path", ["NetworkDriver.Nothing", "", "a/b", "NetworkDriver.Join/", "x" * 500])
def test_an_unknown_method_is_404(server: Served, path: str) -> None:
    status, reply = server.post(path, {})
    assert status == 404
    assert reply["Err"] == reply["Error"]
    assert reply["Err"].startswith("Kuryr has no method")
    assert server.observed == [("unknown", 404)]


def test_metrics_are_there_for_whoever_asks(server: Served) -> None:
    with server.connection() as connection:
        connection.send(b"GET /metrics HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n")
        with connection.socket.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/plain; version=0.0.4" in head
    assert body == METRICS
    assert server.observed == []


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
def test_docker_posts_and_nothing_else_is_a_method(server: Served, verb: str) -> None:
    with server.connection() as connection:
        connection.send(f"{verb} /Plugin.Activate HTTP/1.1\r\nHost: \r\n\r\n".encode())
        status, reply = connection.answer()
        assert (status, reply["Err"]) == (404, f"Kuryr has no method '{verb} Plugin.Activate'")
        assert connection.post("Plugin.Activate")[0] == 200
    assert server.activations == ["activated"]


def test_an_offer_to_speak_otherwise_is_not_taken(server: Served) -> None:
    with server.connection() as connection:
        connection.send(
            b"POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 0\r\n\r\n"
        )
        assert connection.answer()[0] == 200


def test_a_connection_that_breaks_is_no_defect(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    with server.connection() as connection:
        connection.send(b'POST /NetworkDriver.Join HTTP/1.1\r\nHost: \r\nContent-Length: 100\r\n\r\n{"Netw')
    assert server.answered.wait(5)
    assert server.observed == [("NetworkDriver.Join", 400)]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_defect_is_said_to_be_one_without_its_innards(
    server: Served, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker.driver.ipam, "request_pool", lambda _: 1 / 0)
    status, reply = server.post("IpamDriver.RequestPool", {"Pool": "10.5.0.0/24"})
    assert status == 500
    assert reply["Err"] == reply["Error"] == "Kuryr failed: ZeroDivisionError (its log has the rest; please report it)"


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        ({"status": 500}, 502),
        ({"status": 403, "type_": "PolicyNotAuthorized", "message": "no\nrights"}, 502),
        ({"status": 503, "body": "proxy"}, 503),
        ({"status": 409, "type_": "OverQuota", "message": "Quota exceeded"}, 409),
    ],
)
def test_neutrons_failures_keep_their_kind(
    server: Served, docker: Docker, neutron: FakeNeutron, failure: dict[str, object], status: int
) -> None:
    network = docker.create_network("10.5.0.0/24")
    neutron.fail_next(method="POST", **failure)  # type: ignore[arg-type]
    got, reply = server.post("IpamDriver.RequestAddress", {"PoolID": network.pool_id, "Address": "", "Options": None})
    assert got == status
    assert reply["Err"] == reply["Error"]
    assert "\n" not in reply["Err"]


def test_activation_forgets_pending_pools(server: Served) -> None:
    """A new engine does not come back for the pools of the old one."""
    for _ in range(2):
        assert server.post("IpamDriver.RequestPool", {"Pool": "10.5.0.0/24"})[0] == 200
        server.post("Plugin.Activate")
    assert server.activations == ["activated"] * 2


def test_a_handshake_answers_while_fifty_calls_hang_in_neutron(
    docker: Docker, neutron: FakeNeutron, tmp_path: Path
) -> None:
    network = docker.create_network("10.5.0.0/24")
    container = docker.run(network)
    body = {"PoolID": network.pool_id, "Address": "", "Options": None}
    ids = {"NetworkID": network.id, "EndpointID": container.id}
    with (
        served(tmp_path / "kuryr.sock", ready(docker.driver), cloud_threads=32) as server,
        ThreadPoolExecutor(50) as docker_itself,
    ):
        with neutron.hold() as hold:
            hanging = [docker_itself.submit(server.post, "IpamDriver.RequestAddress", body) for _ in range(50)]
            hold.wait_for(32)
            began = time.monotonic()
            for method in HANDSHAKE:
                assert server.post(method)[0] == 200
            for method in ("Leave", "EndpointOperInfo", "RevokeExternalConnectivity", "DeleteEndpoint"):
                assert server.post(f"NetworkDriver.{method}", ids)[0] == 200
            took = time.monotonic() - began
        assert {future.result(10)[0] for future in hanging} == {200}
    assert took < 2
    assert docker.node.kernel.links == {}


def test_a_handshake_answers_while_the_driver_is_loading(docker: Docker, tmp_path: Path) -> None:
    driver: Future[Driver] = Future()
    with served(tmp_path / "kuryr.sock", driver) as server, ThreadPoolExecutor(1) as docker_itself:
        waiting = docker_itself.submit(server.post, "IpamDriver.RequestPool", {"Pool": "10.5.0.0/24"})
        for method in INSTANT:
            assert server.post(method)[0] == 200
        assert not waiting.done()
        driver.set_result(docker.driver)
        assert waiting.result(5)[0] == 200


def test_a_driver_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    driver: Future[Driver] = Future()
    driver.set_exception(InvalidInput("the OpenStack credentials cannot be used"))
    with served(tmp_path / "kuryr.sock", driver) as server:
        assert server.post("Plugin.Activate")[0] == 200
        status, reply = server.post("IpamDriver.RequestPool", {"Pool": "10.5.0.0/24"})
        assert (status, reply["Err"]) == (400, "the OpenStack credentials cannot be used")


def test_too_many_waiting_requests_are_turned_away(
    docker: Docker, neutron: FakeNeutron, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kuryr.docker.server.http.WAITING_LIMIT", 2)
    network = docker.create_network("10.5.0.0/24")
    body = {"PoolID": network.pool_id, "Address": "", "Options": None}
    with served(tmp_path / "kuryr.sock", ready(docker.driver)) as server, ThreadPoolExecutor(2) as docker_itself:
        with neutron.hold() as hold:
            hanging = [docker_itself.submit(server.post, "IpamDriver.RequestAddress", body) for _ in range(2)]
            hold.wait_for(2)
            status, reply = server.post("IpamDriver.RequestAddress", body)
            assert status == 503
            assert "2 requests are waiting already" in reply["Err"]
        assert {future.result(10)[0] for future in hanging} == {200}


def test_one_request_id_travels_to_neutron_with_all_that_a_request_does(server: Served, neutron: FakeNeutron) -> None:
    site(neutron)
    for expected in (1, 2):
        body = {"Pool": "10.1.0.0/24", "Options": {"neutron.net.name": "blue"}}
        status, pool = server.post("IpamDriver.RequestPool", body)
        assert status == 200
        assert server.post("IpamDriver.ReleasePool", {"PoolID": pool["PoolID"]})[0] == 200
        ids = {call.headers["X-Openstack-Request-Id"] for call in neutron.calls}
        assert len(ids) == expected
        assert all(id_.startswith("req-") for id_ in ids)
    assert len(neutron.calls) == 4


def test_many_connections_at_once_are_served(server: Served) -> None:
    together = threading.Barrier(30)

    def activate() -> int:
        together.wait(10)
        return server.post("Plugin.Activate")[0]

    with ThreadPoolExecutor(30) as docker_itself:
        assert [future.result(10) for future in [docker_itself.submit(activate) for _ in range(30)]] == [200] * 30
