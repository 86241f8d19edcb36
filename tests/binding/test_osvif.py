"""Ports that are handed to plugins of os-vif: the library is the real one, the plugin a test's."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.pairs import outer_name
from kuryr.binding.registry import Binding
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

from .conftest import MakeVif
from .namespaces import links, show

CLOUD = Path(os.environ.get("KURYR_LAB_VENV") or Path(__file__).parents[2] / "build" / "cloud").absolute()
"""Neutron's environment."""

NETWORK = "5d4c3b2a-0000-4000-8000-000000000001"

PLUGIN = """
import json, pathlib
from os_vif import plugin

class Plugin(plugin.PluginBase):
    notes = pathlib.Path(__file__).with_suffix(".calls")
    def describe(self):
        raise NotImplementedError
    def plug(self, vif, instance_info):
        self._note("plug", vif, instance_info)
    def unplug(self, vif, instance_info):
        self._note("unplug", vif, instance_info)
    def _note(self, what, vif, machine):
        if pathlib.Path(__file__).with_suffix(".broken").exists():
            raise RuntimeError("the plugin is broken")
        names = ("id", "address", "vif_name", "bridge_name", "plugin")
        seen = {name: getattr(vif, name) for name in names if name in vif.fields}
        seen |= {"kind": type(vif).__name__, "machine": machine.name}
        seen |= {"network": vif.network.id} if vif.network else {}
        with self.notes.open("a") as notes:
            notes.write(json.dumps([what, seen]) + "\\n")
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin named `agilio`, installed as packages are."""
    (tmp_path / "kuryr_test_agilio.py").write_text(PLUGIN)
    package = tmp_path / "kuryr_test_agilio-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: kuryr-test-agilio\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[os_vif]\nagilio = kuryr_test_agilio:Plugin\n")
    return tmp_path / "kuryr_test_agilio"


@pytest.fixture
def context(plugin: Path) -> BindingContext:
    """On a host without Open vSwitch. os-vif is where Neutron is, which needs it."""
    python = plugin.with_name("python")
    cache = f"XDG_CACHE_HOME={plugin.parent} PYTHONPATH={plugin.parent}"
    python.write_text(f'#!/bin/sh\n{cache} exec {CLOUD}/bin/python "$@"\n')
    python.chmod(0o755)
    return BindingContext(
        "test", ovsdb="unix:/absent/db.sock", drivers={"agilio": "os_vif", "absent": "os_vif"}, os_vif_python=python
    )


@pytest.fixture
def binding(context: BindingContext) -> Binding:
    return Binding(context)


@pytest.fixture
def vif(make_vif: MakeVif) -> Vif:
    return make_vif(vif_type="agilio", network_id=NETWORK)


def plugged(binding: Binding, vif: Vif) -> str:
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    binding.plug(vif)
    return outer_name(vif.port_id)


def calls(plugin: Path) -> list[Any]:
    """How the plugin was called since this was asked last."""
    notes = plugin.with_suffix(".calls")
    lines = notes.read_text().splitlines() if notes.exists() else []
    notes.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


def test_a_plugin_gets_the_outer_end_in_os_vifs_words(binding: Binding, vif: Vif, plugin: Path) -> None:
    before, outer = links(), plugged(binding, vif)
    seen = {"id": vif.port_id, "address": vif.mac, "vif_name": outer, "plugin": "agilio", "kind": "VIFGeneric"}
    seen |= {"machine": "endpoint", "network": NETWORK}
    assert calls(plugin) == [["plug", seen]]
    assert "UP" in show(outer)["flags"]
    assert not binding.await_ready(vif, 0)
    binding.unplug(vif.port_id, vif)
    assert calls(plugin) == [["unplug", seen]]
    assert (links(), binding.found()) == (before, [])


@pytest.mark.exhaustive
def test_a_bridge_that_neutron_names_is_told(binding: Binding, make_vif: MakeVif, plugin: Path) -> None:
    plugged(binding, make_vif(vif_type="agilio", network_id=NETWORK, details={"bridge_name": "br-fast"}))
    ((_, seen),) = calls(plugin)
    assert (seen["kind"], seen["bridge_name"]) == ("VIFBridge", "br-fast")


@pytest.mark.exhaustive
def test_a_port_that_is_not_known_any_more_is_unplugged_by_what_its_pair_says(
    binding: Binding, vif: Vif, plugin: Path
) -> None:
    outer = plugged(binding, vif)
    calls(plugin)
    binding.unplug(vif.port_id)
    ((what, seen),) = calls(plugin)
    assert (what, seen["id"], seen["vif_name"], seen["address"]) == ("unplug", vif.port_id, outer, vif.mac)


@pytest.mark.exhaustive
def test_a_plugin_that_fails_is_an_error_and_the_pair_stays(binding: Binding, vif: Vif, plugin: Path) -> None:
    plugged(binding, vif)
    plugin.with_suffix(".broken").touch()
    with pytest.raises(PlugError, match=r"^plug of port .* by os-vif's plugin agilio failed .*the plugin is broken"):
        binding.plug(vif)
    with pytest.raises(PlugError, match=r"^unplug of port .* by os-vif's plugin agilio failed .*the plugin is broken"):
        binding.unplug(vif.port_id, vif)
    assert binding.found() == [Found(vif.port_id, "endpoint")]


def test_nothing_is_handed_over_unless_the_operator_says_so(plugin: Path, vif: Vif) -> None:
    binding = Binding(BindingContext("test", ovsdb="unix:/absent/db.sock"))
    with pytest.raises(PlugError, match="is of type agilio, which cannot be plugged here"):
        plugged(binding, vif)


def test_a_type_without_a_plugin_is_an_error(binding: Binding, make_vif: MakeVif) -> None:
    with pytest.raises(PlugError, match=r"by os-vif's plugin absent failed with status 1: .*absent"):
        plugged(binding, make_vif(vif_type="absent", network_id=NETWORK))


def test_without_os_vif_there_is_one_line(context: BindingContext, vif: Vif) -> None:
    binding = Binding(replace(context, os_vif_python=Path("/absent/python")))
    with pytest.raises(PlugError, match="by os-vif's plugin agilio cannot be run: No such file or directory"):
        plugged(binding, vif)
