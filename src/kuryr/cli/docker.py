"""`kuryr docker`: the driver for Docker."""

import enum
import logging
from pathlib import Path
from typing import Annotated

import typer
from oslo_config import cfg

from kuryr import config
from kuryr.errors import InvalidInput

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config-file", help="A kuryr.conf; may be repeated. Default: /etc/kuryr/kuryr.conf, if there is one."
    ),
]


class PluginFile(enum.StrEnum):
    """The kinds of file by which Docker finds a driver."""

    SPEC = "spec"
    JSON = "json"


def log(conf: cfg.ConfigOpts) -> None:
    """Write what a service of Kuryr's says to its standard error."""
    logging.basicConfig(
        level=logging.DEBUG if conf.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for chatty in ("httpx", "httpcore", "keystoneauth", "urllib3", "ovsdbapp", "pyroute2", "asyncio", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Its warning that a plug-in cannot be loaded would stand beside our own line that says so.
    logging.getLogger("stevedore").setLevel(logging.ERROR)


app = typer.Typer(help="Kuryr as Docker's network and IPAM driver.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Kuryr as Docker's network and IPAM driver."""


@app.command()
def serve(config_file: ConfigFiles = None) -> None:
    """Answer Docker's calls until SIGTERM.

    Listens on the socket of the configuration (/run/docker/plugins/kuryr.sock), or on the one that systemd passes;
    and by mutual TLS at [docker] listen_tcp, if that is set.
    Then: docker network create -d kuryr --ipam-driver kuryr --subnet 10.1.0.0/24 blue
    """
    from kuryr.docker.server import sockets, tcp  # noqa: PLC0415
    from kuryr.docker.server.service import serve as serve_docker  # noqa: PLC0415
    from kuryr.web.listeners import Listener  # noqa: PLC0415

    conf = config.load(config_file)
    log(conf)
    secured = tcp.listen(conf)
    local = Listener(sockets.passed() or sockets.listen(Path(conf.docker.socket)))
    serve_docker(conf, [local, secured] if secured else [local])


@app.command("plugin-file")
def plugin_file(
    kind: Annotated[PluginFile, typer.Argument(help="spec: a Unix socket; json: TCP with mutual TLS.")],
    config_file: ConfigFiles = None,
    address: Annotated[
        str, typer.Option(help="host:port as the engine reaches it, for json. Default: the listen_tcp of kuryr.conf.")
    ] = "",
    certificates: Annotated[
        Path, typer.Option(help="The engine's folder with ca.pem, cert.pem and key.pem, for json.")
    ] = Path("/etc/docker/kuryr"),
) -> None:
    """Print the file by which Docker finds a driver whose socket is not in /run/docker/plugins.

    kuryr docker plugin-file spec > /etc/docker/plugins/kuryr.spec

    kuryr docker plugin-file json > /etc/docker/plugins/kuryr.json
    """
    from kuryr.docker.server import discovery  # noqa: PLC0415
    from kuryr.web.listeners import address as parsed  # noqa: PLC0415

    conf = config.load(config_file)
    socket = Path(conf.docker.socket)
    if kind is PluginFile.SPEC:
        typer.echo(discovery.spec(socket), nl=False)
    else:
        if not (reached_at := address or conf.docker.listen_tcp):
            raise InvalidInput("the driver listens on no TCP port", hint="set [docker] listen_tcp, or give --address")
        typer.echo(discovery.description(socket.stem, *parsed(reached_at), certificates), nl=False)
    if discovery.SOCKETS in socket.parents:
        typer.echo(f"note: an engine on this host takes {socket} without looking for a file", err=True)
