"""What looks unused is removed only when it has looked so during the whole grace period."""

from kuryr.suspects import Suspects


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_first_sight_convicts_nobody() -> None:
    assert Suspects(60, Clock()).convict({"a"}) == set()


def test_grace_is_counted_from_the_first_sight() -> None:
    clock = Clock()
    suspects = Suspects(60, clock)
    suspects.convict({"a"})
    clock.now = 59.9
    assert suspects.convict({"a", "b"}) == set()
    clock.now = 60
    assert suspects.convict({"a", "b"}) == {"a"}


def test_being_used_once_starts_the_grace_anew() -> None:
    clock = Clock()
    suspects = Suspects(60, clock)
    suspects.convict({"a"})
    clock.now = 50
    suspects.convict(set())
    clock.now = 60
    assert suspects.convict({"a"}) == set()
    clock.now = 119
    assert suspects.convict({"a"}) == set()
    clock.now = 120
    assert suspects.convict({"a"}) == {"a"}
