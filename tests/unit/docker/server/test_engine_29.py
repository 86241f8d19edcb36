"""The newest Docker, which no Debian package brings yet: its requests are replayed at the socket.

What it says is the table in `engine_29.txt`; here is in which order the parts of the table follow one another, and what
they cost. What 20.10, 26.1 and 28.5 do is proved with the engines themselves (`tests/system`, marker `engines`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from unit.docker.wire import Connection, Served
from unit.docker.world import Docker, new_id
from unit.host.node import snapshot


@dataclass(frozen=True)
class Exchange:
    """One request, and the answer that the engine needs."""

    method: str
    body: Any
    status: int
    answer: Any


def table() -> dict[str, list[Exchange]]:
    """The parts of the table by their headings."""
    text = re.sub(r"(?m)^#.*\n", "", Path(__file__).with_name("engine_29.txt").read_text())
    parts = dict(re.findall(r"(?m)^\[(.+)\]\n((?:.+\n)+)", text))
    form = re.compile(r"(\S+)(?: (.+))?\n -> (?:(\d+) )?(.+)\n")
    return {
        heading: [
            Exchange(method, json.loads(body) if body else None, int(status or 200), json.loads(answer))
            for method, body, status, answer in form.findall(lines)
        ]
        for heading, lines in parts.items()
    }


TABLE = table()


class Engine:
    """Docker 29 on one kept connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.words = {"network": new_id(), "endpoint": new_id()}
        """What the <names> of the table stand for, as far as it is known."""

    def replay(self, *headings: str) -> None:
        """Ask what these parts of the table say, and hear what they expect."""
        for heading in headings:
            for exchange in TABLE[heading]:
                status, answer = self._connection.post(exchange.method, self._put(exchange.body))
                assert (status, answer) == (exchange.status, self._learn(exchange.answer, answer)), exchange

    def _put(self, value: Any) -> Any:
        """`value` with its <names> replaced; Docker releases addresses without the length of their network."""
        if isinstance(value, dict):
            put = {key: self._put(each) for key, each in value.items()}
            released = set(put) == {"PoolID", "Address"}
            return put | {"Address": put["Address"].partition("/")[0]} if released else put
        if isinstance(value, list):
            return [self._put(each) for each in value]
        if isinstance(value, str) and (name := re.fullmatch("<(.+)>", value)):
            return self.words[name[1]]
        return value

    def _learn(self, expected: Any, answer: Any) -> Any:
        """`expected` with its <names> replaced, those that are not known yet by what the answer says there."""
        if isinstance(expected, dict) and isinstance(answer, dict):
            return {key: self._learn(each, answer.get(key)) for key, each in expected.items()}
        if isinstance(expected, str) and (name := re.fullmatch("<(.+)>", expected)):
            return self.words.setdefault(name[1], answer)
        return expected


@pytest.fixture
def engine(server: Served) -> Iterator[Engine]:
    with server.connection() as connection:
        engine = Engine(connection)
        engine.replay("handshake")
        yield engine


def settle(docker: Docker) -> None:
    """Let all that is to be done behind be done."""
    docker.node.behind.pass_time()


def counted(neutron: FakeNeutron) -> dict[str, int]:
    """How many requests Neutron has got since it was asked last, by method."""
    count = Counter(call.method for call in neutron.calls)
    neutron.calls.clear()
    return dict(count)


LIVES: dict[str, tuple[str, ...]] = {
    "as a user expects it": (
        "create",
        *("reserve", "join", "program", "info"),
        *("revoke", "leave", "delete", "release"),
        "remove",
    ),
    "another endpoint becomes the way out, and this one again": (
        "create",
        *("reserve", "join", "program", "info", "program again", "revoke", "program"),
        *("revoke", "leave", "delete", "release"),
        "remove",
    ),
    "nothing is revoked after a live restore": (
        *("create", "reserve", "join", "program", "info"),
        *("leave", "delete", "release", "remove"),
    ),
    "all that ends it comes twice": (
        *("create", "reserve", "join", "program", "info"),
        *("revoke", "leave", "leave", "delete", "delete", "release", "release", "remove", "remove"),
    ),
    "it never joins": ("create", "reserve", "leave", "delete", "release", "remove"),
    "without a way out": ("create internal", "run internal", "end internal"),
    "IPv6 alone": ("create with IPv6 alone", "run with IPv6 alone", "end with IPv6 alone"),
}


def test_every_part_of_the_table_is_used() -> None:
    replayed = {heading for life in LIVES.values() for heading in life}
    assert set(TABLE) == replayed | {"handshake", "join fails", "wrong option"}
    assert all(TABLE.values())


@pytest.mark.parametrize("life", LIVES)
def test_a_life_leaves_nothing(
    engine: Engine, docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, life: str
) -> None:
    before = snapshot(neutron)
    engine.replay(*LIVES[life])
    settle(docker)
    assert (snapshot(neutron), kernel.links) == (before, {})


def test_the_calls_of_a_life(engine: Engine, docker: Docker, neutron: FakeNeutron) -> None:
    engine.replay("create")
    created = counted(neutron)
    engine.replay("reserve")
    reserved = counted(neutron)
    engine.replay("join", "program", "program again", "info")
    joined = counted(neutron)
    settle(docker)
    written = counted(neutron)
    engine.replay("revoke", "leave", "delete", "release")
    settle(docker)
    # It exposes a port, which this engine tells in Join alone: the first such container gets the group made, behind.
    group = {"GET": 1, "POST": 2, "DELETE": 2}
    assert [reserved, joined, written, counted(neutron)] == [{"POST": 1}, {}, {"PUT": 1} | group, {"DELETE": 1}]
    assert created.keys() == {"POST"}


SAID_BY_LABEL: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, int]]] = {
    "groups": ({"neutron.security_groups": "web"}, {"security_groups": ["<web>"]}, {"GET": 1, "POST": 1}),
    "no group": ({"neutron.security_groups": "none"}, {"security_groups": []}, {"POST": 1}),
    "nothing that guards": (
        {"neutron.port_security": "false"},
        {"security_groups": [], "port_security_enabled": False},
        {"POST": 1},
    ),
    "a QoS policy": ({"neutron.qos_policy": "gold"}, {"qos_policy_id": "<gold>"}, {"GET": 1, "POST": 1}),
    "a DNS name": ({"neutron.dns_name": "www"}, {"dns_name": "www"}, {"POST": 1}),
    "an address pair": (
        {"neutron.allowed_address_pairs": "10.5.0.200"},
        {"allowed_address_pairs": [{"ip_address": "10.5.0.200", "mac_address": "<mac>"}]},
        {"POST": 1},
    ),
    "what is somebody else's": ({"com.example.team": "blue"}, {"dns_name": ""}, {"POST": 1}),
}


@pytest.mark.parametrize("case", SAID_BY_LABEL)
def test_a_label_says_what_the_port_is_in_the_request_that_makes_it(
    engine: Engine, docker: Docker, neutron: FakeNeutron, case: str
) -> None:
    labels, expected, calls = SAID_BY_LABEL[case]
    for kind, name in (("security_group", "web"), ("policy", "gold")):
        engine.words[name] = neutron.cloud.create(kind, [{"name": name}], neutron.project_id)[0]["id"]
    docker.container_labels["web"] = labels
    engine.replay("create")
    counted(neutron)
    engine.replay("reserve")
    assert counted(neutron) == calls
    (port,) = (each for each in snapshot(neutron)["port"].values() if each["device_owner"] == "compute:kuryr")
    filled = json.loads(re.sub("<(.+?)>", lambda name: engine.words[name[1]], json.dumps(expected)))
    assert {name: port[name] for name in expected} == filled


@pytest.mark.parametrize("leaves", [("leave",), ("leave", "leave")])
def test_a_join_that_fails_is_left_as_well(
    engine: Engine, docker: Docker, neutron: FakeNeutron, kernel: FakeKernel, leaves: tuple[str, ...]
) -> None:
    engine.replay("create")
    before = snapshot(neutron)
    engine.replay("reserve")
    with kernel.failing("plug"):
        engine.replay("join fails")
    engine.replay(*leaves, "delete", "release")
    settle(docker)
    assert (snapshot(neutron), kernel.links) == (before, {})


def test_a_wrong_option_is_refused_before_there_is_anything_to_undo(
    engine: Engine, docker: Docker, neutron: FakeNeutron
) -> None:
    engine.replay("wrong option")
    assert engine.words["why"].startswith("option kuryr.gateway=wide cannot be used (")
    assert counted(neutron) == {}


@pytest.mark.parametrize(
    ("style", "internal", "skipped"),
    [
        ("neutron", False, False),
        ("engine", False, False),
        ("none", False, True),
        ("none", True, True),
        (None, False, False),
        (None, True, True),
    ],
)
def test_a_gateway_is_skipped_exactly_when_there_is_none(
    server: Served, style: str | None, internal: bool, skipped: bool
) -> None:
    options: dict[str, object] = {"com.docker.network.generic": {"kuryr.gateway": style} if style else {}}
    if internal:
        options["com.docker.network.internal"] = True
    answer = server.post("NetworkDriver.GwAllocCheck", {"Options": options})
    assert answer == (200, {"SkipIPv4": skipped, "SkipIPv6": skipped})
