"""`kuryr preallocate`: networks, subnets and ports made ahead of time, for containers to find by name or tag."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kuryr import config
from kuryr.cli.docker import ConfigFiles
from kuryr.errors import InvalidInput
from kuryr.model import Named

if TYPE_CHECKING:  # they take a second to load, which --help shall not
    from kuryr.gateway.preallocation import Item, Preallocation

Tags = Annotated[list[str] | None, typer.Option("--tag", help="A Neutron tag, such as role=web; may be repeated.")]
Network = Annotated[str, typer.Option(help="Name or id of the network.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

app = typer.Typer(
    help="Make networks, subnets and ports ahead of time, see them, and remove them.", no_args_is_help=True
)


@app.callback()
def group() -> None:
    """Make networks, subnets and ports ahead of time, see them, and remove them."""


@app.command()
def networks(
    names: Annotated[list[str], typer.Argument(help="Names of the networks.")],
    tag: Tags = None,
    as_json: Json = False,
    config_file: ConfigFiles = None,
) -> None:
    """Make networks.

    Then: docker network create -d kuryr -o neutron.net.name=NAME …, when they have subnets
    """
    _show(_followed(_open(config_file).networks(names, tag or []), len(names), "networks"), as_json=as_json)


@app.command()
def subnets(
    cidrs: Annotated[list[str], typer.Argument(help="Ranges, such as 10.1.0.0/24.")],
    network: Network,
    name: Annotated[str, typer.Option(help="A name for all of them. Default: the network's, with the range.")] = "",
    tag: Tags = None,
    as_json: Json = False,
    config_file: ConfigFiles = None,
) -> None:
    """Make subnets of a network."""
    from kuryr.docker.options.addresses import parse_cidr  # noqa: PLC0415

    ranges = [parse_cidr(each, "subnet") for each in cidrs]
    made = _open(config_file).subnets(Named.of(network), ranges, name, tag or [])
    _show(_followed(made, len(ranges), "subnets"), as_json=as_json)


@app.command()
def ports(  # noqa: PLR0913, PLR0917 - each is an option of the command
    network: Network,
    count: Annotated[int, typer.Option(min=0, max=1000, help="How many.")] = 0,
    name_prefix: Annotated[str, typer.Option(help="They are called PREFIX-1, PREFIX-2, …")] = "port",
    key: Annotated[list[str] | None, typer.Option(help="Besides, one for this sticky key; may be repeated.")] = None,
    subnet: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or id of a subnet to take an address of; may be repeated. Default: one of each family."
        ),
    ] = None,
    vnic_type: Annotated[
        str, typer.Option(help="What they shall be on a host, such as direct for a virtual function of a network card.")
    ] = "normal",
    tag: Tags = None,
    as_json: Json = False,
    config_file: ConfigFiles = None,
) -> None:
    """Make ports of a network.

    Then: docker run --network name=blue,driver-opt=neutron.port.tag=TAG …
    """
    wanted = {f"{name_prefix}-{number}": "" for number in range(1, count + 1)}
    wanted |= {f"kuryr-{each}": each for each in key or []}
    if not wanted:
        raise InvalidInput("no port is asked for", hint="give --count or --key")
    subnets = [Named.of(each) for each in subnet or []]
    made = _open(config_file).ports(Named.of(network), subnets, wanted, tag or [], vnic_type)
    _show(_followed(made, len(wanted), "ports"), as_json=as_json)


@app.command("list")
def list_(tag: Tags = None, as_json: Json = False, config_file: ConfigFiles = None) -> None:
    """Show what was made ahead of time, or for sticky keys, and who uses it."""
    _show([item for item in _open(config_file).made() if set(tag or []) <= set(item.tags)], as_json=as_json)


@app.command()
def free(
    names: Annotated[list[str] | None, typer.Argument(help="Names or ids of what to remove.")] = None,
    tag: Tags = None,
    everything: Annotated[bool, typer.Option("--all", help="All that nobody uses.")] = False,
    config_file: ConfigFiles = None,
) -> None:
    """Remove what was made ahead of time and nobody uses. Exit status 1 if something that was named is left."""
    if not (names or tag or everything):
        raise InvalidInput("nothing is named", hint="give names, ids, --tag or --all")
    preallocation = _open(config_file)
    made = preallocation.made()
    unknown = [name for name in names or [] if not any(name in {item.id, item.name} for item in made)]
    if unknown:
        raise InvalidInput(f"nothing of this name was made ahead of time: {', '.join(unknown)}")
    chosen = [
        item
        for item in made
        if (not names or {item.id, item.name} & set(names)) and set(tag or []) <= set(item.tags)
        if names or tag or not item.use
    ]
    left = 0
    for item, error in preallocation.free(chosen):
        label = f"{item.kind} {item.name or item.id}"
        if error:
            left += 1
            typer.secho(f"kept {label}: {error}", fg=typer.colors.YELLOW, err=True)
        else:
            typer.echo(f"removed {label}")
    if left:
        raise typer.Exit(1)


def _open(files: ConfigFiles) -> "Preallocation":
    from kuryr.gateway.preallocation import Preallocation  # noqa: PLC0415
    from kuryr.neutron.session import connect  # noqa: PLC0415

    conf = config.load(files)
    config.register_credentials(conf)
    return Preallocation(connect(conf), config.mark(conf))


def _followed(made: "Iterable[Item]", total: int, what: str) -> "list[Item]":
    """Show on a terminal how far it is."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import track  # noqa: PLC0415

    console = Console(stderr=True)
    return list(track(made, f"making {what}", total, console=console, transient=True, disable=not console.is_terminal))


def _show(items: "Sequence[Item]", *, as_json: bool) -> None:
    if as_json:
        shown = [
            {
                "kind": item.kind,
                "id": item.id,
                "name": item.name,
                "network_id": item.network_id,
                "where": item.where,
                "tags": list(item.tags),
                "use": item.use,
            }
            for item in items
        ]
        typer.echo(json.dumps(shown, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    columns: dict[str, Callable[[Item], str]] = {
        "": lambda item: item.kind,
        "name": lambda item: item.name,
        "where": lambda item: item.where,
        "tags": lambda item: ", ".join(item.tags),
        "used by": lambda item: item.use or "nobody",
        "id": lambda item: item.id,
    }
    table = Table(*columns, box=None, pad_edge=False)
    for item in items:
        table.add_row(*(cell(item) for cell in columns.values()))
    console = Console()
    console.print(table, soft_wrap=True)
