"""A virtual machine: a node that is not entered but spoken to, on one of the lab's hosts.

Its first interface, `eth0`, is a Neutron port on that host: a tap in Open vSwitch, as Nova would plug it. By the
second, `eth1`, it is reached and reaches the APIs. QEMU and virtiofsd are daemons of the host, and end with it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from kuryr_lab import processes
from kuryr_lab.docker import answers, boot_docker, import_image
from kuryr_lab.docker_host import DockerHost
from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.layout import MAX_HOSTS, Layout
from kuryr_lab.network import ip
from kuryr_lab.node import Daemon
from kuryr_lab.vm import boot
from kuryr_lab.vm.nic import TrunkPort
from kuryr_lab.waiting import wait_until

_MEMORY = "1024M"
_AGENT_PORT = 22
_DOCKER_PORT = 2375
_UNUSED = ("aufs", "btrfs", "devmapper", "zfs")
_VIRTIOFSD = "/usr/lib/qemu/virtiofsd"


class VirtualMachine(DockerHost):
    """The virtual machine number `number` of a lab, on `host`."""

    def __init__(self, layout: Layout, number: int, host: Host) -> None:
        super().__init__(layout, f"vm{number}")
        self.host = host
        self.number = MAX_HOSTS + number

    @property
    def management_address(self) -> str:
        """Where it is reached, and where its requests to the APIs come from."""
        return str(self.layout.management[self.number])

    @property
    def docker_address(self) -> str:
        """On the management network: a client in the guest would take seconds to start."""
        return f"tcp://{self.management_address}:{_DOCKER_PORT}"

    @property
    def docker_data(self) -> Path:
        """In the guest's memory."""
        return Path("/var/lib/docker")

    @property
    def etc(self) -> Path:
        """Where its /etc/kuryr is, reached from outside; to be filled before it boots: it remembers what it reads."""
        return self.directory / "etc"

    @property
    def pid(self) -> int:
        """QEMU, as numbered outside. LabError if the machine is off."""
        return self.qemu.pid

    @property
    def qemu(self) -> Daemon:
        """The process that it consists of; killing it is pulling the plug."""
        return self.host.find_daemon(f"{self.name}-qemu")

    @property
    def console(self) -> Path:
        """All that its kernel has printed."""
        return self.layout.log(self.name, "node")

    def alive(self) -> bool:
        """Whether it is switched on."""
        return self.qemu.alive()

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in the guest; it ends with its connection."""
        remote = Path(__file__).with_name("remote.py")
        where = [self.management_address, str(_AGENT_PORT)]
        return self.host.leashed([sys.executable, "-I", "-S", str(remote), *where, *argv])

    leashed = enter

    def boot(self, nic: TrunkPort) -> None:
        """Switch it on, with an empty disk, and return when it runs commands. LabError with its console if it fails."""
        for name in ("run", "log", "etc/kuryr"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        owner = password_options(IDENTITIES["demo"], self.layout.auth_url)
        write_ini(self.etc / "kuryr" / "kuryr.conf", {"DEFAULT": {}, "neutron": owner, "nested": {"mode": "vlan"}})
        boot.pack(self.directory / "boot", self._first_files)
        self._share_root()
        self._plug(nic)
        self.host.daemon(f"{self.name}-qemu", self._qemu(nic))
        # QEMU makes it where it runs; its other end is where the lab's management network is.
        control = self.layout.namespace("control")
        wait_until(f"{self.name} has its interfaces", self._has_management)
        ip("-n", self.layout.namespace(self.host.name), "link", "set", self._management, "netns", control)
        ip("-n", control, "link", "set", self._management, "master", "mgmt", "up")
        try:
            wait_until(f"{self.name} boots", self._answers, seconds=300)
        except LabError as error:
            raise LabError(str(error), log=self.console) from error
        self._introduce()

    def _introduce(self) -> None:
        """Tell its MAC address to whoever speaks to it: an emulated processor that is busy answers ARP too late."""
        known = ["neigh", "replace", self.management_address, "lladdr", self._management_mac, "nud", "permanent"]
        ip(*known, "dev", self.layout.link)
        for name in ("control", self.host.name):
            ip("-n", self.layout.namespace(name), *known, "dev", "mgmt")

    def switch_off(self) -> None:
        """Pull the plug, and take the tap away; the port stays."""
        self.qemu.kill()
        # Whoever speaks to it would wait for an answer.
        processes.end_all(self.directory)
        host = self.host
        for name in host.vsctl(
            "--bare", "--columns=name", "find", "interface", f"external_ids:vm-id={self.name}"
        ).split():
            host.vsctl("--if-exists", "del-port", name)
            host.run(["ip", "link", "delete", name], check=False)

    def start_docker(self) -> None:
        """Start Docker with the lab's image. It listens on the management network, where its clients are."""
        # dockerd gives a containerd of its own 15 s to start: not enough for an emulated processor that is busy.
        containerd = "/run/containerd/containerd.sock"
        without = "".join(f'"io.containerd.snapshotter.v1.{name}",' for name in _UNUSED)
        write = ["tee", "/run/containerd.toml"]
        self.run(write, input=f'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", {without}]\n')

        def serves() -> bool:
            return self.run(["test", "-S", containerd], check=False).returncode == 0

        self.daemon("containerd", ["containerd", "--config", "/run/containerd.toml"], ready=serves, seconds=300)
        # Unless it is told that this is meant, it waits for 15 s before it listens without TLS.
        open_port = [f"--host={self.docker_address}", "--tls=false"]
        boot_docker(self, f"--containerd={containerd}", *open_port, ready=lambda: answers(self), seconds=300)
        import_image(self)

    @property
    def _management(self) -> str:
        return f"m-{self.name}"

    @property
    def _management_mac(self) -> str:
        return f"02:98:00:00:00:{self.number:02x}"

    def _answers(self) -> bool:
        if not self.alive():
            raise LabError(f"{self.name} has ended", log=self.console)
        return self.run(["true"], check=False).returncode == 0

    def _has_management(self) -> bool:
        return self.host.run(["ip", "link", "show", self._management], check=False).returncode == 0

    def _share_root(self) -> None:
        """Start virtiofsd on the machine's file system, without what is mounted in it; it ends with QEMU.

        It cannot refuse to write itself, so what it serves is mounted read-only, in a mount namespace of its own.
        """
        tree, path = self.directory / "root", self._socket
        tree.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        # Cached for ever: twice as fast, and what the guest has read stays for it as it was.
        serve = f"{_VIRTIOFSD} -f --socket-path={path} -o source={tree} -o cache=always -o xattr"
        steps = f"mount --bind / {tree} && mount -o remount,bind,ro {tree} && exec {serve}"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", steps]
        self.host.daemon(f"{self.name}-virtiofsd", command, ready=path.exists)

    @property
    def _socket(self) -> Path:
        return self.directory / "root.sock"

    def _plug(self, nic: TrunkPort) -> None:
        """A tap that outlives QEMU, as Nova's does: Open vSwitch would lose one that comes and goes."""
        host, tap = self.host, nic.tap
        if host.run(["ip", "link", "show", tap], check=False).returncode:
            host.run(["ip", "tuntap", "add", tap, "mode", "tap"])
        host.run(["ip", "link", "set", tap, "mtu", str(nic.mtu), "up"])
        identity = [f"external_ids:iface-id={nic.port['id']}", f'external_ids:attached-mac="{nic.port["mac_address"]}"']
        mine = f"external_ids:vm-id={self.name}"
        host.vsctl("--may-exist", "add-port", "br-int", tap, "--", "set", "interface", tap, *identity, mine)

    def _qemu(self, nic: TrunkPort) -> list[str]:
        """The command line. Without virtio's offloads a guest completes its checksums, as a userspace switch wants."""
        tap = "tap,script=no,downscript=no,vnet_hdr=off"
        card = "virtio-net-pci,romfile="
        return [
            "qemu-system-x86_64", "-name", self.name, "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-machine", "q35,memory-backend=memory", "-cpu", "max", "-smp", "1", "-m", _MEMORY,
            # Where KVM is there, it may yet fail in the middle of a boot, on a machine that is virtual itself.
            "-accel", "tcg,thread=multi,tb-size=256",
            # virtiofsd reads and writes it, too.
            "-object", f"memory-backend-memfd,id=memory,size={_MEMORY},share=on",
            "-kernel", str(boot.kernel()), "-initrd", str(self._first_files), "-append", self._command_line(nic),
            "-serial", f"file:{self.console}",
            "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random",
            "-chardev", f"socket,id=root,path={self._socket}", "-device", "vhost-user-fs-pci,chardev=root,tag=root",
            "-netdev", f"{tap},id=trunk,ifname={nic.tap}",
            "-device", f"{card},netdev=trunk,mac={nic.port['mac_address']},host_mtu={nic.mtu}",
            "-netdev", f"{tap},id=management,ifname={self._management}",
            "-device", f"{card},netdev=management,mac={self._management_mac}",
        ]  # fmt: skip

    @property
    def _first_files(self) -> Path:
        return self.directory / "boot.cpio"

    def _command_line(self, nic: TrunkPort) -> str:
        """What the kernel does not know of it is in the environment of its first process: see `guest/init`."""
        told = {
            "name": self.name,
            "guest": boot.GUEST,
            "python": Path(sys.executable).resolve(),
            "modules": boot.modules(),
            "etc": self.etc,
            "parent": nic.address,
            "address": self.management_address,
            "port": _AGENT_PORT,
        }
        # An emulated processor needs no remedies against the faults of a real one.
        usual = "console=ttyS0 quiet mitigations=off nokaslr no_timer_check panic=-1 net.ifnames=0"
        return " ".join([usual, *(f"lab_{name}={value}" for name, value in told.items())])
