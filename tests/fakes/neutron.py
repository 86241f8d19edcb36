"""An in-memory Neutron behind the HTTP transport, so that Kuryr's real client talks to it, error mapping included.

    cloud = FakeNeutron()
    neutron = cloud.client()

Besides answering as Neutron does, it records every request (`calls`) and misbehaves on demand (`fail_next`, `hold`,
`down`).
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from kuryr.neutron.api import Call
from kuryr.neutron.client import Neutron
from kuryr_lab.fake.answers import Answers, Request
from kuryr_lab.fake.cloud import Cloud
from kuryr_lab.fake.refusals import Refusal
from kuryr_lab.fake.rights import Rights

__all__ = ["PROJECT", "FakeNeutron", "Hold", "Request"]

ENDPOINT = "http://neutron.fake:9696"
_TOKEN, _PLAIN_TOKEN = "token-for-", "plain-token-for-"
PROJECT = "5e1f0000000000000000000000000001"


@dataclass
class _Failure:
    method: str | None
    path: str | None
    answer: Callable[[requests.PreparedRequest], requests.Response]
    applied: bool
    times: int

    def hits(self, request: Request) -> bool:
        return self.method in {None, request.method} and request.path.startswith(self.path or "")


class Hold:
    """Requests that arrive wait here until `release`."""

    def __init__(self) -> None:
        self._arrivals = threading.Semaphore(0)
        self._open = threading.Event()

    def wait_for(self, requests_: int, timeout: float = 10) -> None:
        """Return when so many requests (since the last time) are waiting; AssertionError when they do not come."""
        for _ in range(requests_):
            assert self._arrivals.acquire(timeout=timeout), "no request arrived"

    def release(self) -> None:
        """Let all requests go on, also those to come."""
        self._open.set()

    def stop(self) -> None:
        """The request's side: wait here."""
        self._arrivals.release()
        self._open.wait()


class FakeNeutron(BaseAdapter):
    """Neutron for the clients made by `client`.

    Thread-safe: requests are answered one at a time, but held ones wait side by side.

    With `service` the clients' identities have the role of that name besides `member`.
    """

    def __init__(self, *, project_id: str = PROJECT, service: bool = True) -> None:
        super().__init__()
        self.project_id = project_id
        self.cloud = Cloud()
        self.calls: list[Request] = []
        self.unscoped: list[Request] = []
        """Of all that ever came, those that would make a large cloud answer with everything it has."""
        self.max_page: int | None = None
        """The server's own limit of a page, as pagination_max_limit."""
        self.on_request: Callable[[Request], None] | None = None
        """Called with every request before it is answered, e.g. to change the world behind the client's back."""
        self._service = service
        self._admins: set[str] = set()
        self._lock = threading.Lock()
        self._failures: list[_Failure] = []
        self._hold: Hold | None = None
        self._down = False

    def client(
        self,
        *,
        project_id: str | None = None,
        admin: bool = False,
        plain: bool = False,
        observe: Callable[[Call], None] | None = None,
    ) -> Neutron:
        """Kuryr's client for this cloud, with a token for this project (else the cloud's first one).

        A `plain` one is `member` and nothing else.
        """
        project = project_id or self.project_id
        if admin:
            self._admins.add(project)
        http = requests.Session()
        http.trust_env = False
        http.mount("http://", self)
        session = Session(auth=Token(ENDPOINT, f"{_PLAIN_TOKEN if plain else _TOKEN}{project}"), session=http)
        return Neutron(Adapter(session, service_type="network"), project_id=project, observe=observe)

    def fail_next(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        status: int = 500,
        type_: str = "HTTPInternalServerError",
        message: str = "Request Failed: internal server error while processing your request.",
        body: str | None = None,
        applied: bool = False,
        times: int = 1,
    ) -> None:
        """Fail the next request (of this method, with a path that begins so) with a Neutron error, or with `body`.

        `applied`: Neutron does what was asked, only its answer gets lost.
        """
        error = {"NeutronError": {"type": type_, "message": message, "detail": ""}}

        def answer(request: requests.PreparedRequest) -> requests.Response:
            return _response(request, status, json.dumps(error) if body is None else body, html=body is not None)

        with self._lock:
            self._failures.append(_Failure(method, path, answer, applied, times))

    def drop_next(self, *, method: str | None = None, path: str | None = None, applied: bool = False) -> None:
        """Break the connection of the next such request, before or (`applied`) after Neutron has done it."""

        def answer(request: requests.PreparedRequest) -> requests.Response:
            raise requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer"), request=request)

        with self._lock:
            self._failures.append(_Failure(method, path, answer, applied, 1))

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """Within this context every request waits until the hold is released, at the latest at its end."""
        self._hold = hold = Hold()
        try:
            yield hold
        finally:
            self._hold = None
            hold.release()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Within this context connections are refused."""
        self._down = True
        try:
            yield
        finally:
            self._down = False

    def counted(self, method: str, path: str = "") -> int:
        """How many requests of this method and beginning of path have arrived."""
        return sum(call.method == method and call.path.startswith(path) for call in self.calls)

    def send(self, request: requests.PreparedRequest, *args: object, **options: object) -> requests.Response:
        """Answer one request; the transport's seam."""
        if self._down:
            raise requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"), request=request)
        url = urlsplit(str(request.url))
        asked = Request(
            str(request.method),
            str(url.path).removeprefix("/v2.0"),
            {str(name): list(values) for name, values in parse_qs(str(url.query), keep_blank_values=True).items()},
            json.loads(request.body) if request.body else None,
            CaseInsensitiveDict(request.headers),
        )
        with self._lock:
            self.calls.append(asked)
            if asked.lists_everything:
                self.unscoped.append(asked)
            failure = self._next_failure(asked)
            hold = self._hold
        if hold is not None:
            hold.stop()
        if self.on_request is not None:
            self.on_request(asked)
        if failure is not None and not failure.applied:
            return failure.answer(request)
        try:
            with self._lock:
                status, answer = self._answer(asked)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        if failure is not None:
            return failure.answer(request)
        return _response(request, status, "" if answer is None else json.dumps(answer))

    def close(self) -> None:
        """Nothing to close."""

    def _next_failure(self, asked: Request) -> _Failure | None:
        for failure in self._failures:
            if failure.hits(asked):
                failure.times -= 1
                if not failure.times:
                    self._failures.remove(failure)
                return failure
        return None

    def _answer(self, asked: Request) -> tuple[int, Any]:
        token = asked.headers["X-Auth-Token"]
        project_id = token.removeprefix(_PLAIN_TOKEN).removeprefix(_TOKEN)
        service = self._service and not token.startswith(_PLAIN_TOKEN)
        rights = Rights(self.cloud, project_id, service, project_id in self._admins)
        return Answers(self.cloud, rights, self.max_page).answer(asked)


def _response(request: requests.PreparedRequest, status: int, text: str, *, html: bool = False) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.url = str(request.url)
    response.request = request
    response.headers["Content-Type"] = "text/html" if html else "application/json"
    response.headers["X-Openstack-Request-Id"] = f"req-{uuid.uuid4()}"
    response._content = text.encode()
    return response
