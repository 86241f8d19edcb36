"""OVN: the two databases and northd on the control node, ovn-controller on each host."""

from typing import TYPE_CHECKING

from kuryr_lab.backend import PHYSICAL_NETWORK, Backend, Sections
from kuryr_lab.layout import Layout
from kuryr_lab.node import Node
from kuryr_lab.openvswitch import EXTERNAL_BRIDGE, OpenVSwitch
from kuryr_lab.parts import Part

if TYPE_CHECKING:
    from kuryr_lab.host import Host

DATABASES = {
    "nb": ("OVN_Northbound", "NB_Global", 6641),
    "sb": ("OVN_Southbound", "SB_Global", 6642),
}
# A loaded machine misses the default of 5 s.
PROBE_MS = 60000


class Ovn(Backend):
    """ML2/OVN. It needs no RabbitMQ: no agent speaks RPC."""

    switch = OpenVSwitch()
    agent = "ovn-controller"
    wiring_shows = True
    needs = ("ovn",)
    workers = 2  # threads would add nothing: SQLAlchemy holds the interpreter's lock
    programs = ("ovn-northd", "ovn-controller")

    def settings(self, layout: Layout) -> Sections:
        """The mechanism driver, and where its databases are."""
        address = layout.control_address
        return {
            "DEFAULT": {
                "service_plugins": "ovn-router,trunk,qos,segments,port_forwarding",
                "transport_url": "fake://",
            },
            "ml2": {
                "type_drivers": "local,flat,vlan,geneve",
                "tenant_network_types": "geneve",
                "mechanism_drivers": "ovn",
            },
            "ml2_type_geneve": {"vni_ranges": "1:65536", "max_header_size": 38},
            "ovn": {
                "ovn_nb_connection": f"tcp:{address}:{DATABASES['nb'][2]}",
                "ovn_sb_connection": f"tcp:{address}:{DATABASES['sb'][2]}",
                "ovsdb_probe_interval": PROBE_MS,
                # As in production: each network with a subnet has a metadata port (network:distributed).
                "ovn_metadata_enabled": "true",
                "enable_distributed_floating_ip": "true",
            },
        }

    def control_parts(self, control: Node) -> list[Part]:
        """The databases and northd."""
        return [Part("ovn", "OVN databases and northd", lambda: start_central(control), ("control",))]

    def host_parts(self, control: Node, host: "Host") -> list[Part]:
        """ovn-controller."""
        name = host.name
        needs = (f"{name}-switch", "ovn")
        return [Part(f"{name}-ovn", f"{name}: OVN", lambda: self.join(host, control), needs)]

    def start_agent(self, host: "Host") -> None:
        """See `Backend.start_agent`. The host has been told where OVN is."""
        host.daemon(
            self.agent,
            [self.agent, "unix:/run/openvswitch/db.sock", "--pidfile", "-vconsole:info"],
            ready=(host.run_directory / "ovn" / f"{self.agent}.pid").exists,
        )

    def join(self, host: "Host", control: Node) -> None:
        """Join `host` to OVN, and return when its chassis is known and its integration bridge stands."""
        (host.run_directory / "ovn").mkdir()
        host.vsctl(
            "set", "Open_vSwitch", ".",
            f"external_ids:system-id={host.name}",
            f"external_ids:hostname={host.name}",
            f"external_ids:ovn-remote=tcp:{host.layout.control_address}:{DATABASES['sb'][2]}",
            f"external_ids:ovn-remote-probe-interval={PROBE_MS}",
            "external_ids:ovn-encap-type=geneve",
            f"external_ids:ovn-encap-ip={host.underlay_address}",
            "external_ids:ovn-bridge-datapath-type=netdev",
            f"external_ids:ovn-bridge-mappings={PHYSICAL_NETWORK}:{EXTERNAL_BRIDGE}",
            *(["external_ids:ovn-cms-options=enable-chassis-as-gw"] if host.is_gateway else []),
        )  # fmt: skip
        self.start_agent(host)
        host.vsctl("wait-until", "bridge", "br-int")
        control.run(["ovn-sbctl", "--timeout=20", "wait-until", "chassis", host.name])


def start_central(control: Node) -> None:
    """Start both databases, open to the management network, and northd."""
    run = control.run_directory / "ovn"
    run.mkdir()
    for name, (schema, table, port) in DATABASES.items():
        control.run(["ovsdb-tool", "create", f"/run/ovn/ovn{name}.db", f"/usr/share/ovn/ovn-{name}.ovsschema"])
        socket = f"ovn{name}_db.sock"
        control.daemon(
            f"ovn-{name}",
            [
                "ovsdb-server",
                f"/run/ovn/ovn{name}.db",
                f"--remote=punix:/run/ovn/{socket}",
                f"--remote=db:{schema},{table},connections",
                f"--unixctl=/run/ovn/ovn{name}.ctl",
                "-vconsole:info",
            ],
            ready=(run / socket).is_socket,
        )
        client = [f"ovn-{name}ctl", "--timeout=20"]
        control.run([*client, "init"])
        listen = f"ptcp:{port}:{control.layout.control_address}"
        control.run([*client, "set-connection", listen, "--", "set", "connection", ".", f"inactivity_probe={PROBE_MS}"])
    # Without this OVN answers ARP for an unbound port, such as a virtual address, in the network itself.
    control.run(["ovn-nbctl", "--timeout=20", "set", "nb_global", ".", "options:ignore_lsp_down=false"])
    control.daemon(
        "ovn-northd",
        [
            "ovn-northd",
            "--ovnnb-db=unix:/run/ovn/ovnnb_db.sock",
            "--ovnsb-db=unix:/run/ovn/ovnsb_db.sock",
            "--pidfile",
            "-vconsole:info",
        ],
        ready=(run / "ovn-northd.pid").exists,
    )
