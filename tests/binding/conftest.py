"""One network namespace and, where asked for, one Open vSwitch per test."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import BindingContext
from kuryr.binding.registry import Binding
from kuryr.model import Vif

from .card import CARD, Card
from .namespaces import Namespace
from .switch import OpenVSwitch

MakeVif = Callable[..., Vif]


@pytest.fixture(autouse=True)
def host() -> Iterator[Namespace]:
    """The host: a namespace of its own for the test, with an address and a route that must not change."""
    namespace = Namespace()
    with namespace.entered():
        with IPRoute() as ip:
            ip.link("set", ifname="lo", state="up")
            ip.link("add", ifname="uplink", kind="veth", peer="uplink-peer")
            ip.link("set", ifname="uplink-peer", state="up")
            ip.link("set", ifname="uplink", state="up")
            (uplink,) = ip.link_lookup(ifname="uplink")
            ip.addr("add", index=uplink, address="198.51.100.1", prefixlen=24)
            ip.route("add", dst="default", gateway="198.51.100.254")
        yield namespace
    namespace.close()


@pytest.fixture
def switch(host: Namespace, tmp_path: Path) -> Iterator[OpenVSwitch]:
    switch = OpenVSwitch(tmp_path)
    yield switch
    switch.close()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder with a vendor's script, which notes in a file beside it how it is called."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    script = folder / "vendor"
    script.write_text('#!/bin/sh\nfor each; do printf "%s\\n" "$each"; done >> "$0.calls"; echo . >> "$0.calls"\n')
    script.chmod(0o755)
    return folder


@pytest.fixture
def context(switch: OpenVSwitch, scripts: Path, tmp_path: Path) -> BindingContext:
    return BindingContext(
        deployment="test",
        host="host1",
        ovsdb=switch.remote,
        timeout=10,
        scripts=scripts,
        sysfs=tmp_path / "sys",
        sriov_cards=[CARD],
        vhostuser_directory=tmp_path / "vhostuser",
    )


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    with Card(tmp_path / "sys", functions=3).answering(monkeypatch) as card:
        yield card


@pytest.fixture
def binding(context: BindingContext) -> Iterator[Binding]:
    binding = Binding(context)
    yield binding
    binding.close()


@pytest.fixture
def make_vif() -> MakeVif:
    def make(**changes: object) -> Vif:
        port_id = str(uuid.uuid4())
        mac = f"fa:16:3e:{port_id[0:2]}:{port_id[2:4]}:{port_id[4:6]}"
        fields = {"network_id": "n", "mac": mac, "mtu": 1442, "fixed_ips": (), "vif_type": "ovs", "port_id": port_id}
        return Vif(**{**fields, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def vif(make_vif: MakeVif) -> Vif:
    return make_vif()
