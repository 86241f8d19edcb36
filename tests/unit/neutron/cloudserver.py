"""A tiny real HTTP server that plays Keystone (v3) and Neutron, and remembers what it was asked."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSWORD = "correct-horse"
TOKEN_PREFIX = "gAAAA-secret-token-"
PROJECT = "abcdef0123456789abcdef0123456789"
FORBIDDEN = {"NeutronError": {"type": "PolicyNotAuthorized", "message": "create_network is disallowed by policy"}}
REFUSED = {"error": {"code": 401, "message": "The request you have made requires authentication."}}
NETWORK = {"id": "11111111-2222-3333-4444-555555555555", "name": "n", "project_id": PROJECT}


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None


@dataclass
class CloudServer:
    """What is known of a running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    """Tokens that Neutron refuses."""
    tokens: int = 0
    forbids: bool = False
    """Neutron's policies allow nothing."""
    portal: bool = False
    """Answer everything with a page, as a network does that wants people to log in."""
    catalogue_path: str = "/networking"
    """Where the catalogue says that Neutron is."""

    @property
    def auth_url(self) -> str:
        """Keystone's URL."""
        return f"{self.url}/identity/v3"

    def of(self, service: str) -> list[str]:
        """Method and path of everything that a service ("identity", "networking") was asked."""
        return [f"{one.method} {one.path}" for one in self.asked if one.path.startswith(f"/{service}")]

    def token(self) -> dict[str, Any]:
        """Keystone's answer to a good password."""
        self.tokens += 1
        endpoints = [
            {"interface": "public", "region": region, "region_id": region, "url": f"{self.url}{path}", "id": region}
            for region, path in (("one", self.catalogue_path), ("two", "/networking-two"))
        ]
        endpoints.append({**endpoints[0], "interface": "internal", "url": f"{self.url}/networking-internal"})
        return {
            "token": {
                "methods": ["password"],
                "user": {"id": "u", "name": "kuryr", "domain": {"id": "default", "name": "Default"}},
                "project": {"id": PROJECT, "name": "demo", "domain": {"id": "default", "name": "Default"}},
                "roles": [{"id": "r", "name": "service"}],
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "expires_at": "2999-01-01T00:00:00.000000Z",
                "catalog": [{"type": "network", "name": "neutron", "id": "n", "endpoints": endpoints}],
            }
        }


class _Handler(BaseHTTPRequestHandler):
    """Plays both services; `cloud` is set in the subclass made for each server."""

    protocol_version = "HTTP/1.1"
    cloud: CloudServer

    def handle_one_request(self) -> None:
        """Read one request, whatever its method, and answer it."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        self.cloud.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        if self.cloud.portal:
            self._answer(200, "<html>please log in</html>", {"Content-Type": "text/html"})
        elif self.path.startswith("/identity"):
            self._identity(body)
        else:
            self._networking(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _identity(self, body: Any) -> None:
        if self.command == "GET":
            links = [{"rel": "self", "href": self.cloud.auth_url}]
            self._answer(200, {"version": {"id": "v3.14", "status": "stable", "links": links}})
        elif body["auth"]["identity"]["password"]["user"]["password"] != PASSWORD:
            self._answer(401, REFUSED)
        else:
            token = self.cloud.token()
            self._answer(201, token, {"X-Subject-Token": f"{TOKEN_PREFIX}{self.cloud.tokens}"})

    def _networking(self, body: Any) -> None:
        if self.headers.get("X-Auth-Token", "") in self.cloud.expired | {""}:
            self._answer(401, REFUSED)
        elif self.cloud.forbids:
            self._answer(403, FORBIDDEN)
        elif self.command == "POST":
            self._answer(201, {"network": {**NETWORK, **body["network"]}})
        elif "?" in self.path:
            self._answer(200, {"networks": [NETWORK]})
        else:
            self._answer(200, {"network": NETWORK})

    def _answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        self.send_response(status)
        for name, value in {**own, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[CloudServer]:
    """A server on a free port of the loopback device."""

    class Handler(_Handler):
        pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    if tls:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True)
    Handler.cloud = cloud = CloudServer(f"http{'s' if tls else ''}://127.0.0.1:{listener.server_port}")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield cloud
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
