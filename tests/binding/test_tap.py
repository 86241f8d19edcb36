"""Ports whose outer end waits for an agent that does all the rest."""

from pathlib import Path

import pytest

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.pairs import inner_name, outer_name
from kuryr.binding.registry import Binding
from kuryr.errors import PlugError
from kuryr.model import Claim

from .conftest import MakeVif
from .namespaces import links, show


def test_the_outer_end_is_up_under_the_name_that_agents_look_for(make_vif: MakeVif, tmp_path: Path) -> None:
    binding = Binding(BindingContext("test", ovsdb=f"unix:{tmp_path}/absent/db.sock"))
    before, vif = links(), make_vif(vif_type="tap")
    binding.stage(vif, Claim(vif.port_id, "endpoint"))
    with pytest.raises(PlugError, match="is not plugged"):
        binding.await_ready(vif, 0)
    binding.plug(vif)
    outer, inner = show(f"tap{vif.port_id[:11]}"), show(inner_name(vif.port_id))
    assert ("UP" in outer["flags"], outer["mtu"], inner["mtu"], inner["address"]) == (True, 1442, 1442, vif.mac)
    assert "master" not in show(outer_name(vif.port_id))
    assert not binding.await_ready(vif, 0)
    assert binding.found() == [Found(vif.port_id, "endpoint")]
    binding.unplug(vif.port_id)
    assert (links(), binding.found()) == (before, [])
