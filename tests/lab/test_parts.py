"""Starting parts in the order of their needs."""

import threading
from graphlib import CycleError

import pytest

from kuryr_lab.parts import Part, start_all
from kuryr_lab.progress import Silence


def nothing() -> None:
    """Abandon or start nothing."""


def test_a_part_starts_after_those_it_needs() -> None:
    started: list[str] = []

    def part(name: str, *needs: str) -> Part:
        return Part(name, name, lambda: started.append(name), needs)

    start_all([part("c", "b"), part("b", "a"), part("a")], Silence(), nothing)
    assert started == ["a", "b", "c"]


def test_parts_that_do_not_need_each_other_start_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def meet() -> None:
        meeting.wait()

    start_all([Part(name, name, meet) for name in "abc"], Silence(), nothing)


def test_a_failure_is_raised_what_needs_it_is_not_started_and_what_waits_is_abandoned() -> None:
    abandoned, started = threading.Event(), list[str]()

    def fail() -> None:
        raise OSError("no")

    def wait_for_ever() -> None:
        assert abandoned.wait(10)

    parts = [
        Part("bad", "bad", fail),
        Part("slow", "slow", wait_for_ever),
        Part("next", "next", lambda: started.append("next"), ("bad",)),
    ]
    with pytest.raises(OSError, match="no"):
        start_all(parts, Silence(), abandoned.set)
    assert started == []


def test_parts_that_need_each_other_are_refused() -> None:
    with pytest.raises(CycleError):
        start_all([Part("a", "a", nothing, ("b",)), Part("b", "b", nothing, ("a",))], Silence(), nothing)
