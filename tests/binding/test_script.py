"""Scripts: the arguments that vendors rely on, and what becomes of those that fail, hang or are missing."""

import time
from pathlib import Path

import pytest

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.pairs import outer_name
from kuryr.binding.registry import Binding
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

from .conftest import MakeVif
from .namespaces import exists, links, show

DETAILS = {"port_filter": True, "ovs_hybrid_plug": False, "note": "$(touch /tmp/never) `x` 'y'"}


@pytest.fixture
def binding(scripts: Path) -> Binding:
    """On a host without Open vSwitch."""
    return Binding(
        BindingContext("test", host="host1", ovsdb="unix:/absent/db.sock", scripts=scripts, script_timeout=2)
    )


@pytest.fixture
def vif(make_vif: MakeVif) -> Vif:
    return make_vif(vif_type="vendor", details=DETAILS, project_id="project-1")


def plugged(binding: Binding, vif: Vif) -> None:
    binding.stage(vif, Claim(vif.port_id, "endpoint-1"))
    binding.plug(vif)


def calls(scripts: Path) -> list[list[str]]:
    """How the script was called since this was asked last."""
    file = scripts / "vendor.calls"
    text = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    return [call.split("\n") for call in text.removesuffix("\n.\n").split("\n.\n") if call]


def write(scripts: Path, text: str) -> None:
    (scripts / "vendor").write_text(f"#!/bin/sh\n{text}\n")


def test_a_script_gets_the_arguments_of_kuryr_libnetwork_in_their_order(
    binding: Binding, vif: Vif, scripts: Path
) -> None:
    outer, details = outer_name(vif.port_id), f'"{DETAILS}"'
    plugged(binding, vif)
    assert calls(scripts) == [["bind", vif.port_id, outer, "endpoint-1", vif.mac, "n", "project-1", details]]
    assert "UP" in show(outer)["flags"]
    assert not binding.await_ready(vif, 0)
    binding.unplug(vif.port_id, vif)
    assert calls(scripts) == [["unbind", vif.port_id, outer, "endpoint-1", vif.mac, details, "n"]]
    assert not exists(outer)


def test_a_port_without_details_has_none(binding: Binding, make_vif: MakeVif, scripts: Path) -> None:
    vif = make_vif(vif_type="vendor")
    plugged(binding, vif)
    assert calls(scripts)[0][-1] == "None"


def test_a_port_that_is_not_known_any_more_is_unbound_by_what_its_pair_says(
    binding: Binding, vif: Vif, scripts: Path
) -> None:
    plugged(binding, vif)
    assert binding.found() == [Found(vif.port_id, "endpoint-1")]
    calls(scripts)
    binding.unplug(vif.port_id)
    assert calls(scripts) == [["unbind", vif.port_id, outer_name(vif.port_id), "endpoint-1", vif.mac, "None", ""]]


def test_a_port_whose_pair_is_gone_is_unbound_by_what_neutron_says(binding: Binding, vif: Vif, scripts: Path) -> None:
    binding.unplug(vif.port_id, vif)
    assert [call[:2] for call in calls(scripts)] == [["unbind", vif.port_id]]
    write(scripts, "exit 1")
    binding.unplug(vif.port_id, vif)


def test_ports_of_other_kinds_are_not_the_scripts(binding: Binding, make_vif: MakeVif, scripts: Path) -> None:
    vif = make_vif(vif_type="tap")
    plugged(binding, vif)
    binding.unplug(vif.port_id, vif)
    assert calls(scripts) == []


def test_what_a_failing_script_says_is_in_the_error(binding: Binding, vif: Vif, scripts: Path) -> None:
    write(scripts, 'echo "the vendor\'s switch is on fire" >&2; exit 3')
    with pytest.raises(PlugError) as failure:
        plugged(binding, vif)
    assert str(failure.value) == (
        f"{scripts}/vendor bind of port {vif.port_id} failed with status 3: the vendor's switch is on fire"
    )


def test_a_pair_stays_until_its_script_could_unbind_it(binding: Binding, vif: Vif, scripts: Path) -> None:
    before = links()
    plugged(binding, vif)
    write(scripts, "exit 1")
    with pytest.raises(PlugError, match=r"unbind of port .* failed with status 1: without a word"):
        binding.unplug(vif.port_id, vif)
    assert binding.found() == [Found(vif.port_id, "endpoint-1")]
    write(scripts, "exit 0")
    binding.unplug(vif.port_id)
    assert (links(), binding.found()) == (before, [])


def test_a_script_that_hangs_ends_with_all_that_it_started(binding: Binding, vif: Vif, scripts: Path) -> None:
    write(scripts, 'sleep 600 & echo $! > "$0.child"; wait')
    began = time.monotonic()
    with pytest.raises(PlugError, match="did not end within 2 s"):
        plugged(binding, vif)
    assert time.monotonic() - began < 60
    child = Path("/proc", (scripts / "vendor.child").read_text().strip(), "stat")
    # It may stay as a zombie if nobody waits for orphans here.
    assert not child.exists() or child.read_text().split(") ")[1][0] == "Z"


def test_what_cannot_be_run_says_why(binding: Binding, vif: Vif, scripts: Path) -> None:
    (scripts / "vendor").write_bytes(b"\x00\x01")
    with pytest.raises(PlugError, match="cannot be run: Exec format error"):
        plugged(binding, vif)


def test_what_is_not_executable_is_no_script(binding: Binding, vif: Vif, scripts: Path) -> None:
    (scripts / "vendor").chmod(0o644)
    with pytest.raises(PlugError, match="of type vendor, which cannot be plugged here"):
        plugged(binding, vif)


@pytest.mark.parametrize("vif_type", ["../scripts/vendor", "ovs.direct", ""])
def test_a_type_never_leads_out_of_the_folder(binding: Binding, make_vif: MakeVif, vif_type: str) -> None:
    with pytest.raises(PlugError):
        plugged(binding, make_vif(vif_type=vif_type))


def test_an_operator_may_prefer_his_script(scripts: Path, make_vif: MakeVif) -> None:
    (scripts / "vendor").rename(scripts / "tap")
    context = BindingContext(
        "test", ovsdb="unix:/absent/db.sock", scripts=scripts, drivers={"tap": "script"}, script_timeout=10
    )
    vif = make_vif(vif_type="tap")
    plugged(Binding(context), vif)
    assert (scripts / "tap.calls").exists()
