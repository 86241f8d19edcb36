"""`kuryr gateway`: the service that reaches the cloud for machines without credentials."""

from collections.abc import Sequence
from pathlib import Path

import click

from kuryr import config
from kuryr.cli.settings import Commands, config_files, log


@click.group("gateway", cls=Commands)
def app() -> None:
    """The gateway service, for machines that hold no cloud credentials."""


@app.command()
@config_files
def serve(config_files: Sequence[Path]) -> None:
    """Answer the calls of drivers with a certificate, at [gateway] listen, until SIGTERM.

    Who may do what stands in [gateway] grants.
    """
    from kuryr.gateway.service.process import serve as serve_gateway  # noqa: PLC0415

    conf = config.load(config_files)
    log(conf)
    config.register_credentials(conf)
    serve_gateway(conf)


@app.command()
@config_files
def check(config_files: Sequence[Path]) -> None:
    """Read the table of grants, and say who may do what."""
    from kuryr.gateway.service.grants import Grants  # noqa: PLC0415

    conf = config.load(config_files)
    for grant in Grants(Path(conf.gateway.grants)).every().values():
        several = "" if len(grant.networks) == 1 else "s"
        networks = "those of the project" if grant.whole_project else f"{len(grant.networks)} network{several}"
        rights = ", ".join(sorted(grant.rights)) or "no other rights"
        bounds = [f"at most {grant.ports} ports"] if grant.ports else []
        bounds += [f"{grant.nesting} on port {grant.parent}"] if grant.parent else []
        click.echo(", ".join([f"{grant.name}: host {grant.host}", networks, rights, *bounds]))
