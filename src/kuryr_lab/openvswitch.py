"""Open vSwitch on a host, with the userspace datapath: it needs no module of the kernel."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuryr_lab.host import Host

EXTERNAL_BRIDGE = "br-ex"


def start_openvswitch(host: "Host") -> None:
    """Start the switch with the bridges `br-phy`, through which tunnels go, and `br-ex`, the external network."""
    run = host.run_directory / "openvswitch"
    run.mkdir()
    host.run(["ovsdb-tool", "create", "/run/openvswitch/conf.db", "/usr/share/openvswitch/vswitch.ovsschema"])
    host.daemon(
        "ovsdb-server",
        [
            "ovsdb-server",
            "/run/openvswitch/conf.db",
            "--remote=punix:/run/openvswitch/db.sock",
            "--unixctl=/run/openvswitch/ovsdb-server.ctl",
            "-vconsole:info",
        ],
        ready=(run / "db.sock").is_socket,
    )
    host.vsctl("--no-wait", "init")
    # --disable-system: this kernel may have no openvswitch datapath, do not probe for it. The pid file is how
    # ovs-appctl finds the socket. --monitor starts it again after an assertion, as ovs-ctl does everywhere: that of
    # Open vSwitch 3.1 fails now and then in conn_update_state of the userspace connection tracking.
    host.daemon(
        "ovs-vswitchd",
        ["ovs-vswitchd", "--disable-system", "--pidfile", "--monitor", "-vconsole:info"],
        ready=(run / "ovs-vswitchd.pid").exists,
    )
    # The userspace datapath sends tunnels only through a netdev bridge that holds the local address itself. The
    # bridge needs a MAC of its own and eth0 must not answer ARP: the kernel still sees every frame on eth0 and would
    # answer next to Open vSwitch.
    mac = f"02:99:00:00:01:{host.number:02x}"
    host.vsctl(
        "add-br", "br-phy", "--",
        "set", "bridge", "br-phy", "datapath_type=netdev", "fail_mode=standalone", f"other_config:hwaddr={mac}", "--",
        "add-port", "br-phy", "eth0", "--",
        "add-br", EXTERNAL_BRIDGE, "--",
        "set", "bridge", EXTERNAL_BRIDGE, "datapath_type=netdev", "fail_mode=standalone", "--",
        "add-port", EXTERNAL_BRIDGE, "eth1",
    )  # fmt: skip
    host.run(["sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=1"])
    host.run(["ip", "addr", "add", f"{host.underlay_address}/24", "dev", "br-phy"])
    host.run(["ip", "link", "set", "br-phy", "up"])
    # The kernel leaves checksums to the network card; a userspace switch never fills them in.
    for device in ("br-phy", "eth0"):
        host.run(["ethtool", "-K", device, "tx", "off"])
