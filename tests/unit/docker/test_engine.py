"""What Docker says of its networks and endpoints, and what its silence means."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest

from kuryr.docker.engine import Engine, EngineSilent, Outlook
from kuryr.model import PortRange

Answers = dict[str, tuple[int, object]]


class Start(Protocol):
    """Starts an engine's API."""

    def __call__(self, answers: Answers, *, swarm: bool = False) -> Engine: ...


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Start]:
    """Docker's API with these answers by path."""
    servers: list[ThreadingUnixStreamServer] = []

    def start(answers: Answers, *, swarm: bool = False) -> Engine:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.get(self.path, (404, {"message": "no such network"}))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def address_string(self) -> str:
                return "docker"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        path = tmp_path / f"docker{len(servers)}.sock"
        server = ThreadingUnixStreamServer(str(path), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return Engine(str(path), swarm=swarm)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def containers(*endpoints: str) -> dict[str, object]:
    return {"Containers": {f"container-{endpoint}": {"EndpointID": endpoint} for endpoint in endpoints}}


NETWORKS = [
    {"Id": "n1", "Driver": "kuryr"},
    {"Id": "n2", "Driver": "kuryr:latest"},
    {"Id": "n3", "Driver": "bridge"},
    {"Id": "n4", "Driver": "null"},
]


def test_every_network_and_endpoint_that_could_be_kuryrs_is_seen(docker: Start) -> None:
    engine = docker(
        {
            "/networks": (200, NETWORKS),
            "/networks/n1": (200, containers("e1", "e2")),
            "/networks/n2": (200, containers("e3")),
            "/networks/n3": (500, "not asked"),
        }
    )
    view = engine.view()
    assert view.networks == {"n1", "n2"}
    assert view.endpoints == {"e1", "e2", "e3"}


def test_addresses_are_seen_where_the_ipam_driver_is_none_of_dockers(docker: Start) -> None:
    """Also those of a network whose driver is Docker's own, and auxiliary ones."""
    config = [{"Subnet": "10.1.0.0/24", "AuxiliaryAddresses": {"router": "10.1.0.9"}}, {"Subnet": "fd00::/64"}]
    ours = {"Driver": "kuryr", "Config": config}
    mac = {"Id": "n1", "Driver": "macvlan", "IPAM": ours}
    own = {"Id": "n2", "Driver": "kuryr", "IPAM": {"Driver": "default", "Config": config}}
    container = {"EndpointID": "e1", "IPv4Address": "10.1.0.5/24", "IPv6Address": "fd00::5/64"}
    other = {"EndpointID": "e2", "IPv4Address": "172.18.0.2/16", "IPv6Address": ""}
    answers: Answers = {
        "/networks": (200, [mac, own]),
        "/networks/n1": (200, {**mac, "Containers": {"c1": container}}),
        "/networks/n2": (200, {**own, "Containers": {"c2": other}}),
    }
    seen = {str(address) for address in docker(answers).view().addresses}
    assert seen == {"10.1.0.5", "fd00::5", "10.1.0.9"}


@pytest.mark.parametrize(
    ("state", "known"),
    [
        ({"LocalNodeState": "active", "ControlAvailable": True}, {"s1"}),
        ({"LocalNodeState": "active", "ControlAvailable": False}, None),
        ({"LocalNodeState": "locked", "ControlAvailable": False}, None),
        ({"LocalNodeState": "inactive", "ControlAvailable": False}, set()),
    ],
)
def test_only_a_manager_knows_the_networks_of_a_swarm(docker: Start, state: object, known: set[str] | None) -> None:
    networks = [{"Id": "n1", "Driver": "bridge", "Scope": "local"}]
    if known:
        networks.append({"Id": "s1", "Driver": "overlay", "Scope": "swarm"})
    answers: Answers = {"/networks": (200, networks), "/info": (200, {"Swarm": state})}
    assert docker(answers, swarm=True).view().swarm == known
    assert docker(answers).view().swarm == frozenset()


@pytest.mark.parametrize("nothing", [{"Containers": {}}, {"Containers": None}, {}])
def test_a_network_without_containers_has_no_endpoints(docker: Start, nothing: object) -> None:
    assert docker({"/networks": (200, NETWORKS[:1]), "/networks/n1": (200, nothing)}).view().endpoints == frozenset()


def test_a_network_that_goes_meanwhile_is_no_trouble(docker: Start) -> None:
    view = docker({"/networks": (200, NETWORKS[:2]), "/networks/n2": (200, containers("e3"))}).view()
    assert view.endpoints == {"e3"}


@pytest.mark.parametrize(
    "answers",
    [
        {"/networks": (500, {"message": "context deadline"})},
        {"/networks": (200, b"not json")},
        {"/networks": (200, NETWORKS[:1]), "/networks/n1": (500, {})},
        {"/networks": (200, {"message": "an object"})},
        {"/networks": (200, [{"Name": "without id"}])},
        {"/networks": (200, NETWORKS[:1]), "/networks/n1": (200, {"Containers": {"c": {}}})},
        {"/networks": (200, []), "/info": (500, {})},
        {"/networks": (200, []), "/info": (200, {})},
        {},
    ],
)
def test_an_answer_that_is_none_is_silence(docker: Start, answers: Answers) -> None:
    """Nothing may be concluded from half an answer."""
    with pytest.raises(EngineSilent) as failure:
        docker(answers, swarm=True).view()
    assert "\n" not in str(failure.value)


# httpcore forgets to close a socket that cannot be connected; it is gone a moment later.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_socket_is_silence(tmp_path: Path) -> None:
    with pytest.raises(EngineSilent, match="Docker does not answer /networks"):
        Engine(str(tmp_path / "nobody.sock")).view()


def test_a_daemon_that_boots_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections and answers nothing."""
    monkeypatch.setattr("kuryr.docker.engine.TIMEOUT", 0.05)
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(EngineSilent, match="Docker does not answer /networks"):
            Engine(str(path)).view()


def listed(*names: str, **labels: str) -> dict[str, object]:
    return {"Names": [f"/{name}" for name in names], "Labels": labels}


def asked_for(name: str) -> str:
    return "/containers/json?" + urlencode({"all": "true", "filters": json.dumps({"name": [f"^/{re.escape(name)}$"]})})


def test_the_labels_of_one_container_are_asked_for_by_its_name_alone(docker: Start) -> None:
    engine = docker({asked_for("web.1"): (200, [listed("web.1", role="web")])})
    assert engine.labels("web.1") == {"role": "web"}


@pytest.mark.parametrize("found", [[], [listed("web.12", role="x")], [listed("web.1"), listed("web.1", role="x")]])
def test_whoever_is_not_the_only_one_of_that_name_has_no_labels(docker: Start, found: list[object]) -> None:
    assert docker({asked_for("web.1"): (200, found)}).labels("web.1") == {}


@pytest.mark.parametrize("answer", [(500, "busy"), (200, {"no": "list"}), (200, [{"Id": "c1"}]), (200, b"no JSON")])
def test_no_sense_is_no_answer(docker: Start, answer: tuple[int, object]) -> None:
    with pytest.raises(EngineSilent):
        docker({asked_for("web"): answer}).labels("web")


def test_a_networks_labels_are_seen(docker: Start) -> None:
    labelled = {"Id": "n1", "Labels": {"role": "web"}, **containers()}
    engine = docker({"/networks": (200, NETWORKS), "/networks/n1": (200, labelled), "/networks/n2": (200, {})})
    assert engine.view().labels == {"n1": {"role": "web"}}
    assert engine.network_labels("n1") == {"role": "web"}
    assert engine.network_labels("gone") == {}


def test_what_containers_expose_and_publish_is_found_by_their_endpoints(docker: Start) -> None:
    exposed: dict[str, object] = {"80/tcp": {}, "53/udp": {}}
    bindings = {"8080/tcp": [{"HostIp": "", "HostPort": "80"}]}
    silent = (500, "timed out")
    engine = docker(
        {
            "/networks": (200, NETWORKS),
            "/networks/n1": (200, containers("e1", "e2", "e3", "e4", "e5", "e6")),
            "/networks/n2": (200, containers()),
            "/containers/container-e1/json": (200, {"Config": {"ExposedPorts": exposed}, "HostConfig": {}}),
            "/containers/container-e2/json": (200, {"Config": {}, "HostConfig": {"PortBindings": bindings}}),
            "/containers/container-e3/json": silent,
            "/containers/container-e4/json": (
                200,
                {"Config": {"ExposedPorts": exposed}, "HostConfig": {"PublishAllPorts": True}},
            ),
        }
    )
    web = frozenset({PortRange("tcp", 80, 80), PortRange("udp", 53, 53)})
    assert engine.outlooks({"e1", "e2", "e3", "e4", "e5", "e7"}) == {
        "e1": Outlook("n1", web),
        "e2": Outlook("n1", frozenset(), frozenset({PortRange("tcp", 8080, 8080)})),
        "e4": Outlook("n1", web, web),
    }, "e3 is just starting, e5 has no container yet, e6 was not asked for, e7 is gone"
