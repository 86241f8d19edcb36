"""Open vSwitch on a host, with the userspace datapath: it needs no module of the kernel."""

from typing import TYPE_CHECKING

from kuryr_lab.backend import Switch, Tap
from kuryr_lab.waiting import wait_until

if TYPE_CHECKING:
    from kuryr_lab.host import Host

EXTERNAL_BRIDGE = "br-ex"
_PROCESS = "ovs-vswitchd"
_PID_FILE = f"openvswitch/{_PROCESS}.pid"
_TUNNELS = ("ovn-", "vxlan-")


class OpenVSwitch(Switch):
    """Ports are interfaces of the bridge `br-int`."""

    title = "Open vSwitch"
    programs = ("ovsdb-server", "ovs-vswitchd")

    def start(self, host: "Host") -> None:
        """See `Switch.start`."""
        start_openvswitch(host)

    def kill(self, host: "Host") -> None:
        """End ovs-vswitchd as a crash would. Its monitor starts it again after some signals, but not after this one."""
        host.run(["kill", "-KILL", (host.run_directory / _PID_FILE).read_text().strip()])
        wait_until(f"{_PROCESS} on {host.name} ends", lambda: not host.find_daemon(_PROCESS).alive())

    def restart(self, host: "Host") -> None:
        """Start it again. Whoever gives it flows must notice by himself."""
        _start_switch(host)
        _connect_underlay(host)

    def plug(self, host: "Host", tap: Tap) -> None:
        """See `Switch.plug`: the row names the port."""
        # With transmit offload on, packets reach the userspace switch without checksums: ICMP works, no TCP connects.
        host.run(["nsenter", f"--net=/run/netns/{tap.namespace}", "ethtool", "-K", "eth0", "tx", "off"])
        identity = [f"external_ids:iface-id={tap.port['id']}", f'external_ids:attached-mac="{tap.port["mac_address"]}"']
        host.vsctl("add-port", "br-int", tap.name, "--", "set", "interface", tap.name, *identity)

    def unplug(self, host: "Host", tap: Tap) -> None:
        """See `Switch.unplug`."""
        host.vsctl("--if-exists", "del-port", tap.name)

    def inventory(self, host: "Host") -> set[str]:
        """See `Switch.inventory`. Tunnel ports for the other hosts are made in the back end's own time."""
        interfaces = host.vsctl("--bare", "--columns=name", "list", "interface").split()
        return {f"Open vSwitch interface {name}" for name in interfaces if not name.startswith(_TUNNELS)}


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
    _start_switch(host)
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
    _connect_underlay(host)


def _start_switch(host: "Host") -> None:
    """Start the process that switches; the same again after it has ended."""
    (host.run_directory / _PID_FILE).unlink(missing_ok=True)
    # --disable-system: this kernel may have no openvswitch datapath, do not probe for it. The pid file is how
    # ovs-appctl finds the socket. --monitor starts it again after an assertion, as ovs-ctl does everywhere: that of
    # Open vSwitch 3.1 fails now and then in conn_update_state of the userspace connection tracking.
    host.daemon(
        _PROCESS,
        [_PROCESS, "--disable-system", "--pidfile", "--monitor", "-vconsole:info"],
        ready=(host.run_directory / _PID_FILE).exists,
    )


def _connect_underlay(host: "Host") -> None:
    """Give the bridge for tunnels its address. In user space a bridge's device lives as long as the process."""
    wait_until(
        f"br-phy on {host.name} is there",
        lambda: not host.run(["ip", "link", "show", "br-phy"], check=False).returncode,
    )
    host.run(["ip", "addr", "replace", f"{host.underlay_address}/24", "dev", "br-phy"])
    host.run(["ip", "link", "set", "br-phy", "up"])
    # The kernel leaves checksums to the network card; a userspace switch never fills them in.
    for device in ("br-phy", "eth0"):
        host.run(["ethtool", "-K", device, "tx", "off"])
