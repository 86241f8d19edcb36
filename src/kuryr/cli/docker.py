"""`kuryr docker`: the driver for Docker."""

from collections.abc import Sequence
from pathlib import Path

import click

from kuryr import config
from kuryr.cli.settings import Commands, config_files, log
from kuryr.errors import InvalidInput


@click.group("docker", cls=Commands)
def app() -> None:
    """Kuryr as Docker's network and IPAM driver."""


@app.command()
@config_files
def serve(config_files: Sequence[Path]) -> None:
    """Answer Docker's calls until SIGTERM.

    Listens on the socket of the configuration (/run/docker/plugins/kuryr.sock), or on the one that systemd passes;
    and by mutual TLS at [docker] listen_tcp, if that is set.

    Then: docker network create -d kuryr --ipam-driver kuryr --subnet 10.1.0.0/24 blue
    """
    from kuryr.docker.server import sockets, tcp  # noqa: PLC0415
    from kuryr.docker.server.service import serve as serve_docker  # noqa: PLC0415
    from kuryr.web.listeners import Listener  # noqa: PLC0415

    conf = config.load(config_files)
    log(conf)
    secured = tcp.listen(conf)
    local = Listener(sockets.passed() or sockets.listen(Path(conf.docker.socket)))
    serve_docker(conf, [local, secured] if secured else [local])


@app.command("plugin-file")
@click.argument("kind", type=click.Choice(["spec", "json"]))
@config_files
@click.option(
    "--address",
    default="",
    help="host:port as the engine reaches it, for json. Default: the listen_tcp of kuryr.conf.",
)
@click.option(
    "--certificates",
    type=click.Path(path_type=Path),
    default="/etc/docker/kuryr",
    show_default=True,
    help="The engine's folder with ca.pem, cert.pem and key.pem, for json.",
)
def plugin_file(kind: str, config_files: Sequence[Path], address: str, certificates: Path) -> None:
    """Print the file by which Docker finds a driver whose socket is not in /run/docker/plugins.

    KIND is spec for a Unix socket, json for TCP with mutual TLS.

    kuryr docker plugin-file spec > /etc/docker/plugins/kuryr.spec

    kuryr docker plugin-file json > /etc/docker/plugins/kuryr.json
    """
    from kuryr.docker.server import discovery  # noqa: PLC0415
    from kuryr.web.listeners import address as parsed  # noqa: PLC0415

    conf = config.load(config_files)
    socket = Path(conf.docker.socket)
    if kind == "spec":
        click.echo(discovery.spec(socket), nl=False)
    else:
        if not (reached_at := address or conf.docker.listen_tcp):
            raise InvalidInput("the driver listens on no TCP port", hint="set [docker] listen_tcp, or give --address")
        click.echo(discovery.description(socket.stem, *parsed(reached_at), certificates), nl=False)
    if discovery.SOCKETS in socket.parents:
        click.echo(f"note: an engine on this host takes {socket} without looking for a file", err=True)
