"""`kuryr preallocate`: networks, subnets and ports made ahead of time, for containers to find by name or tag."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kuryr import config
from kuryr.cli.settings import Commands, as_json, config_files
from kuryr.cli.tables import show
from kuryr.errors import InvalidInput
from kuryr.model import Named

if TYPE_CHECKING:  # they take a second to load, which --help shall not
    from kuryr.gateway.preallocation import Item, Preallocation

tags = click.option("--tag", "tags", multiple=True, help="A Neutron tag, such as role=web; may be repeated.")
network = click.option("--network", required=True, help="Name or id of the network.")


@click.group("preallocate", cls=Commands)
def app() -> None:
    """Make networks, subnets and ports ahead of time, see them, and remove them."""


@app.command()
@click.argument("names", nargs=-1, required=True)
@tags
@as_json
@config_files
def networks(names: Sequence[str], tags: Sequence[str], *, as_json: bool, config_files: Sequence[Path]) -> None:
    """Make networks.

    Then: docker network create -d kuryr -o neutron.net.name=NAME …, when they have subnets
    """
    _show(_followed(_open(config_files).networks(names, tags), len(names), "networks"), as_json=as_json)


@app.command()
@click.argument("cidrs", nargs=-1, required=True)
@network
@click.option("--name", default="", help="A name for all of them. Default: the network's, with the range.")
@tags
@as_json
@config_files
def subnets(
    cidrs: Sequence[str], network: str, name: str, tags: Sequence[str], *, as_json: bool, config_files: Sequence[Path]
) -> None:
    """Make subnets of a network. CIDRS are ranges, such as 10.1.0.0/24."""
    from kuryr.docker.options.addresses import parse_cidr  # noqa: PLC0415

    ranges = [parse_cidr(each, "subnet") for each in cidrs]
    made = _open(config_files).subnets(Named.of(network), ranges, name, tags)
    _show(_followed(made, len(ranges), "subnets"), as_json=as_json)


@app.command()
@network
@click.option("--count", default=0, type=click.IntRange(0, 1000), help="How many.")
@click.option("--name-prefix", default="port", show_default=True, help="They are called PREFIX-1, PREFIX-2, …")
@click.option("--key", "keys", multiple=True, help="Besides, one for this sticky key; may be repeated.")
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    help="Name or id of a subnet to take an address of; may be repeated. Default: one of each family.",
)
@click.option(
    "--vnic-type",
    default="normal",
    show_default=True,
    help="What they shall be on a host, such as direct for a virtual function of a network card.",
)
@tags
@as_json
@config_files
def ports(  # noqa: PLR0913 - each is an option of the command
    *,
    network: str,
    count: int,
    name_prefix: str,
    keys: Sequence[str],
    subnets: Sequence[str],
    vnic_type: str,
    tags: Sequence[str],
    as_json: bool,
    config_files: Sequence[Path],
) -> None:
    """Make ports of a network.

    Then: docker run --network name=blue,driver-opt=neutron.port.tag=TAG …
    """
    wanted = {f"{name_prefix}-{number}": "" for number in range(1, count + 1)}
    wanted |= {f"kuryr-{key}": key for key in keys}
    if not wanted:
        raise InvalidInput("no port is asked for", hint="give --count or --key")
    made = _open(config_files).ports(Named.of(network), [Named.of(each) for each in subnets], wanted, tags, vnic_type)
    _show(_followed(made, len(wanted), "ports"), as_json=as_json)


@app.command("list")
@tags
@as_json
@config_files
def list_(tags: Sequence[str], *, as_json: bool, config_files: Sequence[Path]) -> None:
    """Show what was made ahead of time, or for sticky keys, and who uses it."""
    _show([item for item in _open(config_files).made() if set(tags) <= set(item.tags)], as_json=as_json)


@app.command()
@click.argument("names", nargs=-1)
@tags
@click.option("--all", "everything", is_flag=True, help="All that nobody uses.")
@config_files
def free(names: Sequence[str], tags: Sequence[str], *, everything: bool, config_files: Sequence[Path]) -> None:
    """Remove what was made ahead of time and nobody uses. Exit status 1 if something that was named is left.

    NAMES are names or ids of what to remove.
    """
    if not (names or tags or everything):
        raise InvalidInput("nothing is named", hint="give names, ids, --tag or --all")
    preallocation = _open(config_files)
    made = preallocation.made()
    unknown = [name for name in names if not any(name in {item.id, item.name} for item in made)]
    if unknown:
        raise InvalidInput(f"nothing of this name was made ahead of time: {', '.join(unknown)}")
    chosen = [
        item
        for item in made
        if (not names or {item.id, item.name} & set(names)) and set(tags) <= set(item.tags)
        if names or tags or not item.use
    ]
    left = 0
    for item, error in preallocation.free(chosen):
        label = f"{item.kind} {item.name or item.id}"
        if error:
            left += 1
            click.secho(f"kept {label}: {error}", fg="yellow", err=True)
        else:
            click.echo(f"removed {label}")
    if left:
        raise click.exceptions.Exit(1)


def _open(files: Sequence[Path]) -> "Preallocation":
    from kuryr.gateway.preallocation import Preallocation  # noqa: PLC0415
    from kuryr.neutron.session import connect  # noqa: PLC0415

    conf = config.load(files)
    return Preallocation(connect(conf), config.mark(conf))


def _followed(made: "Iterable[Item]", total: int, what: str) -> "list[Item]":
    """Show on a terminal how far it is."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import track  # noqa: PLC0415

    console = Console(stderr=True)
    return list(track(made, f"making {what}", total, console=console, transient=True, disable=not console.is_terminal))


def _show(items: "Sequence[Item]", *, as_json: bool) -> None:
    columns: dict[str, Callable[[Item], str]] = {
        "": lambda item: item.kind,
        "name": lambda item: item.name,
        "where": lambda item: item.where,
        "tags": lambda item: ", ".join(item.tags),
        "used by": lambda item: item.use or "nobody",
        "id": lambda item: item.id,
    }
    show(items, _described, columns, as_json=as_json)


def _described(item: "Item") -> Mapping[str, object]:
    return {
        "kind": item.kind,
        "id": item.id,
        "name": item.name,
        "network_id": item.network_id,
        "where": item.where,
        "tags": list(item.tags),
        "use": item.use,
    }
