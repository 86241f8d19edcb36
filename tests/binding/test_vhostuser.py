"""vhost-user ports: rows of a real Open vSwitch, without DPDK, so that no frame passes; and the hand-over."""

import json
import socket
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from kuryr.binding.driver import Found, Interface
from kuryr.binding.registry import Binding
from kuryr.errors import PlugError
from kuryr.model import Claim, FixedIP, Vif

from .conftest import MakeVif
from .namespaces import links
from .switch import OpenVSwitch


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "vhostuser"


def vhost(make_vif: MakeVif, mode: str, socket_path: str = "/run/openvswitch/vhu") -> Vif:
    details = {"vhostuser_mode": mode, "vhostuser_ovs_plug": True, "vhostuser_socket": socket_path}
    return make_vif(vif_type="vhostuser", details=details, fixed_ips=(FixedIP("s", IPv4Address("10.1.0.7")),))


def plugged(binding: Binding, vif: Vif) -> str:
    assert binding.stage(vif, Claim(vif.port_id, "endpoint")) == Interface("")
    binding.plug(vif)
    return f"vhu{vif.port_id[:11]}"


def column(switch: OpenVSwitch, name: str, what: str) -> str:
    return switch.vsctl("get", "Interface", name, what).strip()


def test_the_server_is_called_in_its_directory(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, directory: Path
) -> None:
    vif = vhost(make_vif, "server")
    name = plugged(binding, vif)
    assert switch.ports() == [name]
    assert column(switch, name, "type") == "dpdkvhostuserclient"
    assert column(switch, name, "options:vhost-server-path") == f'"{directory}/{vif.port_id}/socket"'
    assert switch.external_ids(name)["iface-id"] == vif.port_id


def test_the_client_gets_the_socket_that_open_vswitch_makes(
    binding: Binding,
    make_vif: MakeVif,
    switch: OpenVSwitch,
    directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vif = vhost(make_vif, "client", str(tmp_path / "made"))
    name = plugged(binding, vif)
    assert column(switch, name, "type") == "dpdkvhostuser"
    # What Open vSwitch with DPDK, and ovn-controller, would do now.
    pretend_to_serve(switch, name)
    with pytest.raises(PlugError, match=f"{tmp_path}/made cannot be handed over"):
        binding.await_ready(vif, 10)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "made"))
        made.listen()
        assert binding.await_ready(vif, 10)
        assert binding.await_ready(vif, 10)
        with socket.socket(socket.AF_UNIX) as application:
            # The kernel takes 107 characters, and a test's directory has a long name.
            monkeypatch.chdir(directory / vif.port_id)
            application.connect("socket")


def pretend_to_serve(switch: OpenVSwitch, name: str) -> None:
    switch.stop_switch()
    switch.vsctl("--no-wait", "set", "Interface", name, "ofport=7", "external_ids:ovn-installed=true")


def test_the_container_finds_a_description_beside_the_socket(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, directory: Path
) -> None:
    vif = vhost(make_vif, "server")
    plugged(binding, vif)
    assert json.loads((directory / vif.port_id / "port.json").read_text()) == {
        "port_id": vif.port_id,
        "network_id": "n",
        "mac": vif.mac,
        "mtu": 1442,
        "addresses": ["10.1.0.7"],
        "mode": "server",
        "socket": "socket",
    }


def test_an_open_vswitch_without_dpdk_is_an_error(binding: Binding, make_vif: MakeVif, switch: OpenVSwitch) -> None:
    vif = vhost(make_vif, "server")
    plugged(binding, vif)
    switch.vsctl("show")
    with pytest.raises(PlugError, match=f"Open vSwitch could not add port {vif.port_id} to br-int: "):
        binding.await_ready(vif, 1)


def test_unplugging_leaves_nothing(binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, directory: Path) -> None:
    before, vif = links(), vhost(make_vif, "server")
    plugged(binding, vif)
    plugged(binding, vif)
    assert binding.found() == [Found(vif.port_id, "endpoint")]
    for _ in range(2):
        binding.unplug(vif.port_id)
        assert (links(), switch.ports(), list(directory.iterdir()), binding.found()) == (before, [], [], [])


def test_a_port_of_another_switch_is_refused_before_anything_is_made(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, directory: Path
) -> None:
    before = links()
    for details in ({"vhostuser_mode": "server"}, {"vhostuser_ovs_plug": True, "vhostuser_mode": "peer"}):
        with pytest.raises(PlugError, match="is no vhost-user port of Open vSwitch's"):
            plugged(binding, make_vif(vif_type="vhostuser", details=details))
    assert (links(), directory.exists()) == (before, False)


@pytest.mark.parametrize("planted", ["", ".port.json", "port.json", "socket"])
def test_what_a_container_has_left_there_leads_nowhere(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, directory: Path, tmp_path: Path, planted: str
) -> None:
    """It may put links to the host's files where the driver, as root, will write."""
    vif = vhost(make_vif, "server")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    place = directory / vif.port_id / planted
    place.parent.mkdir(parents=True)
    place.symlink_to(precious / "file" if planted else precious)
    if planted:
        plugged(binding, vif)
        assert json.loads((directory / vif.port_id / "port.json").read_text())["port_id"] == vif.port_id
    else:
        with pytest.raises(PlugError, match="cannot be made"):
            plugged(binding, vif)
    binding.unplug(vif.port_id)
    assert {path.name: path.read_text() for path in precious.iterdir()} == {"file": "keep me"}


def test_a_directory_that_cannot_be_made_is_an_error(
    binding: Binding, make_vif: MakeVif, switch: OpenVSwitch, directory: Path
) -> None:
    directory.write_text("in the way")
    with pytest.raises(PlugError, match="cannot be made"):
        plugged(binding, vhost(make_vif, "server"))
