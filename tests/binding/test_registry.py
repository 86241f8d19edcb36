"""Which driver serves a port, and what is said when none does."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kuryr.binding.driver import GROUP, BindingContext, Found, Interface
from kuryr.binding.registry import Binding
from kuryr.errors import KuryrError, PlugError
from kuryr.model import Claim, Vif

from .conftest import MakeVif

THIRD_PARTY = """
from kuryr.binding.driver import Found, Interface
from kuryr.errors import PlugError
from kuryr.model import Claim

class Driver:
    ports = []  # the host's, which outlives a process
    def __init__(self, context):
        self.name = f"{context.deployment}-port"
    def stage(self, vif, claim):
        self.ports.append(claim)
        return Interface(self.name)
    def plug(self, vif): pass
    def await_ready(self, vif, timeout): return False
    def announce(self, vif): self.ports.append(Claim(vif.port_id, "announced"))
    def unplug(self, port_id, vif):
        self.ports[:] = [claim for claim in self.ports if claim.port_id != port_id]
    def found(self):
        return [Found(claim.port_id, claim.owner) for claim in self.ports]
    def close(self): self.ports.clear()

class Failing(Driver):
    def unplug(self, port_id, vif):
        raise PlugError("this switch is on fire")
"""


@pytest.fixture
def available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, EntryPoint]:
    (tmp_path / "somebodys_switch.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(tmp_path)
    drivers = {"failing": "Failing", "special": "Driver", "broken": "Absent"}
    drivers |= dict.fromkeys(("special.direct", "ovs.hybrid"), "Driver")
    return {kind: EntryPoint(kind, f"somebodys_switch:{name}", GROUP) for kind, name in drivers.items()}


@pytest.fixture
def binding(available: dict[str, EntryPoint]) -> Iterator[Binding]:
    binding = Binding(BindingContext("test", host="host1", drivers={"tap": "special"}), available)
    yield binding
    binding.close()


def test_a_driver_of_somebody_else_serves_its_kind_of_port(binding: Binding, make_vif: MakeVif) -> None:
    vif = make_vif(vif_type="special")
    assert binding.stage(vif, Claim(vif.port_id, "me")) == Interface("test-port")
    binding.plug(vif)
    assert not binding.await_ready(vif, 1)
    assert binding.found() == [Found(vif.port_id, "me")]
    binding.announce(vif)
    assert binding.found() == [Found(vif.port_id, "announced")]


@pytest.mark.parametrize(
    "kind",
    [
        {"vif_type": "special", "vnic_type": "direct"},
        {"vif_type": "ovs", "details": {"ovs_hybrid_plug": True}},
        {"vif_type": "tap"},
    ],
)
def test_a_driver_is_chosen_by_all_that_makes_a_kind_of_port(
    binding: Binding, make_vif: MakeVif, kind: dict[str, object]
) -> None:
    vif = make_vif(**kind)
    assert binding.stage(vif, Claim(vif.port_id, "me")) == Interface("test-port")


@pytest.mark.parametrize("vnic_type", ["direct", "macvtap"])
def test_a_port_of_another_vnic_type_is_not_plugged_as_if_it_were_normal(
    binding: Binding, make_vif: MakeVif, vnic_type: str
) -> None:
    vif = make_vif(vif_type="ovs", vnic_type=vnic_type)
    with pytest.raises(PlugError, match=f"is of type ovs.{vnic_type}, which cannot be plugged here"):
        binding.stage(vif, Claim(vif.port_id, "me"))


def test_a_driver_that_cannot_be_loaded_fails_its_own_ports_only(binding: Binding, make_vif: MakeVif) -> None:
    vif = make_vif(vif_type="broken")
    with pytest.raises(PlugError, match="somebodys_switch:Absent for ports of type broken cannot be loaded"):
        binding.stage(vif, Claim(vif.port_id, "me"))
    assert binding.found() == []


def test_who_has_staged_a_port_unplugs_it(binding: Binding, make_vif: MakeVif) -> None:
    vif = make_vif(vif_type="special")
    binding.stage(vif, Claim(vif.port_id, "me"))
    binding.unplug(vif.port_id)
    assert binding.found() == []


def test_every_driver_may_unplug_what_another_process_has_staged_before_a_failure_is_told(
    binding: Binding, available: dict[str, EntryPoint], make_vif: MakeVif
) -> None:
    vif = make_vif(vif_type="special")
    binding.stage(vif, Claim(vif.port_id, "me"))
    restarted = Binding(BindingContext("test"), available)
    with pytest.raises(KuryrError, match="on fire"):
        restarted.unplug(vif.port_id)
    assert restarted.found() == []


@pytest.mark.parametrize(
    ("vif_type", "line"),
    [
        ("binding_failed", "Neutron could not bind port {id} to host1 (is an OVN chassis or a Neutron agent alive"),
        ("unbound", "port {id} is not bound to any host (its binding:host_id must be set"),
        ("", "port {id} is not bound to any host"),
        ("hyperv", "port {id} is of type hyperv, which cannot be plugged here (drivers are installed for: broken, "),
    ],
)
def test_a_port_that_cannot_be_plugged_says_why(binding: Binding, make_vif: MakeVif, vif_type: str, line: str) -> None:
    vif = make_vif(vif_type=vif_type)
    for attempt in (
        lambda: binding.stage(vif, Claim(vif.port_id, "me")),
        lambda: binding.plug(vif),
        lambda: binding.await_ready(vif, 1),
    ):
        with pytest.raises(PlugError) as failure:
            attempt()
        assert str(failure.value).startswith(line.format(id=vif.port_id))


def test_the_driver_for_open_vswitch_is_installed(context: BindingContext, vif: Vif) -> None:
    binding = Binding(context)
    assert binding.stage(vif, Claim(vif.port_id, "me")).name.startswith("t_c")
    binding.close()
