"""HTTP with two time-outs, and a promise: a cloud that is down is known to be down within seconds.

Connecting is quick or hopeless, while an answer may rightly take long (a bulk of fifty ports takes ten seconds), hence
two time-outs; keystoneauth knows only one number for both. The promise needs three more things that the libraries do
not give:

- looking up a name counts as connecting: the C library's own patience with a silent name server is 10 s and more;
- all addresses of a name share the time-out, or a dead server with four addresses takes four times as long;
- a server found dead is not tried again by calls that were under way at that moment. keystoneauth fetches a token
  under a lock, so otherwise ten calls at once would wait for ten time-outs, one after the other.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests import exceptions as http
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from kuryr.neutron import tracing

_POOL_SIZE = 50
"""Connections kept open per server: as many calls run at once without connecting anew."""

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
]
"""A firewall forgets idle connections silently; probes keep them known, or find out that they are gone."""

_Address = tuple[int, int, int, str, Any]


class Transport(HTTPAdapter):
    """Sends HTTP requests of many threads; time-outs in seconds, `read_timeout` between two bytes of an answer."""

    def __init__(self, connect_timeout: float, read_timeout: float) -> None:
        super().__init__(pool_maxsize=_POOL_SIZE)
        self._timeouts = (connect_timeout, read_timeout)
        self._failures: dict[str, tuple[float, http.RequestException]] = {}

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make the pool with our connections in it; called by HTTPAdapter's constructor."""
        super().init_poolmanager(connections, maxsize, block, socket_options=_SOCKET_OPTIONS, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: object = None,  # noqa: ARG002 - keystoneauth's single number; ours are set
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request; raises what `requests` raises."""
        server = urlsplit(request.url or "").netloc
        self._raise_if_known_dead(str(server), request)
        try:
            return super().send(request, stream, self._timeouts, verify, cert, proxies)
        except (http.ConnectionError, http.Timeout) as error:
            # A copy, because the error itself holds on to everything on the stack.
            self._failures[str(server)] = (time.monotonic(), type(error)(*error.args))
            raise

    def _raise_if_known_dead(self, server: str, request: PreparedRequest) -> None:
        began = tracing.call_began.get()
        known = self._failures.get(server)
        if known is not None and began is not None and known[0] >= began:
            raise type(known[1])(*known[1].args, request=request) from known[1]


def why(error: http.RequestException) -> str:
    """The operating system's reason for a connection that failed."""
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return "its name cannot be resolved"
        if isinstance(cause, TimeoutError):
            break
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return "no connection in time" if isinstance(error, http.ConnectTimeout) else "the connection broke"


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it, including what urllib3 hands over as `reason` or as an argument."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _connect(connection: HTTPConnection) -> socket.socket:
    """A connected socket within the connection's time-out, name look-up and all addresses included."""
    timeout = connection.timeout
    if not isinstance(timeout, int | float):
        raise TypeError("a connection without a time-out in seconds")
    deadline = time.monotonic() + timeout
    late = ConnectTimeoutError(connection, f"no connection within {timeout:g} s")
    try:
        addresses = _look_up(connection.host, connection.port or connection.default_port, timeout)
    except TimeoutError as error:
        raise late from error
    except (OSError, UnicodeError) as error:
        unknown = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(connection.host, connection, unknown) from unknown
    failure: OSError = OSError("the name has no address")
    for tried, address in enumerate(addresses):
        share = (deadline - time.monotonic()) / (len(addresses) - tried)
        try:
            return _open(address, share, timeout)
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise late from failure
    raise NewConnectionError(connection, str(failure)) from failure


def _look_up(host: str, port: int, seconds: float) -> Sequence[_Address]:
    """The addresses of a name. The C library cannot be interrupted, so a thread waits for it, and we for the thread."""
    found: Future[Sequence[_Address]] = Future()

    def ask() -> None:
        try:
            found.set_result(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return found.result(timeout=seconds)


def _open(address: _Address, connect_timeout: float, timeout: float) -> socket.socket:
    family, kind, protocol, _, where = address
    opened = socket.socket(family, kind, protocol)
    try:
        for level, option, value in _SOCKET_OPTIONS:
            opened.setsockopt(level, option, value)
        opened.settimeout(max(connect_timeout, 0.01))
        opened.connect(where)
        opened.settimeout(timeout)
    except OSError:
        opened.close()
        raise
    return opened
