"""The demo's own reckoning and its exit status; what it shows is proved by running it."""

import io
import json
import secrets
import subprocess
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from kuryr_lab.demo import play
from kuryr_lab.demo.costs import Command, attribute, describe
from kuryr_lab.demo.evidence import Exchange, Peer, addresses_and_routes, round_trip
from kuryr_lab.demo.screen import CheckFailed, Screen
from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.request_log import Request
from kuryr_lab.traffic import Container


def request(
    began: float, method: str = "GET", path: str = "/v2.0/ports", client: str = "host1", status: int = 200
) -> Request:
    return Request(began, client, method, status, 5, "", path, "")


FIRST = Command("host1", "network create", began=10.0, ended=11.0)
OTHER = Command("host2", "network create", began=10.5, ended=11.5)
SECOND = Command("host1", "run", began=20.0, ended=21.0)


class TestCosts:
    def test_a_request_belongs_to_the_latest_command_of_its_host_that_began_before_it(self) -> None:
        requests = [request(20.5), request(10.6), request(10.7, client="host2"), request(13.0)]
        found = {
            cost.command: (len(cost.before), len(cost.behind)) for cost in attribute([FIRST, OTHER, SECOND], requests)
        }
        assert found == {FIRST: (1, 1), OTHER: (1, 0), SECOND: (1, 0)}

    def test_the_order_in_which_requests_were_answered_does_not_matter(self) -> None:
        slow, quick = request(10.2, "DELETE"), request(10.4, "GET")
        (cost,) = attribute([FIRST], [quick, slow])
        assert cost.before == (slow, quick)

    def test_requests_before_the_first_command_belong_to_none(self) -> None:
        (cost,) = attribute([FIRST], [request(9.9)])
        assert (cost.before, cost.behind) == ((), ())

    def test_a_command_without_requests_is_counted_too(self) -> None:
        (cost,) = attribute([FIRST], [])
        assert (cost.milliseconds, describe(cost.before)) == (1000, "0")

    @pytest.mark.parametrize(
        ("requests", "words"),
        [
            ([request(1, "POST")], "1: POST port"),
            ([request(1, "GET", "/v2.0/networks?name=green")], "1: GET networks"),
            ([request(1, "GET", "/v2.0/networks/27"), request(2)], "2: GET network, GET ports"),
            ([request(1, "DELETE", "/v2.0/ports/1"), request(2, "DELETE", "/v2.0/ports/2")], "2: 2 DELETE port"),
            ([request(1, "DELETE", "/v2.0/networks/1", status=409)], "1: DELETE network (409)"),
        ],
    )
    def test_requests_are_described_by_what_they_concern(self, requests: list[Request], words: str) -> None:
        assert describe(requests) == words


class TestEvidence:
    def test_the_round_trip_is_read_from_an_answered_ping(self) -> None:
        printed = "PING 10.0.0.2 (10.0.0.2): 56 data bytes\n64 bytes from 10.0.0.2: seq=0 ttl=64 time=0.740 ms\n"
        assert round_trip(printed) == 0.74

    def test_a_ping_without_an_answer_has_no_round_trip(self) -> None:
        printed = (
            "PING 10.0.0.2 (10.0.0.2): 56 data bytes\n\n--- 10.0.0.2 ping statistics ---\n"
            "1 packets transmitted, 0 packets received, 100% packet loss\n"
        )
        assert round_trip(printed) is None

    @pytest.mark.parametrize(
        ("milliseconds", "content", "outcome"),
        [
            (0.5, "web2", "through"),
            (None, None, "blocked"),
            (0.5, None, "ping: 0.50 ms, HTTP: no connection"),
            (None, "web2", "ping: no answer, HTTP: says 'web2'"),
            (0.5, "another", "ping: 0.50 ms, HTTP: says 'another'"),
        ],
    )
    def test_ping_and_tcp_must_both_arrive_or_both_be_stopped(
        self, milliseconds: float | None, content: str | None, outcome: str
    ) -> None:
        web1, web2 = (Peer(Container(cast("Host", None), name), "host1", "10.0.0.2") for name in ("web1", "web2"))
        assert Exchange(web1, web2, milliseconds, content).outcome == outcome

    @pytest.mark.parametrize("change", ["none", "address", "route"])
    def test_a_new_address_or_route_of_a_host_is_seen(self, change: str) -> None:
        before, after = Kernel(), Kernel()
        if change == "address":
            after.links[0]["addr_info"].append({"local": "10.88.0.1", "prefixlen": 24})
        if change == "route":
            after.routes.append({"dst": "10.88.0.0/24", "dev": "br-int"})
        same = addresses_and_routes(cast("Host", before)) == addresses_and_routes(cast("Host", after))
        assert same is (change == "none")


class Kernel:
    """Answers `ip -json` as a host does."""

    def __init__(self) -> None:
        self.links: list[dict[str, list[dict[str, object]]]] = [
            cast(
                "dict[str, list[dict[str, object]]]",
                {"ifname": "mgmt", "addr_info": [{"local": "10.98.0.1", "prefixlen": 24}]},
            )
        ]
        self.routes: list[dict[str, object]] = [{"dst": "10.98.0.0/24", "dev": "mgmt", "prefsrc": "10.98.0.1"}]

    def run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        # `ip` prints nothing at all for an empty list of routes.
        listed = {"-4": json.dumps(self.routes), "-6": "", "address": json.dumps(self.links)}
        return subprocess.CompletedProcess(argv, 0, listed[argv[2]], "")


class TestScreen:
    @pytest.fixture
    def written(self) -> io.StringIO:
        return io.StringIO()

    @pytest.fixture
    def screen(self, written: io.StringIO) -> Screen:
        return Screen(Console(file=written, width=60, highlight=False))

    def test_a_command_can_be_copied_from_one_line_however_long(self, screen: Screen, written: io.StringIO) -> None:
        screen.command("host1", ["docker", "run", "busybox", "sh", "-c", "echo [red] " + "x" * 100])
        (line,) = written.getvalue().splitlines()
        assert line == f"    host1$ docker run busybox sh -c 'echo [red] {'x' * 100}'"

    def test_no_cell_of_a_table_is_cut_off(self, screen: Screen, written: io.StringIO) -> None:
        screen.table(("port", "why"), [("3" * 40, "x" * 40)])
        assert "".join(written.getvalue().split()).count("3") == 40

    def test_a_claim_that_holds_is_shown(self, screen: Screen, written: io.StringIO) -> None:
        screen.check("two ways work", expected=2, seen=2)
        assert written.getvalue() == "    ✓ two ways work\n"

    def test_a_claim_that_does_not_hold_says_what_was_expected_and_seen(
        self, screen: Screen, written: io.StringIO
    ) -> None:
        with pytest.raises(CheckFailed, match=r"^two ways work: expected 2, saw 1$"):
            screen.check("two ways work", expected=2, seen=1)
        assert written.getvalue() == ""


class Stub:
    """A lab that notes what is done with it."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.is_up = False
        self.left: list[str] = []

    def up(self, **_: object) -> None:
        self.is_up = True

    def down(self) -> None:
        self.is_up = False

    def leftovers(self) -> list[str]:
        return self.left


class TestExitStatus:
    @pytest.fixture
    def lab(self, monkeypatch: pytest.MonkeyPatch) -> Stub:
        lab = Stub()
        monkeypatch.setattr(play, "Lab", lambda _: lab)
        monkeypatch.setattr(play, "Stage", lambda _, screen: screen)
        self.tells(monkeypatch, None)
        return lab

    def tells(self, monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> None:
        def tell(screen: Screen, program: str | None) -> None:
            if error:
                raise error

        monkeypatch.setattr(play, "tell", tell)

    def test_all_as_claimed_and_nothing_left_is_success(self, lab: Stub, capsys: pytest.CaptureFixture[str]) -> None:
        assert play.play("stub", keep=False)
        assert not lab.is_up
        assert "nothing is left." in capsys.readouterr().out

    @pytest.mark.parametrize(
        "error",
        [
            CheckFailed("all ways work", 6, 5),
            LabError("`docker run` ended with status 125"),
            subprocess.TimeoutExpired("docker", 120),
        ],
    )
    def test_a_failure_is_shown_the_lab_goes_and_the_status_says_so(
        self, lab: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
    ) -> None:
        self.tells(monkeypatch, error)
        assert not play.play("stub", keep=False)
        assert not lab.is_up
        out = capsys.readouterr().out
        assert f"✗ FAILED: {error}" in out
        assert "was as claimed" not in out

    def test_something_left_of_the_lab_is_a_failure(self, lab: Stub, capsys: pytest.CaptureFixture[str]) -> None:
        lab.left = ["network namespace kl-stub-host1"]
        assert not play.play("stub", keep=False)
        out = capsys.readouterr().out
        assert "saw ['network namespace kl-stub-host1']" in out
        assert "was as claimed" not in out

    def test_a_lab_that_is_kept_stays_up(self, lab: Stub) -> None:
        assert play.play("stub", keep=True)
        assert lab.is_up

    def test_a_lab_that_is_kept_stays_up_after_a_failure_too(self, lab: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tells(monkeypatch, CheckFailed("all ways work", 6, 5))
        assert not play.play("stub", keep=True)
        assert lab.is_up

    @pytest.mark.parametrize("keep", [True, False])
    def test_an_interruption_takes_the_lab_down(self, lab: Stub, monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
        self.tells(monkeypatch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            play.play("stub", keep=keep)
        assert not lab.is_up


@pytest.mark.exhaustive
def test_the_demo_itself_succeeds_and_leaves_nothing() -> None:
    name = f"x{secrets.token_hex(4)}"
    command = str(Path(__file__).parents[2] / ".venv" / "bin" / "kuryr-lab")
    done = subprocess.run([command, "demo", "--name", name], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Everything was as claimed, and nothing is left." in " ".join(done.stdout.split())
    assert Lab(name).leftovers() == []
