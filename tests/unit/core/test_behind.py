"""Work behind: done in threads, bounded, delayed on an injected clock, drained at the end."""

import logging
import threading

import pytest

from kuryr.behind import Afterwards, Behind
from kuryr.errors import CloudUnavailable, NotFound


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def wait_for(event: threading.Event) -> None:
    assert event.wait(5)


def test_soon_runs_the_task_and_drain_waits_for_it() -> None:
    behind = Behind(threads=1)
    go, done = threading.Event(), threading.Event()
    behind.soon(lambda: wait_for(go))
    behind.soon(done.set)
    assert not behind.drain(0)
    go.set()
    assert behind.drain(5)
    assert done.is_set()
    behind.close()


def test_too_much_work_is_turned_away() -> None:
    behind = Behind(threads=1, limit=2)
    go = threading.Event()
    assert behind.soon(lambda: wait_for(go))
    assert behind.soon(lambda: None)
    assert behind.soon(lambda: None) is None
    go.set()
    assert behind.drain(5)
    assert behind.soon(lambda: None) is not None
    behind.close()


def test_delayed_tasks_run_in_the_order_of_their_time() -> None:
    clock = Clock()
    behind = Behind(threads=1, clock=clock)
    ran: list[str] = []
    all_ran = threading.Event()
    behind.later(20, lambda: ran.append("late"))
    behind.later(10, lambda: ran.append("early"))
    clock.now = 15
    behind.later(0, all_ran.set)
    assert all_ran.wait(5)
    assert ran == ["early"]
    all_ran.clear()
    clock.now = 30
    behind.later(0, all_ran.set)
    assert all_ran.wait(5)
    assert ran == ["early", "late"]
    behind.close()


def test_failures_are_logged_and_nothing_stops(caplog: pytest.LogCaptureFixture) -> None:
    behind = Behind(threads=1)

    def unavailable() -> None:
        raise CloudUnavailable("Neutron is away")

    def defect() -> None:
        raise ValueError("a defect")

    done = threading.Event()
    with caplog.at_level(logging.WARNING):
        behind.soon(unavailable)
        behind.soon(defect)
        behind.soon(done.set)
        assert done.wait(5)
        assert behind.drain(5)
    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [
        ("WARNING", False),
        ("ERROR", True),
    ]
    assert "Neutron is away" in caplog.text
    behind.close()


def test_closing_finishes_what_waits_and_forgets_what_is_delayed() -> None:
    behind = Behind(threads=1)
    ran: list[str] = []
    behind.later(3600, lambda: ran.append("delayed"))
    behind.soon(lambda: ran.append("waiting"))
    behind.close()
    assert ran == ["waiting"]
    assert behind.soon(lambda: ran.append("too late")) is None
    behind.later(0, lambda: ran.append("too late"))
    assert ran == ["waiting"]


def test_closing_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    behind = Behind(threads=1)
    go = threading.Event()
    behind.soon(lambda: wait_for(go))
    behind.close(timeout=0)
    assert "left undone" in caplog.text
    go.set()


def test_who_is_not_waited_for_does_himself_what_he_has_asked_for() -> None:
    work, done = Afterwards(), list[str]()

    def fail() -> None:
        work.soon(lambda: done.append("third"))
        raise NotFound("gone")

    first, second = work.soon(lambda: done.append("first")), work.soon(fail)
    work.later(1, lambda: done.append("later"))
    assert (done, first.done()) == ([], False)
    work.finish()
    assert (done, first.done(), second.done()) == (["first", "third"], True, True)
