"""`kuryr ports`: the ports that this host holds, and what becomes of each.

Neutron says which ports are this host's. Who has one, or that it waits for somebody, the claim on its interface says
first, and Neutron a moment later.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from kuryr import config
from kuryr.cli.settings import as_json, config_files
from kuryr.cli.tables import show
from kuryr.model import Vif, is_ready

READY, RESERVED, USED = "ready", "reserved", "used"
"""What becomes of a port: waits for the next container; handed out, its user has not come yet; has a user."""


@dataclass(frozen=True)
class Row:
    """What is shown of a port."""

    port_id: str
    addresses: list[str]
    mac: str
    network_id: str
    state: str
    endpoint: str
    """The engine's id of whoever uses it, "" if nobody does."""

    @classmethod
    def of(cls, vif: Vif, claimed_by: str) -> "Row":
        """A port that Neutron knows, and whose its interface is: "" without one or a user."""
        owner = claimed_by or vif.owner
        # Neutron alone may still say that it waits when somebody has just taken it.
        endpoint = "" if is_ready(owner) else owner
        state = USED if endpoint else READY if is_ready(claimed_by) else RESERVED
        addresses = [str(fixed_ip.address) for fixed_ip in vif.fixed_ips]
        return cls(vif.port_id, addresses, vif.mac, vif.network_id, state, endpoint)


@click.command()
@as_json
@config_files
def ports(*, as_json: bool, config_files: Sequence[Path]) -> None:
    """Show the ports that this host holds: those of containers, and those that wait for the next ones."""
    columns: dict[str, Callable[[Row], str]] = {
        "port": lambda row: row.port_id,
        "addresses": lambda row: " ".join(row.addresses),
        "MAC address": lambda row: row.mac,
        "network": lambda row: row.network_id,
        "state": lambda row: row.state,
        "endpoint": lambda row: row.endpoint[:12] or "-",
    }
    show(_rows(config_files), asdict, columns, as_json=as_json)


def _rows(config_files: Sequence[Path]) -> list[Row]:
    from kuryr.behind import Behind  # noqa: PLC0415  (--help shall not wait for these)
    from kuryr.binding import configured  # noqa: PLC0415
    from kuryr.binding.registry import Binding  # noqa: PLC0415
    from kuryr.gateway.connection import connect  # noqa: PLC0415

    conf = config.load(config_files)
    binding = Binding(configured.context(conf, config.mark(conf)))
    behind = Behind()
    try:
        held = connect(conf, behind, lambda: None).ports.held()
        claims = {found.port_id: found.owner for found in binding.found()}
    finally:
        behind.close()
        binding.close()
    return [Row.of(vif, claims.get(vif.port_id, "")) for vif in sorted(held, key=_place)]


def _place(vif: Vif) -> tuple[str, int]:
    """By network, then by address."""
    return vif.network_id, min((int(fixed_ip.address) for fixed_ip in vif.fixed_ips), default=0)
