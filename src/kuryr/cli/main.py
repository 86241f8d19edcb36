"""`kuryr`: what an operator types. Errors are one red line and an exit status, never a traceback."""

import logging
import sys

import click

from kuryr.cli import check, docker, gateway, ports, preallocate, published
from kuryr.cli.settings import Commands
from kuryr.errors import KuryrError


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="kuryr", message="%(prog)s %(version)s", help="Print the version and exit.")
def app() -> None:
    """OpenStack Neutron networking for containers."""


docker.app.add_command(published.published)
docker.app.add_command(check.check)
app.add_command(docker.app)
app.add_command(gateway.app)
app.add_command(ports.ports)
app.add_command(preallocate.app)


def main() -> None:
    """Run the command of `sys.argv`. Exit status: 0 done, 1 failed, 2 not understood."""
    # What libraries warn of belongs in the log of a service; without one it would stand beside our own line.
    logging.lastResort = logging.NullHandler()
    try:
        app(prog_name="kuryr")
    except KuryrError as error:
        logging.getLogger(__name__).debug("the cause", exc_info=error)
        click.secho(f"kuryr: {error}", fg="red", err=True)
        sys.exit(1)
