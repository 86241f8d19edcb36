"""Frames through the userspace bridge: containers reach one another, and nothing else."""

import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from pyroute2 import IPRoute
from pyroute2.ethtool.ioctl import IoctlEthtool

from kuryr.binding.pairs import inner_name, outer_name
from kuryr.binding.registry import Binding
from kuryr.model import Claim, FixedIP, Vif

from .conftest import MakeVif
from .kinds import KINDS
from .namespaces import Namespace, index_of
from .switch import OpenVSwitch

ETH_P_ARP = 0x0806


@pytest.fixture
def container() -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.fixture
def another_container() -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


def run(binding: Binding, vif: Vif, container: Namespace, *addresses: str) -> None:
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    binding.plug(vif)
    container.take(inner_name(vif.port_id), *addresses)


def say(client: Namespace, server: Namespace, address: str, text: bytes) -> bytes:
    """Send `text` by TCP from one container to another and return what arrived. Raises TimeoutError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with server.entered():
        listening = socket.create_server((address, 0), family=family)
    with listening:
        with client.entered():
            calling = socket.create_connection((address, listening.getsockname()[1]), timeout=2)
        with calling:
            answering, _ = listening.accept()
            with answering:
                calling.sendall(text)
                calling.shutdown(socket.SHUT_WR)
                answering.settimeout(5)
                return b"".join(iter(lambda: answering.recv(65536), b""))


def accept_tentative_addresses(container: Namespace) -> None:
    with container.entered():
        Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")


def test_containers_talk_tcp_through_the_userspace_bridge(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, container: Namespace, another_container: Namespace
) -> None:
    one, two = make_vif(), make_vif()
    for namespace in (container, another_container):
        accept_tentative_addresses(namespace)
    run(binding, one, container, "10.1.0.1/24", "fd00::1/64")
    run(binding, two, another_container, "10.1.0.2/24", "fd00::2/64")
    text = bytes(100_000)
    assert say(container, another_container, "10.1.0.2", text) == text
    assert say(another_container, container, "fd00::1", text) == text

    # The control: with checksums left to hardware that does not exist, no connection comes about.
    for namespace, vif in ((container, one), (another_container, two)):
        with namespace.entered():
            tool = IoctlEthtool(inner_name(vif.port_id))
            tool.set_offload_flag("tx-checksumming", True)
            tool.close()
    with pytest.raises(TimeoutError):
        say(container, another_container, "10.1.0.2", text)


@pytest.mark.parametrize("kind", ["hybrid", "bridge"])
def test_containers_talk_tcp_through_bridges_of_the_kernel(
    binding: Binding,
    make_vif: MakeVif,
    switch: OpenVSwitch,
    container: Namespace,
    another_container: Namespace,
    kind: str,
) -> None:
    one, two = make_vif(**KINDS[kind]), make_vif(**KINDS[kind])
    run(binding, one, container, "10.1.0.1/24")
    run(binding, two, another_container, "10.1.0.2/24")
    text = bytes(100_000)
    assert say(container, another_container, "10.1.0.2", text) == text


def lose_the_link(binding: Binding, vif: Vif) -> None:
    with IPRoute() as ip:
        ip.link("del", index=index_of(outer_name(vif.port_id)))


def unplug(binding: Binding, vif: Vif) -> None:
    binding.unplug(vif.port_id)


@pytest.mark.parametrize("end", [lose_the_link, unplug])
def test_a_port_that_ended_and_is_made_again_carries_traffic(
    binding: Binding,
    make_vif: MakeVif,
    switch: OpenVSwitch,
    container: Namespace,
    another_container: Namespace,
    end: Callable[[Binding, Vif], None],
) -> None:
    one, two = make_vif(), make_vif()
    run(binding, one, container, "10.1.0.1/24")
    run(binding, two, another_container, "10.1.0.2/24")
    assert say(container, another_container, "10.1.0.2", b"first") == b"first"
    for _ in range(3):
        end(binding, one)
        run(binding, one, container, "10.1.0.1/24")
        assert say(container, another_container, "10.1.0.2", b"again") == b"again"


def test_a_port_made_again_while_the_switch_is_busy_carries_traffic(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, container: Namespace, another_container: Namespace
) -> None:
    one, two = make_vif(), make_vif()
    run(binding, one, container, "10.1.0.1/24")
    run(binding, two, another_container, "10.1.0.2/24")

    def make_again() -> None:
        binding.unplug(one.port_id)
        run(binding, one, container, "10.1.0.1/24")

    switch.freeze("ovs-vswitchd")
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_again)
        with pytest.raises(TimeoutError):
            made.result(1)
        switch.thaw("ovs-vswitchd")
        made.result(10)
    assert say(container, another_container, "10.1.0.2", b"again") == b"again"


def asks_for_the_hosts_address(container: Namespace, name: str, mac: str) -> bool:
    """Whether an ARP request of the container for the host's own address is answered."""
    with container.entered():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    with raw:
        raw.bind((name, ETH_P_ARP))
        raw.settimeout(0.5)
        own = bytes.fromhex(mac.replace(":", ""))
        request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + socket.inet_aton("198.51.100.7")
        request += bytes(6) + socket.inet_aton("198.51.100.1")
        raw.send(b"\xff" * 6 + own + struct.pack("!H", ETH_P_ARP) + request)
        try:
            while True:
                frame = raw.recv(100)
                if frame[:6] == own and frame[20:22] == b"\x00\x02":
                    return True
        except TimeoutError:
            return False


def test_the_hosts_own_stack_does_not_answer_a_container(
    binding: Binding, vif: Vif, switch: OpenVSwitch, container: Namespace
) -> None:
    run(binding, vif, container)
    assert not asks_for_the_hosts_address(container, inner_name(vif.port_id), vif.mac)

    # The control: as the kernel sets up a link, the host answers past every security group.
    settings = Path("/proc/sys/net/ipv4/conf", outer_name(vif.port_id))
    (settings / "arp_ignore").write_text("0")
    (settings / "rp_filter").write_text("0")
    assert asks_for_the_hosts_address(container, inner_name(vif.port_id), vif.mac)


def test_an_announcement_reaches_the_neighbours_and_leaves_the_interface_as_it_was(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, container: Namespace
) -> None:
    neighbour, vif = make_vif(), make_vif(fixed_ips=(FixedIP("subnet", IPv4Address("10.1.0.7")),))
    run(binding, neighbour, container)
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    binding.plug(vif)
    before = link(inner_name(vif.port_id))
    with container.entered():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    with raw:
        raw.bind((inner_name(neighbour.port_id), ETH_P_ARP))
        raw.settimeout(5)
        binding.announce(vif)
        frame = raw.recv(100)
    own, address = bytes.fromhex(vif.mac.replace(":", "")), socket.inet_aton("10.1.0.7")
    assert (frame[:6], frame[6:12]) == (b"\xff" * 6, own)
    assert (frame[22:28], frame[28:32], frame[38:42]) == (own, address, address)
    assert link(inner_name(vif.port_id)) == before
    container.take(inner_name(vif.port_id))
    binding.announce(vif)


def link(name: str) -> tuple[str, list[object]]:
    """The state of a link, and its addresses."""
    with IPRoute() as ip:
        (message,) = ip.link("get", ifname=name)
        return message.get("operstate"), list(ip.addr("dump", index=message["index"]))
