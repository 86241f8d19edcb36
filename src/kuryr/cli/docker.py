"""`kuryr docker`: the driver for Docker."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from kuryr import config

app = typer.Typer(help="Kuryr as Docker's network and IPAM driver.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Kuryr as Docker's network and IPAM driver."""


@app.command()
def serve(
    config_file: Annotated[
        list[Path] | None,
        typer.Option(help="A kuryr.conf; may be repeated. Default: /etc/kuryr/kuryr.conf, if there is one."),
    ] = None,
) -> None:
    """Answer Docker's calls until SIGTERM.

    Listens on the socket of the configuration (/run/docker/plugins/kuryr.sock), or on the one that systemd passes.
    Then: docker network create -d kuryr --ipam-driver kuryr --subnet 10.1.0.0/24 blue
    """
    from kuryr.docker import sockets  # noqa: PLC0415
    from kuryr.docker.service import serve as serve_docker  # noqa: PLC0415

    conf = config.load(config_file)
    logging.basicConfig(
        level=logging.DEBUG if conf.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for chatty in ("httpx", "httpcore", "keystoneauth", "urllib3", "ovsdbapp", "pyroute2", "asyncio", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Its warning that a plug-in cannot be loaded would stand beside our own line that says so.
    logging.getLogger("stevedore").setLevel(logging.ERROR)
    listener = sockets.passed() or sockets.listen(Path(conf.docker.socket))
    serve_docker(conf, listener)
