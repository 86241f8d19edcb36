"""One lock per key: same key in order, different keys side by side, nothing left behind."""

import threading

import pytest

from kuryr.locks import KeyedLocks


def test_same_key_excludes_and_another_key_does_not() -> None:
    locks = KeyedLocks()
    entered = threading.Event()

    def enter() -> None:
        with locks("a"):
            entered.set()

    with locks("a"):
        waiting = threading.Thread(target=enter)
        waiting.start()
        with locks("b"):
            pass
        assert not entered.is_set()
    assert entered.wait(5)
    waiting.join()


def test_the_same_thread_may_enter_again() -> None:
    locks = KeyedLocks()
    with locks("a"), locks("a"):
        pass


def test_counters_are_exact_under_contention() -> None:
    locks = KeyedLocks()
    counters = {"a": 0, "b": 0}

    def count(key: str) -> None:
        for _ in range(500):
            with locks(key):
                before = counters[key]
                threading.Event().is_set()
                counters[key] = before + 1

    threads = [threading.Thread(target=count, args=(key,)) for key in "ab" * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters == {"a": 2000, "b": 2000}


def test_nothing_is_kept_of_a_key_that_nobody_holds() -> None:
    locks = KeyedLocks()
    with locks("a"):
        pass
    with pytest.raises(ValueError, match="inside"), locks("a"):
        raise ValueError("inside")
    assert vars(locks)["_locks"] == {}
