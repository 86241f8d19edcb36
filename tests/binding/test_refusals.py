"""Every effect on the kernel, on Open vSwitch or by a script refused once: an error, and nothing that stays."""

from collections.abc import Callable
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from kuryr.binding.driver import BindingContext
from kuryr.binding.registry import Binding
from kuryr.errors import KuryrError, PlugError
from kuryr.model import Claim, Vif

from .card import Card
from .conftest import MakeVif
from .kinds import KINDS
from .namespaces import links
from .switch import OpenVSwitch
from .test_crash import DOORS

CORE = ("ovs", "bridge", "macvtap")


class Refusals:
    """Refuses the passage of this number through any door, counted from 0; or none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passages = 0
        self.refused: int | None = None
        for owner, name in DOORS:
            monkeypatch.setattr(owner, name, self._guarded(getattr(owner, name), netlink=name == "change"))

    def start(self, refused: int | None) -> None:
        self.passages, self.refused = 0, refused

    def _guarded(self, passage: Callable[..., Any], *, netlink: bool) -> Callable[..., Any]:
        def guarded(*arguments: Any, **attributes: Any) -> Any:
            number, self.passages = self.passages, self.passages + 1
            if number == self.refused:
                raise NetlinkError(12) if netlink else PlugError("refused")
            return passage(*arguments, **attributes)

        return guarded


def whole(binding: Binding, vif: Vif) -> None:
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    binding.plug(vif)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in CORE else pytest.mark.exhaustive) for kind in KINDS]
)
def test_a_refusal_at_any_step_is_an_error_and_leaves_nothing_that_unplugging_does_not_remove(
    context: BindingContext,
    switch: OpenVSwitch,
    card: Card,
    make_vif: MakeVif,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    binding, vif, before = Binding(context), make_vif(**KINDS[kind]), links()
    refusals = Refusals(monkeypatch)
    for _ in range(2):  # hardware keeps what it was told: the second life has fewer steps
        refusals.start(None)
        whole(binding, vif)
        steps = refusals.passages
        binding.unplug(vif.port_id, vif)
    assert steps >= 3
    for step in range(steps):
        refusals.start(step)
        with pytest.raises(KuryrError):
            whole(binding, vif)
        refusals.start(None)
        binding.unplug(vif.port_id, vif)
        assert (links(), switch.ports(), binding.found()) == (before, [], []), f"step {step}"
        whole(binding, vif)
        binding.unplug(vif.port_id, vif)
    assert (links(), switch.ports(), binding.found()) == (before, [], [])
    binding.close()


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in CORE else pytest.mark.exhaustive) for kind in KINDS]
)
def test_a_refusal_while_unplugging_is_an_error_and_done_by_the_next(
    context: BindingContext,
    switch: OpenVSwitch,
    card: Card,
    make_vif: MakeVif,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    binding, vif, before = Binding(context), make_vif(**KINDS[kind]), links()
    refusals = Refusals(monkeypatch)
    whole(binding, vif)
    refusals.start(None)
    binding.unplug(vif.port_id)
    steps = refusals.passages
    assert steps >= 1
    for step in range(steps):
        whole(binding, vif)
        refusals.start(step)
        with pytest.raises(KuryrError):
            binding.unplug(vif.port_id)
        refusals.start(None)
        for found in binding.found():
            binding.unplug(found.port_id)
        assert (links(), switch.ports(), binding.found()) == (before, [], []), f"step {step}"
    binding.close()
