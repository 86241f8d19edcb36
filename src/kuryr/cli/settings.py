"""What the commands have in common: where their configuration is, and how a service's log looks."""

import logging
from pathlib import Path

import click
from oslo_config import cfg

from kuryr import config

config_files = click.option(
    "--config-file",
    "config_files",
    multiple=True,
    type=click.Path(path_type=Path),
    default=config.default_files,
    help="A kuryr.conf; may be repeated. Default: /etc/kuryr/kuryr.conf, if there is one.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class Commands(click.Group):
    """Commands whose first sentences stand whole in the help, over several lines, where click would cut them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        named = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(limit=1000)) for name, each in named if each])


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
