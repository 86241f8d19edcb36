"""An HTTP client for who listens on a Unix socket of this host, such as Docker or a driver."""

import httpx


def client(socket: str, timeout: float) -> httpx.Client:
    """Requests go to `socket`, whatever host their address names, and take `timeout` seconds at most for each step."""
    # There is no TLS here; else httpx would first read the certificates of all authorities, for 20 ms.
    transport = httpx.HTTPTransport(uds=socket, verify=False)
    return httpx.Client(transport=transport, base_url="http://localhost", timeout=timeout)
