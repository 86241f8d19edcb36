"""The in-memory Neutron over HTTP: what it answers is the contract suite's business, here is how it is reached."""

import asyncio
from typing import Any

import httpx
import pytest

from kuryr_lab.fake.answers import Request
from kuryr_lab.fake.cloud import Cloud
from kuryr_lab.fake.server import Latency, Server


def ask(server: Server, method: str, path: str, **more: Any) -> httpx.Response:
    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://neutron") as client:
            return await client.request(method, f"/v2.0{path}", **more)

    return asyncio.run(answer())


def test_it_keeps_what_it_is_told() -> None:
    server = Server(Latency(), Cloud())
    made = ask(server, "POST", "/networks", json={"network": {"name": "blue"}})
    assert made.status_code == 201
    id_ = made.json()["network"]["id"]
    found = ask(server, "GET", "/networks", params={"name": "blue"})
    assert [network["id"] for network in found.json()["networks"]] == [id_]
    stale = {"If-Match": "revision_number=7"}
    assert ask(server, "PUT", f"/networks/{id_}", json={"network": {"name": "red"}}, headers=stale).status_code == 412
    gone = ask(server, "DELETE", f"/networks/{id_}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert ask(server, "GET", f"/networks/{id_}").json()["NeutronError"]["type"] == "NetworkNotFound"


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (Request("POST", "/ports", json={"port": {"fixed_ips": [1, 2]}}), 0.5),
        (Request("POST", "/ports", json={"ports": [{}, {}, {}]}), 0.7),
        (Request("PUT", "/ports/x", json={"port": {}}), 0.3),
        (Request("DELETE", "/ports/x"), 0.2),
        (Request("GET", "/ports"), 0.4),
    ],
)
def test_it_is_as_slow_as_it_is_told(asked: Request, seconds: float) -> None:
    latency = Latency(create=0.5, another=0.1, update=0.3, delete=0.2, read=0.4)
    assert latency.of(asked) == pytest.approx(seconds)
