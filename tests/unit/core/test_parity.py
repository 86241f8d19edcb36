"""The documents name tests as proofs: those must exist, and every old bug must have a proof or a reason."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_test_that_a_document_names_exists(name: str) -> None:
    missing = [
        f"{file}::{test}"
        for file, test in PROOF.findall((ROOT / "docs" / name).read_text())
        if not (ROOT / file).exists() or f"def {test}(" not in (ROOT / file).read_text()
    ]
    assert missing == []


def test_every_old_bug_has_a_proof_or_a_reason() -> None:
    rows = re.findall(r"^\| (B\d+) \| (.+) \| (.+) \|$", (ROOT / "docs" / "parity.md").read_text(), re.MULTILINE)
    assert [number for number, _, _ in rows] == [f"B{number}" for number in range(1, 24)]
