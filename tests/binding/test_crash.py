"""kill -9 before and after each effect on the kernel and on Open vSwitch: everything is found again, nothing stays."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from kuryr.binding import script
from kuryr.binding.driver import BindingContext
from kuryr.binding.netlink import Netlink
from kuryr.binding.ovsdb import Ovsdb
from kuryr.binding.pairs import outer_name
from kuryr.binding.registry import Binding
from kuryr.model import Claim, Vif

from .card import Card
from .conftest import MakeVif
from .kinds import KINDS
from .namespaces import links
from .switch import OpenVSwitch


@pytest.fixture(params=["ovs", *(pytest.param(kind, marks=pytest.mark.exhaustive) for kind in KINDS if kind != "ovs")])
def any_vif(request: pytest.FixtureRequest, make_vif: MakeVif) -> Vif:
    return make_vif(**KINDS[request.param])


DOORS = ((Netlink, "change"), (Ovsdb, "_transact"), (script, "run"))


def in_a_process(work: Callable[[], int]) -> int:
    """Run `work` in a copy of this process. Returns what it returned, or the negative number of a deadly signal."""
    assert threading.active_count() == 1, "a copy of a process has one thread only"
    child = os.fork()
    if child == 0:
        code = 255
        try:
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def counting(step: Callable[[int], None]) -> Callable[[], int]:
    """Call `step` before and after each passage of a door, with a running number; returns how many there were."""
    steps = 0

    def guard(passage: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **attributes: Any) -> Any:
            nonlocal steps
            step(steps)
            result = passage(*arguments, **attributes)
            step(steps + 1)
            steps += 2
            return result

        return guarded

    for owner, name in DOORS:
        setattr(owner, name, guard(getattr(owner, name)))
    return lambda: steps


def live(context: BindingContext, vif: Vif, until: int | None) -> int:
    """The life of one port in a process of its own, killed at step `until`; returns the number of steps."""

    def die(step: int) -> None:
        if step == until:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> int:
        steps = counting(die)
        binding = Binding(context)
        binding.stage(vif, Claim(vif.port_id, "endpoint"))
        binding.plug(vif)
        binding.unplug(vif.port_id)
        return steps()

    return in_a_process(work)


def test_a_process_killed_at_any_step_leaks_nothing(
    context: BindingContext, any_vif: Vif, switch: OpenVSwitch, card: Card
) -> None:
    vif = any_vif
    before = links()
    # Hardware keeps what it was told: the second life has fewer steps.
    live(context, vif, until=None)
    steps = live(context, vif, until=None)
    assert steps >= 2 * len(("create", "claim", "start", "connect", "delete"))
    for step in range(steps):
        assert live(context, vif, until=step) == -signal.SIGKILL
        later = Binding(context)
        left = links() - before
        assert bool(left or switch.ports()) == bool(later.found()), f"step {step}"
        for found in later.found():
            assert found.owner in ("", "endpoint")
            later.unplug(found.port_id)
        assert later.found() == []
        later.close()
        assert (links(), switch.ports()) == (before, []), f"step {step}"


def test_a_process_killed_at_any_step_is_continued_by_the_next(
    context: BindingContext, any_vif: Vif, switch: OpenVSwitch, card: Card
) -> None:
    vif = any_vif
    plugged = Binding(context)
    plugged.stage(vif, Claim(vif.port_id, "endpoint"))
    plugged.plug(vif)
    whole = (links(), switch.ports())
    plugged.unplug(vif.port_id)
    plugged.close()
    steps = live(context, vif, until=None)
    for step in range(steps):
        assert live(context, vif, until=step) == -signal.SIGKILL
        later = Binding(context)
        later.stage(vif, Claim(vif.port_id, "endpoint"))
        later.plug(vif)
        assert (links(), switch.ports()) == whole, f"step {step}"
        later.unplug(vif.port_id)
        later.close()


def test_a_half_made_pair_is_found_under_no_ports_id_and_removed_by_what_was_found(
    vif: Vif, context: BindingContext, switch: OpenVSwitch
) -> None:
    after_the_first_effect = 1
    assert live(context, vif, until=after_the_first_effect) == -signal.SIGKILL
    binding = Binding(context)
    (half,) = binding.found()
    assert vif.port_id != half.port_id
    assert vif.port_id.startswith(half.port_id)
    binding.unplug(half.port_id)
    assert binding.found() == []
    binding.close()


@pytest.mark.parametrize("mine", [True, False])
def test_a_half_is_known_to_its_own_deployment_only(
    vif: Vif, context: BindingContext, switch: OpenVSwitch, mine: bool
) -> None:
    live(context, vif, until=1)
    binding = Binding(context if mine else BindingContext("other", ovsdb=switch.remote))
    assert len(binding.found()) == mine
    binding.unplug(vif.port_id)
    assert (outer_name(vif.port_id) in links()) == (not mine)
    binding.close()
