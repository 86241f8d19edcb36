"""All parts of the driver, put together from the configuration."""

from pathlib import Path

from oslo_config import cfg

from kuryr import config, metrics
from kuryr.behind import Behind
from kuryr.binding.driver import BindingContext
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
from kuryr.gateway.anchors import Anchors
from kuryr.gateway.floating import FloatingIPs
from kuryr.gateway.forwarding import Forwardings
from kuryr.gateway.guards import Guards
from kuryr.gateway.idle import IdlePorts
from kuryr.gateway.inheritance import Inheritance
from kuryr.gateway.keeping import Keeping
from kuryr.gateway.networks import Networks
from kuryr.gateway.openings import Openings
from kuryr.gateway.own_networks import OwnNetworks
from kuryr.gateway.ports import LocalCloud
from kuryr.gateway.reservations import Reservations
from kuryr.gateway.routers import Routers
from kuryr.gateway.subnet_pools import Defaults, SubnetPools
from kuryr.gateway.topology import Topology
from kuryr.host.endpoints import Endpoints, Timing
from kuryr.host.reconcile import Reconciler
from kuryr.neutron.api import Call
from kuryr.neutron.session import connect
from kuryr.suspects import Suspects


class Driver:
    """What Docker calls, by family of methods, and what works behind them. Sends nothing before `start`.

    Raises InvalidInput when the configuration cannot be used.
    """

    def __init__(self, conf: cfg.ConfigOpts, pending: PendingPools) -> None:
        mark = config.mark(conf)
        neutron = connect(conf, observe)
        topology = Topology(neutron)
        openings = Openings(neutron, mark)
        guards = Guards(neutron)
        cloud = LocalCloud(neutron, topology, openings, mark)
        self._behind = Behind()
        defaults = Defaults(conf.neutron.default_subnetpool_v4, conf.neutron.default_subnetpool_v6)
        sources = Sources(SubnetPools(neutron, defaults))
        reservations = Reservations(neutron, mark, self._behind, self._sweep_soon)
        idle = IdlePorts(neutron, mark, self._sweep_soon)
        keeping = Keeping(neutron, mark, self._behind)
        anchors = Anchors(neutron, mark)
        inheritance = Inheritance(neutron, topology, anchors, cloud, mark)
        own = OwnNetworks(neutron, topology, mark, self._sweep_soon)
        networks = Networks(topology, anchors, own, openings, keeping, inheritance, self._sweep_soon)
        binding = Binding(
            BindingContext(
                deployment=mark.deployment,
                host=mark.host,
                integration_bridge=conf.binding.integration_bridge,
                ovsdb=conf.binding.ovsdb_connection,
                sysctl=Path(conf.binding.sysctl),
                timeout=conf.binding.ovsdb_timeout,
            )
        )
        timing = Timing(ready=conf.binding.ready_timeout, patience=conf.sweep.grace)
        engine = Engine(conf.docker.engine_socket, swarm=conf.docker.scope == GLOBAL)
        endpoints = Endpoints(cloud, binding, self._behind, timing, engine.may_know, self._sweep_soon)
        labels = NetworkLabels(engine, networks, self._behind)
        floating = FloatingIPs(neutron, mark, self._behind, self._sweep_soon)
        outlets = Outlets(Routers(neutron), floating, endpoints)
        inheriting = Inheriting(engine, networks, inheritance, endpoints)
        grace = conf.sweep.grace
        unused_networks, unused_addresses = Suspects(grace), Suspects(grace)
        unused_groups, unused_ports, unused_floating = Suspects(grace), Suspects(grace), Suspects(grace)
        reconciler = Reconciler(cloud, binding, endpoints, Suspects(grace))
        late_words = LateWords(engine, networks, endpoints, expose=conf.docker.expose)
        sweeps: list[Sweep] = [
            inheriting,
            lambda view: networks.sweep(swarm.alive(view, anchors.owners()), unused_networks),
            lambda view: reservations.sweep(view.addresses, unused_addresses),
            lambda view: reconciler.sweep(view.endpoints),
            late_words.sweep,
            lambda _: idle.sweep(anchors.stood_on(), unused_ports),
            lambda _: openings.sweep(unused_groups),
            labels.sweep,
            lambda _: floating.sweep(outlets.kept(anchors.settings()), unused_floating),
        ]
        self._sweeper = Sweeper(engine, sweeps, grace, conf.sweep.interval)
        choices = Choices(engine)
        departure = Departure(networks, reservations, idle, endpoints.releases)
        self.network = NetworkDriver(topology, networks, guards, sources, departure, labels, outlets, pending)
        self.endpoint = EndpointDriver(networks, guards, choices, endpoints, outlets, expose=conf.docker.expose)
        self.publisher = Publisher(networks, endpoints, outlets, Forwardings(neutron, mark), self._behind)
        self.ipam = IpamDriver(topology, networks, sources, reservations, keeping, choices, endpoints, pending)
        self.ipam.catch_up = inheriting.catch_up

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


def observe(call: Call) -> None:
    """Measure a request to Neutron."""
    metrics.CLOUD_CALLS.labels(call.method, call.resource, call.status).observe(call.seconds)
