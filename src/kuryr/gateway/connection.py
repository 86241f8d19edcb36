"""Where the cloud's side is: in this process, or behind a gateway service, as kuryr.conf says."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_config import cfg

from kuryr import config, metrics
from kuryr.behind import Behind
from kuryr.errors import InvalidInput
from kuryr.gateway.protocol import Gateway

if TYPE_CHECKING:
    from kuryr.neutron.api import Call


def connect(conf: cfg.ConfigOpts, behind: Behind, sweep_soon: Callable[[], None]) -> Gateway:
    """The cloud's side for this host; sends nothing. `sweep_soon` is called when something may have been left behind.

    Raises InvalidInput when the configuration cannot be used.
    """
    if not conf.gateway.url:
        return _local(conf, behind, sweep_soon)
    if conf.docker.scope != "local":
        raise InvalidInput("[docker] scope = global needs cloud credentials", hint="unset [gateway] url, or the scope")
    from kuryr.gateway.remote.assembly import RemoteGateway  # noqa: PLC0415  (only one of both is needed)
    from kuryr.gateway.remote.channel import HttpsChannel  # noqa: PLC0415

    return RemoteGateway(HttpsChannel.configured(conf, sweep_soon), behind, sweep_soon)


def observe(call: "Call") -> None:
    """Measure a request to Neutron."""
    metrics.CLOUD_CALLS.labels(call.method, call.resource, call.status).observe(call.seconds)


def _local(conf: cfg.ConfigOpts, behind: Behind, sweep_soon: Callable[[], None]) -> Gateway:
    from kuryr.gateway.assembly import LocalGateway  # noqa: PLC0415
    from kuryr.gateway.networks.subnet_pools import Defaults  # noqa: PLC0415
    from kuryr.neutron.session import connect as connect_to_neutron  # noqa: PLC0415

    defaults = Defaults(conf.neutron.default_subnetpool_v4, conf.neutron.default_subnetpool_v6)
    neutron = connect_to_neutron(conf, observe)
    parent = config.parent(conf)
    return LocalGateway(neutron, config.mark(conf), behind, sweep_soon, defaults, parent=parent)
