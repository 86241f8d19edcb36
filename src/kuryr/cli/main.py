"""`kuryr`: what an operator types. Errors are one red line and an exit status, never a traceback."""

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from kuryr.cli import docker, gateway, preallocate, published
from kuryr.errors import KuryrError

app = typer.Typer(
    name="kuryr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
docker.app.command()(published.published)
app.add_typer(docker.app, name="docker")
app.add_typer(gateway.app, name="gateway")
app.add_typer(preallocate.app, name="preallocate")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kuryr {version('kuryr')}")
        raise typer.Exit


@app.callback()
def kuryr(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """OpenStack Neutron networking for containers."""


def main() -> None:
    """Run the command of `sys.argv`. Exit status: 0 done, 1 failed, 2 not understood."""
    try:
        app()
    except KuryrError as error:
        logging.getLogger(__name__).debug("the cause", exc_info=error)
        typer.secho(f"kuryr: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
