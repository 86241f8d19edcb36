"""Links on top of the host's own, which move into the container whole; their claims stay on stand-ins."""

from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

from kuryr.binding.driver import BindingContext, Found
from kuryr.binding.registry import Binding
from kuryr.errors import Conflict, PlugError
from kuryr.model import Claim, Vif

from .conftest import MakeVif
from .kinds import KINDS
from .namespaces import Namespace, exists, index_of, links, show
from .test_traffic import say


@pytest.fixture
def binding() -> Binding:
    """On a host without Open vSwitch."""
    return Binding(BindingContext("test", host="host1", ovsdb="unix:/absent/db.sock"))


@pytest.fixture
def vif(make_vif: MakeVif) -> Vif:
    return make_vif(**KINDS["macvtap"])


@pytest.fixture
def container() -> Iterator[Namespace]:
    container = Namespace()
    yield container
    container.close()


def plugged(binding: Binding, vif: Vif) -> str:
    name = binding.stage(vif, Claim(vif.port_id, "endpoint")).name
    binding.plug(vif)
    return name


def test_the_link_is_found_by_the_agent_as_it_looks_for_it(binding: Binding, vif: Vif) -> None:
    name = plugged(binding, vif)
    link = show(name)
    assert name.startswith("macvtap")
    assert (link["address"], link["mtu"], link["link"]) == (vif.mac, 1442, "uplink")
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("macvtap", "bridge")
    assert "UP" not in link["flags"]
    assert not binding.await_ready(vif, 0)


def test_a_link_is_no_larger_than_what_it_stands_on(binding: Binding, make_vif: MakeVif) -> None:
    assert show(plugged(binding, make_vif(mtu=9000, **KINDS["macvtap"])))["mtu"] == 1500


def test_containers_talk_tcp_through_the_link_below(binding: Binding, make_vif: MakeVif, container: Namespace) -> None:
    other = Namespace()
    for namespace, address in ((container, "10.1.0.1/24"), (other, "10.1.0.2/24")):
        namespace.take(plugged(binding, make_vif(**KINDS["macvtap"])), address)
    text = bytes(100_000)
    assert say(container, other, "10.1.0.2", text) == text
    other.close()


def test_the_claim_stays_on_the_host_while_a_container_has_the_link(
    binding: Binding, vif: Vif, container: Namespace
) -> None:
    before = links()
    container.take(plugged(binding, vif))
    assert binding.found() == [Found(vif.port_id, "endpoint")]
    with pytest.raises(Conflict, match="in use by endpoint"):
        binding.stage(vif, Claim(vif.port_id, "another"))
    binding.unplug(vif.port_id)
    assert (links(), binding.found()) == (before, [])


def test_a_link_that_has_come_back_is_removed(binding: Binding, vif: Vif) -> None:
    before = links()
    plugged(binding, vif)
    binding.unplug(vif.port_id)
    binding.unplug(vif.port_id)
    assert (links(), binding.found()) == (before, [])


def test_a_foreign_link_of_that_name_is_left_alone(binding: Binding, vif: Vif) -> None:
    name = f"macvtap{vif.port_id[:8]}"
    with IPRoute() as ip:
        ip.link("add", ifname=name, kind="veth", peer="foreign")
    with pytest.raises(Conflict, match="is not Kuryr's"):
        plugged(binding, vif)
    binding.unplug(vif.port_id)
    assert exists(name)


def test_without_the_agent_there_is_nothing_to_stand_on(binding: Binding, make_vif: MakeVif) -> None:
    vif = make_vif(vif_type="macvtap", details={"macvtap_source": "eth9.100"})
    with pytest.raises(PlugError, match=r"stands on eth9.100, which is not there .is neutron-macvtap-agent"):
        plugged(binding, vif)
    vif = make_vif(vif_type="macvtap")
    with pytest.raises(PlugError, match="does not say on which interface"):
        plugged(binding, vif)


def test_a_link_on_one_that_is_down_is_not_ready(binding: Binding, vif: Vif) -> None:
    plugged(binding, vif)
    with IPRoute() as ip:
        ip.link("set", index=index_of("uplink"), state="down")
    with pytest.raises(PlugError, match="stands on uplink, which is down"):
        binding.await_ready(vif, 0)
