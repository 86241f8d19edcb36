"""docs/docker.md does what it says: its examples run as they stand, and its table has every option.

The examples of a section are lines of `sh` blocks. What prepares them or cleans up after them, and would only be in a
reader's way, stands in comments (`<!-- sh: … -->`) and is run in its place. Every line must succeed, but for one that
is followed by a comment `<!-- fails: … -->` with what it must say.
"""

import contextlib
import os
import re
import subprocess
from dataclasses import dataclass

import pytest

from kuryr.docker.options.catalogue import OPTIONS
from kuryr_lab.external import ExternalNetwork
from kuryr_lab.host import Host
from kuryr_lab.lab import Lab
from kuryr_lab.layout import CHECKOUT
from kuryr_lab.shell import exports
from kuryr_lab.tenant import TenantNetwork

PAGE = (CHECKOUT / "docs" / "docker.md").read_text()
_PIECE = re.compile(r"^```sh\n(.*?)^```$|<!-- sh: (.*?) -->|<!-- fails: (.*?) -->", re.MULTILINE | re.DOTALL)
CLEAN = "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force; docker network prune --force"


@dataclass
class Step:
    """Lines of a section. `fails` is what the last of them must say when it is refused."""

    lines: str
    fails: str = ""


def sections() -> dict[str, list[Step]]:
    """The steps of each section that has any, by its heading."""
    found: dict[str, list[Step]] = {}
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]:
        steps: list[Step] = []
        for block, hidden, fails in _PIECE.findall(section):
            if fails:
                steps[-1].fails = fails
            else:
                steps.append(Step(block or hidden))
        heading = section.splitlines()[0]
        assert heading not in found, f"{heading} comes twice: the examples of one would not run"
        if steps:
            found[heading] = steps
    return found


@pytest.mark.exhaustive
@pytest.mark.parametrize("heading", sections())
def test_the_examples_work_as_they_stand(lab: Lab, host1: Host, tenant_network: TenantNetwork, heading: str) -> None:
    environment = {**os.environ, **exports(lab, host1.number, "demo")}
    leads_out = any(" external" in step.lines for step in sections()[heading])
    with ExternalNetwork(lab) if leads_out else contextlib.nullcontext():
        follow(heading, environment)


def follow(heading: str, environment: dict[str, str]) -> None:
    """Do what a section says, and clean up."""
    try:
        for step in sections()[heading]:
            take(step, environment)
    finally:
        # A section that failed must not fail those after it.
        take(Step(CLEAN), environment)


def take(step: Step, environment: dict[str, str]) -> None:
    """Run the lines as a shell does for a reader."""
    argv = ["sh", "-euc", step.lines]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode != 0) == bool(step.fails), f"{step.lines}\n{done.stderr}"
    assert step.fails in done.stderr


def test_every_option_has_a_line_and_an_example() -> None:
    table = PAGE[PAGE.index("## All options") :]
    rows = dict(re.findall(r"^\| `([a-z0-9._]+)` \| ([^|]*) \|", table, re.MULTILINE))
    assert rows == {name: f"`{option.places.flag.replace(' or ', '`, `')}`" for name, option in OPTIONS.items()}
    examples = " ".join(step.lines for steps in sections().values() for step in steps)
    assert [name for name in OPTIONS if f"{name}=" not in examples] == []
