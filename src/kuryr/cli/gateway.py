"""`kuryr gateway`: the service that reaches the cloud for machines without credentials."""

import typer

from kuryr import config
from kuryr.cli.docker import ConfigFiles, log

app = typer.Typer(help="The gateway service, for machines that hold no cloud credentials.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The gateway service, for machines that hold no cloud credentials."""


@app.command()
def serve(config_file: ConfigFiles = None) -> None:
    """Answer the calls of drivers with a certificate, at [gateway] listen, until SIGTERM.

    Who may do what stands in [gateway] grants.
    """
    from kuryr.gateway.service.process import serve as serve_gateway  # noqa: PLC0415

    conf = config.load(config_file)
    log(conf)
    config.register_credentials(conf)
    serve_gateway(conf)


@app.command()
def check(config_file: ConfigFiles = None) -> None:
    """Read the table of grants, and say who may do what."""
    from pathlib import Path  # noqa: PLC0415

    from kuryr.gateway.service.grants import Grants  # noqa: PLC0415

    conf = config.load(config_file)
    for grant in Grants(Path(conf.gateway.grants)).every().values():
        networks = "those of the project" if grant.whole_project else f"{len(grant.networks)} networks"
        rights = ", ".join(sorted(grant.rights)) or "no other rights"
        typer.echo(f"{grant.name}: host {grant.host}, {networks}, {rights}")
