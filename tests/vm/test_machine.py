"""The lab's virtual machine as tests use it: a node with Docker whose first interface is a Neutron port."""

import signal

import pytest

from kuryr_lab.errors import CommandFailed, LabError
from kuryr_lab.lab import Lab
from kuryr_lab.vm.machine import VirtualMachine
from kuryr_lab.vm.nic import TrunkPort
from kuryr_lab.waiting import wait_until

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive, pytest.mark.timeout(600)]


def test_a_command_in_a_virtual_machine_passes_on_its_input_its_streams_and_its_status(vm: VirtualMachine) -> None:
    assert vm.run(["uname", "-n"]).stdout == "vm1\n"
    assert vm.run(["cat"], input="through\n").stdout == "through\n"
    with pytest.raises(CommandFailed) as failure:
        vm.run(["sh", "-c", "echo bad >&2; exit 7"])
    assert (failure.value.returncode, failure.value.stderr) == (7, "bad\n")
    assert vm.run(["no-such-command"], check=False).returncode == 127


def test_it_runs_a_kernel_of_its_own_with_the_modules_that_containers_need(vm: VirtualMachine) -> None:
    for module in ("8021q", "veth", "bridge", "macvlan", "ipvlan", "vxlan", "overlay"):
        vm.run(["modprobe", module])
    assert vm.run(["uname", "-r"]).stdout != vm.host.run(["uname", "-r"]).stdout


def test_it_cannot_change_the_file_system_that_it_shares(vm: VirtualMachine) -> None:
    vm.run(["touch", "/only-in-the-virtual-machine"])
    assert vm.host.run(["ls", "/only-in-the-virtual-machine"], check=False).returncode != 0
    mounts = "mkdir -p /mnt/shared && mount -t virtiofs root /mnt/shared && touch /mnt/shared/x"
    assert "Read-only file system" in vm.run(["sh", "-c", mounts], check=False).stderr


def test_a_daemon_in_it_is_signalled_and_killed_from_outside(vm: VirtualMachine) -> None:
    trap = "trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    log = vm.layout.log(vm.name, "told")
    daemon = vm.daemon("told", ["sh", "-c", trap], ready=lambda: log.exists() and log.read_text().endswith("ready\n"))
    daemon.stop(signal.SIGTERM)
    assert log.read_text().endswith("told\n")
    sleeper = vm.daemon("sleeper", ["sleep", "4242"])
    sleeper.kill()
    wait_until("what it ran has ended", lambda: vm.run(["pgrep", "-f", "sleep 424[2]"], check=False).returncode == 1)


def test_its_interface_is_a_port_of_the_tenants_network(lab: Lab, vm: VirtualMachine, nic: TrunkPort) -> None:
    with lab.plain_port("host2", nic.port["network_id"], security_groups=nic.port["security_groups"]) as other:
        wait_until("it is reached", lambda: vm.run(["ping", "-c1", "-W1", other.address], check=False).returncode == 0)
        assert other.ping(nic.address.partition("/")[0], count=3)


def test_a_virtual_machine_that_does_not_answer_is_said_so(vm: VirtualMachine) -> None:
    gone = VirtualMachine(vm.layout, 2, vm.host)
    assert not gone.alive()
    with pytest.raises(LabError, match="does not answer"):
        gone.run(["true"])
