"""How a command shows several things of one kind: as a table for people, as JSON for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import click

Item = TypeVar("Item")


def show(
    items: Sequence[Item],
    described: Callable[[Item], Mapping[str, object]],
    columns: Mapping[str, Callable[[Item], str]],
    *,
    as_json: bool,
) -> None:
    """Print what is `described` of each, or a table: `columns` says what stands below each heading."""
    if as_json:
        click.echo(json.dumps([described(item) for item in items], indent=2))
        return
    from rich.console import Console  # noqa: PLC0415  (--help and --json shall not wait for it)
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=None, pad_edge=False)
    for item in items:
        table.add_row(*(cell(item) for cell in columns.values()))
    Console().print(table, soft_wrap=True)
