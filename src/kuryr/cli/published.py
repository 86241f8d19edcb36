"""`kuryr docker published`: how this host's containers are reached from outside.

`docker port` knows nothing of it: Docker drops what a remote driver tells of published ports.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kuryr import config
from kuryr.cli.settings import as_json, config_files
from kuryr.cli.tables import show

if TYPE_CHECKING:  # it takes a second to load, which --help shall not
    from kuryr.gateway.exposure.published import Published


@click.command()
@as_json
@config_files
def published(*, as_json: bool, config_files: Sequence[Path]) -> None:
    """Show how this host's containers are reached from outside: by floating IPs and forwarded ports."""
    from kuryr.gateway.exposure.published import published as list_published  # noqa: PLC0415
    from kuryr.neutron.session import connect  # noqa: PLC0415

    conf = config.load(config_files)
    ways = list_published(connect(conf), config.mark(conf))
    columns: dict[str, Callable[[Published], str]] = {
        "published": lambda way: _place(way.outer, way.outer_port, way.protocol),
        "container": lambda way: _place(way.inner, way.inner_port, way.protocol),
        "endpoint": lambda way: way.owner[:12],
        "network": lambda way: way.network_id,
    }
    show(ways, _described, columns, as_json=as_json)


def _described(way: "Published") -> Mapping[str, str]:
    return {
        "published": _place(way.outer, way.outer_port, way.protocol),
        "container": _place(way.inner, way.inner_port, way.protocol),
        "endpoint": way.owner,
        "network_id": way.network_id,
    }


def _place(address: object, port: int | None, protocol: str) -> str:
    return f"{address}:{port}/{protocol}" if port else str(address)
