"""The driver, put together: of the cloud's side and the host's, and these as the configuration wants them."""

from collections.abc import Callable

from oslo_config import cfg

from kuryr import config
from kuryr.behind import Behind
from kuryr.binding import configured
from kuryr.binding.registry import Binding
from kuryr.docker.driver import swarm
from kuryr.docker.driver.choices import Choices
from kuryr.docker.driver.departure import Departure
from kuryr.docker.driver.endpoint import EndpointDriver
from kuryr.docker.driver.ipam import IpamDriver
from kuryr.docker.driver.network import NetworkDriver
from kuryr.docker.driver.outlets import Outlets
from kuryr.docker.driver.pools import PendingPools
from kuryr.docker.driver.publisher import Publisher
from kuryr.docker.driver.sources import Sources
from kuryr.docker.engine import Engine
from kuryr.docker.protocol.capabilities import GLOBAL
from kuryr.docker.sweeps.inheriting import Inheriting
from kuryr.docker.sweeps.late_words import LateWords
from kuryr.docker.sweeps.network_labels import NetworkLabels
from kuryr.docker.sweeps.sweeper import Sweep, Sweeper
from kuryr.gateway.connection import connect
from kuryr.gateway.protocol import Gateway
from kuryr.host.demand import Sizes
from kuryr.host.endpoints import Endpoints
from kuryr.host.reconcile import Reconciler
from kuryr.host.timing import Timing
from kuryr.suspects import Suspects


class Driver:
    """What Docker calls, by family of methods, and what is looked for behind its back. Sends nothing by itself.

    `expose` is what kuryr.conf says.
    """

    def __init__(
        self,
        gateway: Gateway,
        endpoints: Endpoints,
        reconciler: Reconciler,
        engine: Engine,
        behind: Behind,
        pending: PendingPools,
        *,
        expose: bool,
    ) -> None:
        networks = gateway.networks
        self._gateway = gateway
        self._reconciler = reconciler
        self._outlets = Outlets(gateway.routers, gateway.floating, endpoints)
        self._labels = NetworkLabels(engine, networks, behind)
        self._late_words = LateWords(engine, networks, endpoints, expose=expose)
        self._inheriting = Inheriting(engine, networks, gateway.inheritance, endpoints)
        choices, sources = Choices(engine, gateway.guards), Sources(gateway.subnet_pools)
        self._departure = Departure(networks, gateway.reservations, gateway.idle, endpoints)
        self.network = NetworkDriver(gateway, sources, self._departure, self._labels, self._outlets, pending)
        self.endpoint = EndpointDriver(gateway, choices, endpoints, self._outlets, expose=expose)
        self.publisher = Publisher(gateway, endpoints, self._outlets, behind)
        self.ipam = IpamDriver(gateway, sources, choices, endpoints, self._inheriting, pending)

    def sweeps(self, suspects: Callable[[], Suspects]) -> list[Sweep]:
        """All that is looked for, in its order; each sweep has suspects of its own."""
        anchors, kept, ports = self._gateway.networks.anchors, self._outlets.kept, suspects()
        leftovers = self._gateway.leftovers(suspects)
        return [
            self._inheriting.sweep,
            lambda view: self._departure.sweep(swarm.alive(view, anchors.owners())),
            lambda view: leftovers.networks(swarm.alive(view, anchors.owners())),
            lambda view: leftovers.addresses(view.addresses),
            lambda view: self._reconciler.sweep(view.endpoints, ports),
            self._late_words.sweep,
            lambda _: leftovers.idle_ports(),
            lambda _: leftovers.groups(),
            self._labels.sweep,
            lambda _: leftovers.floating_ips(kept(anchors.settings())),
        ]


class ConfiguredDriver(Driver):
    """The driver of this host, as kuryr.conf wants it. Sends nothing before `start`.

    Raises InvalidInput when the configuration cannot be used.
    """

    def __init__(self, conf: cfg.ConfigOpts, pending: PendingPools) -> None:
        self._behind = Behind()
        gateway = connect(conf, self._behind, self._sweep_soon)
        binding = Binding(configured.context(conf, config.mark(conf)))
        engine = Engine(conf.docker.engine_socket, swarm=conf.docker.scope == GLOBAL)
        timing = Timing(ready=conf.binding.ready_timeout, patience=conf.sweep.grace)
        # A trunk takes only ports without device_id, and that is what tells those made ahead; address pairs are few.
        most = 0 if conf.nested.mode else conf.binding.ready_ports_max
        sizes = Sizes(most, conf.binding.ready_ports_min)
        endpoints = Endpoints(
            gateway.ports, binding, self._behind, timing, engine.may_know, self._sweep_soon, sizes, gateway.neighbours
        )
        reconciler = Reconciler(gateway.ports, binding, endpoints)
        super().__init__(gateway, endpoints, reconciler, engine, self._behind, pending, expose=conf.docker.expose)
        sweeps = self.sweeps(lambda: Suspects(conf.sweep.grace))
        self._sweeper = Sweeper(engine, sweeps, conf.sweep.grace, conf.sweep.interval)

    def start(self) -> None:
        """Begin to look for leftovers."""
        self._sweeper.start()

    def close(self, timeout: float) -> None:
        """Finish what is under way behind, within `timeout` seconds.

        The connection to Open vSwitch goes with the process: closing it would wait for one that is being made.
        """
        self._sweeper.close()
        self._behind.close(timeout)

    def _sweep_soon(self) -> None:
        self._sweeper.soon()
