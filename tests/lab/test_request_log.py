"""Reading an API's request log."""

import threading
from pathlib import Path

import pytest

from kuryr_lab.errors import LabError
from kuryr_lab.layout import Layout
from kuryr_lab.request_log import Cursor, Request

HOST1 = "1795515815442\t10.98.200.1\tPOST\t201\t310\treq-1\t/v2.0/ports?a=b\tkuryr/0.1 keystoneauth1/5\n"
MACHINE = "1795515815500\t10.98.200.253\tGET\t200\t12\t-\t/v2.0/ports\t-\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "requests.log"
    log.write_text(HOST1 * 3)
    return log


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_a_cursor_reads_what_comes_after_it_and_only_once(log: Path, layout: Layout) -> None:
    cursor = Cursor(log, layout)
    append(log, HOST1)
    assert cursor.read() == [
        Request(1795515815.442, "host1", "POST", 201, 310, "req-1", "/v2.0/ports?a=b", "kuryr/0.1 keystoneauth1/5")
    ]
    assert cursor.read() == []


def test_a_line_still_being_written_is_left_for_the_next_reading(log: Path, layout: Layout) -> None:
    cursor = Cursor(log, layout)
    append(log, HOST1[:20])
    assert cursor.read() == []
    append(log, HOST1[20:])
    assert len(cursor.read()) == 1


def test_requests_of_a_host_are_told_from_those_of_the_machine(log: Path, layout: Layout) -> None:
    host1, machine = Cursor(log, layout, "host1"), Cursor(log, layout, "machine")
    append(log, HOST1 + MACHINE + HOST1)
    assert [request.method for request in host1.read()] == ["POST", "POST"]
    assert [(request.method, request.request_id) for request in machine.read()] == [("GET", "")]


def test_what_a_driver_sweeps_with_is_left_out(log: Path, layout: Layout) -> None:
    driver = layout.log("host1", "kuryr-x")
    driver.parent.mkdir(parents=True, exist_ok=True)
    every, without = Cursor(log, layout, "host1"), Cursor(log, layout, "host1", sweeps=False)
    driver.write_text("12:00 INFO kuryr.docker.sweeps.sweeper sweep request_id=req-2\n")
    append(log, HOST1 + HOST1.replace("req-1", "req-2") + HOST1)
    assert [request.request_id for request in every.read()] == ["req-1", "req-2", "req-1"]
    assert [request.request_id for request in without.read()] == ["req-1", "req-1"]


def test_reading_until_quiet_includes_what_comes_late(log: Path, layout: Layout) -> None:
    cursor = Cursor(log, layout, "host1")
    append(log, HOST1)
    late = threading.Timer(0.3, append, (log, HOST1))
    late.start()
    assert len(cursor.read_until_quiet(quiet=1)) == 2
    late.join()


def test_requests_that_never_cease_are_an_error(log: Path, layout: Layout) -> None:
    cursor, stop = Cursor(log, layout), threading.Event()

    def babble() -> None:
        while not stop.wait(0.02):
            append(log, HOST1)

    thread = threading.Thread(target=babble)
    thread.start()
    try:
        with pytest.raises(LabError, match="did not cease"):
            cursor.read_until_quiet(quiet=0.5, seconds=1)
    finally:
        stop.set()
        thread.join()
