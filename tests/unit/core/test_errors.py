"""Errors are read by people: one line, a hint, and a status that says whose fault it is."""

import pytest

from kuryr import errors
from kuryr.errors import MAX_LENGTH, KuryrError, one_line

STATUS = {
    errors.InvalidInput: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Exhausted: 409,
    errors.CloudError: 502,
    errors.CloudRefused: 502,
    errors.CloudUnavailable: 503,
    errors.PlugError: 500,
}


@pytest.mark.parametrize(("kind", "status"), STATUS.items())
def test_each_error_has_the_status_of_its_family(kind: type[KuryrError], status: int) -> None:
    assert kind("text").status == status


def test_line_breaks_and_repeated_blanks_vanish() -> None:
    assert str(KuryrError("a\nb\r\n\tc", hint="d\n\ne")) == "a b c (d e)"


def test_a_hint_is_optional() -> None:
    assert str(KuryrError("what failed")) == "what failed"


def test_a_page_of_html_is_cut() -> None:
    cut = one_line("x" * 10_000)
    assert len(cut) == MAX_LENGTH
    assert cut.endswith("…")
    assert one_line("x" * MAX_LENGTH) == "x" * MAX_LENGTH
