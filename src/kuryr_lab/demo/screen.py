"""What a person sees of the demo: steps, commands as typed, evidence, and what each of it proves.

It must read the same in a terminal, in a log without colours and in a pipe: words carry the meaning, colours repeat it.
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from textwrap import wrap

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kuryr_lab.errors import LabError

WIDTH = 118
"""Columns where there is no terminal to ask."""


class CheckFailed(LabError):
    """What the demo claims is not so."""

    def __init__(self, claim: str, expected: object, seen: object) -> None:
        super().__init__(f"{claim}: expected {expected}, saw {seen}")


class Screen:
    """Prints the demo, in the order of the calls."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._steps = 0

    def step(self, title: str, meaning: str) -> None:
        """Begin a step: what happens, in a few words, and what it means."""
        self._steps += 1
        self.console.print()
        self.console.print(Text(f"{self._steps:2}  {title}", style="bold cyan"))
        self.say(meaning)

    def say(self, text: str) -> None:
        """Plain words."""
        self._wrapped(text)

    def line(self, text: str) -> None:
        """A line to copy, however long."""
        self.console.print(Text(f"    {text}", style="bold"), soft_wrap=True)

    def command(self, where: str, argv: Sequence[str]) -> None:
        """A command that is run at `where` (`host1`, `tenant`), so that it can be copied."""
        line = Text.assemble((f"    {where}$ ", "dim"), (shlex.join(argv), "bold"))
        self.console.print(line, soft_wrap=True)

    def request(self, who: str, method: str, path: str, body: object) -> None:
        """A request to Neutron's API."""
        said = f"{method} /v2.0{path} {json.dumps(body)}"
        self.console.print(Text.assemble((f"    {who}> ", "dim"), (said, "bold")), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Evidence in rows; no cell is cut off."""
        table = Table(box=None, header_style="underline", pad_edge=False, padding=(0, 3, 0, 0))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(Padding(table, (0, 0, 0, 6), expand=False))

    def check(self, claim: str, *, expected: object, seen: object) -> None:
        """A claim in words, and whether it holds. Raises CheckFailed unless `seen` equals `expected`."""
        if seen != expected:
            raise CheckFailed(claim, expected, seen)
        self._wrapped(f"✓ {claim}", "green")

    def failure(self, error: Exception) -> None:
        """One red line: what went wrong."""
        self.console.print()
        self.console.print(Text(f"    ✗ FAILED: {error}", style="bold red"), soft_wrap=True)

    def log(self, title: str, text: str) -> None:
        """The end of a log, as it is."""
        self.console.print(Text(f"    {title}", style="bold"), soft_wrap=True)
        for line in text.splitlines():
            self.console.print(Text(f"      {line}", style="dim"), soft_wrap=True)

    def _wrapped(self, text: str, style: str = "") -> None:
        for line in wrap(text, self.console.width - 4, break_on_hyphens=False):
            self.console.print(Text(f"    {line}", style=style))
