"""`kuryr docker check`: whether everything is there that the driver needs, from the cloud to Docker.

Each thing is tried as the driver would, and nothing is changed: safe beside a driver that runs.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from oslo_config import cfg

from kuryr import config
from kuryr.cli.settings import as_json, config_files
from kuryr.errors import KuryrError, PlugError

_HANDSHAKE_TIMEOUT = 5.0
"""Seconds; the driver answers a handshake from memory."""


@dataclass(frozen=True)
class Finding:
    """What became of one trial: `said` is one line, what is there or what is wrong and what to do."""

    subject: str
    good: bool
    said: str


@click.command()
@as_json
@config_files
def check(*, as_json: bool, config_files: Sequence[Path]) -> None:
    """Try what the driver needs: the cloud, this host, Docker, and the driver itself. Changes nothing.

    Exit status 0 if all is well, 1 if anything is not.
    """
    conf = config.load(config_files)
    trials: list[tuple[str, Callable[[cfg.ConfigOpts], str]]] = [
        ("cloud", _cloud),
        ("host", _host),
        ("Docker", _docker),
        ("driver", _driver),
    ]
    findings = [Finding("configuration", good=True, said=f"this host is {config.mark(conf)}")]
    findings += [_tried(subject, trial, conf) for subject, trial in trials]
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        _show(findings)
    if not all(each.good for each in findings):
        sys.exit(1)


def _tried(subject: str, trial: Callable[[cfg.ConfigOpts], str], conf: cfg.ConfigOpts) -> Finding:
    try:
        return Finding(subject, good=True, said=trial(conf))
    except KuryrError as error:
        return Finding(subject, good=False, said=str(error))


def _cloud(conf: cfg.ConfigOpts) -> str:
    """Credentials, catalogue, Neutron and the right to see this host's ports; or a gateway service and its grant."""
    from kuryr.behind import Behind  # noqa: PLC0415  (imports take longer than some of the trials)
    from kuryr.gateway.connection import connect  # noqa: PLC0415

    behind = Behind()
    try:
        ports = connect(conf, behind, lambda: None).ports.held()
    finally:
        behind.close(0)
    through = f"the gateway service at {conf.gateway.url}" if conf.gateway.url else "Neutron"
    return f"{through} answers: {len(ports)} ports of containers on this host"


def _host(conf: cfg.ConfigOpts) -> str:
    """What wires ports here. Neutron alone knows which back end that should be."""
    from kuryr.binding import configured  # noqa: PLC0415
    from kuryr.binding.registry import Binding  # noqa: PLC0415

    context = configured.context(conf, config.mark(conf))
    binding = Binding(context)
    try:
        plugged = f"{len(binding.found())} interfaces of containers"
        if conf.nested.mode:
            return f"nested, mode {conf.nested.mode}: {plugged}"
        if not context.switch.is_there:
            return f"no Open vSwitch, ports of other kinds can be plugged: {plugged}"
        # Raises PlugError if there is no such bridge.
        context.switch.is_userspace(context.integration_bridge)
        return f"Open vSwitch has {context.integration_bridge}: {plugged}"
    finally:
        binding.close()


def _docker(conf: cfg.ConfigOpts) -> str:
    from kuryr.docker.engine import Engine, EngineSilent  # noqa: PLC0415

    try:
        view = Engine(conf.docker.engine_socket).view()
    except EngineSilent as silent:
        raise EngineSilent(
            silent.message,
            hint=f"does dockerd run, and listen at {conf.docker.engine_socket}? ([docker] engine_socket)",
        ) from silent
    return f"Docker answers: {len(view.networks)} networks that could be Kuryr's, {len(view.endpoints)} endpoints"


def _driver(conf: cfg.ConfigOpts) -> str:
    import httpx  # noqa: PLC0415

    from kuryr.web.unix import client  # noqa: PLC0415

    place = conf.docker.socket
    try:
        with client(place, _HANDSHAKE_TIMEOUT) as http:
            offered = http.post("/Plugin.Activate").raise_for_status().json()["Implements"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        hint = "start it: systemctl start kuryr-docker, or kuryr docker serve"
        raise PlugError(f"no driver answers at {place}", hint=hint) from error
    return f"answers at {place}: {', '.join(offered)}"


def _show(findings: list[Finding]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    width = max(len(each.subject) for each in findings)
    for each in findings:
        sign = ("ok   ", "green") if each.good else ("wrong", "bold red")
        console.print(Text.assemble(sign, f"  {each.subject:{width}}  {each.said}"), soft_wrap=True)
