"""A container in a virtual machine as a Neutron port of its own, beside Docker's overlay on top of the machine's port.

Both end at one and the same neighbour on the machine's Neutron network. Docker's overlay network is a VXLAN device in
a bridge with the containers (moby, drivers/overlay); here it is made by hand, for a swarm would change nothing in it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kuryr_lab.bench.setting import Setting
from kuryr_lab.bench.targets import NESTED, OVERLAY, VLAN
from kuryr_lab.bench.trials import Run
from kuryr_lab.errors import LabError
from kuryr_lab.traffic import PlainPort
from kuryr_lab.vm import boot
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort

_SOCKET = "/run/docker/plugins/kuryr.sock"
_SECONDS = 5
_HEADERS = 50
"""What VXLAN takes of the MTU: Ethernet, IP, UDP and its own header."""
_INSIDE = "10.155.0.0/24"
_GATEWAY, _PEER = "10.155.0.1", "10.155.0.200"


def nested(setting: Setting) -> None:
    """Throughput and latency. Left out where no virtual machine can be started."""
    try:
        boot.check()
    except LabError as error:
        setting.trials.skip(NESTED, str(error))
        return
    vm = setting.lab.add_vm(setting.host.name)
    nic = setting.lab.trunk_port(setting.host.name, vm.name)
    ready = _succeeds(vm, "test", "-S", _SOCKET)
    vm.daemon("kuryr", ["kuryr", "docker", "serve"], ready=ready, seconds=120)
    with setting.lab.plain_port(setting.host.name, nic.port["network_id"], name="neighbour") as neighbour:
        neighbour.spawn(["iperf3", "--server"])
        _make_overlay(vm, nic, neighbour)
        existing = ("--subnet", nic.cidr, "--ipam-opt", f"neutron.net.uuid={nic.port['network_id']}")
        own = ("--driver", "kuryr", "--ipam-driver", "kuryr", *existing)
        overlay = ("--driver", "bridge", "--subnet", _INSIDE, "--gateway", _GATEWAY, *_bridge(nic))
        with _container(vm, VLAN, own) as vlan, _container(vm, OVERLAY, overlay) as other:
            vm.run(["ip", "link", "set", "vxlan0", "master", "overlay0", "up"])
            ways = {VLAN: (vlan, neighbour.address), OVERLAY: (other, _PEER)}
            _measure(setting, vm, ways)
    setting.lab.remove_vm()


def _measure(setting: Setting, vm: VirtualMachine, ways: Mapping[str, tuple[str, str]]) -> None:
    for number in range(-1, setting.effort.slow):
        for name, (pid, address) in ways.items():
            busy = round(setting.trials.quiet(), 3)
            inside = ["nsenter", "-t", pid, "-n"]
            said = vm.run([*inside, "iperf3", "--json", "--client", address, "--time", str(_SECONDS)]).stdout
            pings = vm.run([*inside, "ping", "-q", "-c", "20", "-i", "0.1", address]).stdout
            if number >= 0:
                megabits = json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e6
                milliseconds = float(re.findall(r"= [\d.]+/([\d.]+)/", pings)[0])
                setting.trials.note(Run(NESTED, name, number, megabits, busy))
                setting.trials.note(Run("nested: ms of a ping", name, number, milliseconds, busy))


def _make_overlay(vm: VirtualMachine, nic: TrunkPort, neighbour: PlainPort) -> None:
    """Both ends of the tunnel; the neighbour's is also the other container."""
    mine = nic.address.partition("/")[0]
    tunnel = ("type", "vxlan", "id", "42", "dstport", "4789", "dev", "eth0", "remote")
    vm.run(["ip", "link", "add", "vxlan0", "mtu", str(nic.mtu - _HEADERS), *tunnel, neighbour.address])
    neighbour.run(["ip", "link", "add", "vxlan0", "mtu", str(nic.mtu - _HEADERS), *tunnel, mine])
    neighbour.run(["ip", "addr", "add", f"{_PEER}/24", "dev", "vxlan0"])
    neighbour.run(["ip", "link", "set", "vxlan0", "up"])


def _bridge(nic: TrunkPort) -> tuple[str, ...]:
    mtu = f"com.docker.network.driver.mtu={nic.mtu - _HEADERS}"
    return ("-o", "com.docker.network.bridge.name=overlay0", "-o", mtu)


@contextmanager
def _container(vm: VirtualMachine, name: str, network: tuple[str, ...]) -> Iterator[str]:
    """A container on a network of its own; its process."""
    called = name.partition(" ")[0]
    vm.docker("network", "create", *network, called)
    vm.docker("run", "--detach", "--name", called, "--network", called, "busybox", "sleep", "9999")
    try:
        yield vm.docker("inspect", "--format", "{{.State.Pid}}", called)
    finally:
        vm.docker("rm", "--force", called)
        vm.docker("network", "rm", called)


def _succeeds(vm: VirtualMachine, *argv: str) -> Callable[[], bool]:
    return lambda: vm.run(argv, check=False).returncode == 0
