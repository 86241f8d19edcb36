"""Back ends of Neutron's own: an agent on each host, which is told by RPC what to wire.

They share RabbitMQ, Neutron's RPC server and the DHCP agent, and differ in data: `AgentBackend` holds it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kuryr_lab import rabbitmq
from kuryr_lab.backend import Backend, Sections, Switch
from kuryr_lab.ini import write_ini
from kuryr_lab.layout import Layout
from kuryr_lab.neutron import configuration
from kuryr_lab.node import Node
from kuryr_lab.parts import Part
from kuryr_lab.waiting import wait_until

if TYPE_CHECKING:
    from kuryr_lab.host import Host

DHCP_AGENT = "neutron-dhcp-agent"
REPORT_SECONDS = 5
"""How often an agent says that it lives; and before it has heard of Neutron, how often it tries."""
AGENT_DOWN_SECONDS = 20
"""After how long a silence Neutron binds no more ports to an agent's host."""


@dataclass(frozen=True)
class AgentBackend(Backend):
    """An ML2 mechanism driver with its agent."""

    switch: Switch
    mechanism: str
    """The mechanism driver's name, which the DHCP agent's driver for its interfaces shares."""
    agent: str
    """The agent's program."""
    agent_settings: Callable[["Host"], Sections]
    """What the agent, and the DHCP agent, is told on a host besides what every agent is."""
    own_settings: Sections = field(default_factory=dict)
    """Of Neutron itself."""
    wiring_shows: bool = True
    environment_of: Callable[[Layout], Path] = lambda layout: layout.cloud

    needs: ClassVar = ()
    workers: ClassVar = 1
    programs: ClassVar = (rabbitmq.PROGRAM, "dnsmasq", "conntrack", "ebtables", "ipset")
    setup: ClassVar = "scripts/setup backends"

    def environment(self, layout: Layout) -> Path:
        """See `Backend.environment`."""
        return self.environment_of(layout)

    def settings(self, layout: Layout) -> Sections:
        """The mechanism driver, tunnels, and how agents are reached."""
        return {
            "DEFAULT": {
                "service_plugins": "router,trunk,qos,segments,port_forwarding",
                "transport_url": rabbitmq.url(layout),
                "rpc_workers": 1,
                "rpc_state_report_workers": 0,
                "agent_down_time": AGENT_DOWN_SECONDS,
            },
            "ml2": {
                "type_drivers": "local,flat,vlan,vxlan",
                "tenant_network_types": "vxlan",
                "mechanism_drivers": self.mechanism,
            },
            "ml2_type_vxlan": {"vni_ranges": "1:65536"},
            **self.own_settings,
        }

    def control_parts(self, control: Node) -> list[Part]:
        """RabbitMQ, and the process that answers agents."""

        def start_rpc() -> None:
            self._start_program(control, "neutron-rpc-server", configuration(control))
            rabbitmq.await_consumer(control, "q-plugin")
            rabbitmq.await_consumer(control, "q-reports-plugin")

        return [
            Part("rabbitmq", "RabbitMQ", lambda: rabbitmq.start_rabbitmq(control), ("control",)),
            Part("rpc", "Neutron's RPC server", start_rpc, ("configuration", "mariadb", "rabbitmq")),
        ]

    def host_parts(self, control: Node, host: "Host") -> list[Part]:  # noqa: ARG002
        """The agent; and on one host the DHCP agent."""
        parts = [self._agent_part(host, self.agent)]
        if host.number == 1:
            parts.append(self._agent_part(host, DHCP_AGENT))
        return parts

    def _agent_part(self, host: "Host", agent: str) -> Part:
        needs = (f"{host.name}-switch", "rpc", "keystone", "neutron")
        return Part(f"{host.name}-{agent}", f"{host.name}: {agent}", lambda: self._start(host, agent), needs)

    def start_agent(self, host: "Host") -> None:
        """See `Backend.start_agent`."""
        self._start(host, self.agent)

    def _start(self, host: "Host", agent: str) -> None:
        file = host.directory / "neutron" / f"{agent}.conf"
        common: dict[str, Mapping[str, object]] = {
            "DEFAULT": {
                "transport_url": rabbitmq.url(host.layout),
                "state_path": host.directory / "neutron",
                "interface_driver": self.mechanism,
            },
            "oslo_concurrency": {"lock_path": host.directory / "neutron" / "lock"},
            # An empty value would mean sudo.
            "agent": {"root_helper": "/usr/bin/env", "report_interval": REPORT_SECONDS},
        }
        own = self.agent_settings(host)
        write_ini(file, {name: {**common.get(name, {}), **own.get(name, {})} for name in {*common, *own}})
        self._start_program(host, agent, file)
        _await_alive(host, agent)

    def _start_program(self, node: Node, program: str, file: Path) -> None:
        programs = self.environment(node.layout) / "bin"
        env = {
            # Where it finds privsep-helper.
            "PATH": f"{programs}:{node.environment()['PATH']}",
            # Or its title would be written over its environment, and with it over the mark of the lab.
            "SPT_NOENV": "1",
        }
        node.daemon(program, [str(programs / program), f"--config-file={file}"], env=env)


def _await_alive(host: "Host", agent: str) -> None:
    """Return when Neutron has heard of an agent, and binds ports to its host."""
    from kuryr_lab.client import Neutron  # noqa: PLC0415  (keystoneauth takes 0.2 s, once needed)

    neutron = Neutron(host.layout, "admin")
    wait_until(
        f"{agent} on {host.name} is alive",
        lambda: bool(neutron.find("agent", host=host.name, binary=agent, alive=True)),
        seconds=60,
    )
