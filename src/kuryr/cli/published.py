"""`kuryr docker published`: how this host's containers are reached from outside.

`docker port` knows nothing of it: Docker drops what a remote driver tells of published ports.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from kuryr import config
from kuryr.cli.settings import as_json, config_files


@click.command()
@as_json
@config_files
def published(*, as_json: bool, config_files: Sequence[Path]) -> None:
    """Show how this host's containers are reached from outside: by floating IPs and forwarded ports."""
    from kuryr.gateway.exposure.published import published as list_published  # noqa: PLC0415
    from kuryr.neutron.session import connect  # noqa: PLC0415

    conf = config.load(config_files)
    config.register_credentials(conf)
    ways = list_published(connect(conf), config.mark(conf))
    rows = [
        {
            "published": _place(way.outer, way.outer_port, way.protocol),
            "container": _place(way.inner, way.inner_port, way.protocol),
            "endpoint": way.owner,
            "network_id": way.network_id,
        }
        for way in ways
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("published", "container", "endpoint", "network", box=None, pad_edge=False)
    for way, row in zip(ways, rows, strict=True):
        table.add_row(row["published"], row["container"], way.owner[:12], way.network_id)
    Console().print(table, soft_wrap=True)


def _place(address: object, port: int | None, protocol: str) -> str:
    return f"{address}:{port}/{protocol}" if port else str(address)
