"""A free port goes to exactly one of those who want it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.site import Site, address
from kuryr.errors import InvalidInput, NotFound, Overtaken
from kuryr.neutron.takeover import take, taker_tag, takers_of


def test_of_several_takers_one_gets_the_port(site: Site) -> None:
    free = site.port(site.network(), device_id="free", tags=["theirs"])
    ports, takers = site.neutron.ports, 4
    together = threading.Barrier(takers)

    def try_to(who: str) -> str:
        read = ports.get(free.id)
        together.wait(timeout=30)
        try:
            return take(ports, read, who, device_id=who, host=site.host).device_id
        except Overtaken:
            return ""

    with ThreadPoolExecutor(takers) as threads:
        (winner,) = filter(None, threads.map(try_to, [f"taker-{number}" for number in range(takers)]))

    taken = ports.get(free.id)
    assert (taken.device_id, taken.host) == (winner, site.host)
    assert set(taken.tags) == {"theirs", taker_tag(winner)}


def test_a_port_that_changed_since_it_was_read_cannot_be_taken(site: Site) -> None:
    read = site.port(site.network(), device_id="free")
    ports = site.neutron.ports
    ports.update(read.id, device_id="used")

    with pytest.raises(Overtaken, match="somebody else was faster"):
        take(ports, read, "me", device_id="mine")
    assert (ports.get(read.id).device_id, ports.get(read.id).tags) == ("used", ())


def test_a_change_that_does_not_matter_does_not_hinder(site: Site) -> None:
    read = site.port(site.network(), device_id="free")
    ports = site.neutron.ports
    ports.add_tag(read.id, "theirs")

    assert set(take(ports, read, "me", device_id="mine").tags) == {"theirs", taker_tag("me")}


def test_a_port_that_somebody_is_taking_cannot_be_taken(site: Site) -> None:
    port = site.port(site.network(), tags=[taker_tag("another")])

    with pytest.raises(Overtaken):
        take(site.neutron.ports, port, "me", device_id="mine")
    assert site.neutron.ports.get(port.id).tags == (taker_tag("another"),)


@pytest.mark.parametrize(("other", "gets_it"), [("z", True), ("a", False)])
def test_of_two_who_came_together_the_first_in_the_alphabet_waits_for_the_other_to_withdraw(
    site: Site, other: str, gets_it: bool
) -> None:
    free = site.port(site.network(), device_id="free")
    ports = site.neutron.ports
    ports.add_tag(free.id, taker_tag(other))

    def withdraw(seconds: float) -> None:
        ports.remove_tag(free.id, taker_tag(other))

    if gets_it:
        assert take(ports, free, "me", sleep=withdraw, device_id="mine").device_id == "mine"
    else:
        with pytest.raises(Overtaken):
            take(ports, free, "me", sleep=withdraw, device_id="mine")
    assert takers_of(ports.get(free.id)) == [taker_tag("me" if gets_it else other)]


def test_whoever_waits_for_the_dead_gives_up(site: Site) -> None:
    free = site.port(site.network(), device_id="free")
    ports = site.neutron.ports
    ports.add_tag(free.id, taker_tag("z"))

    with pytest.raises(Overtaken):
        take(ports, free, "me", sleep=lambda _: None, device_id="mine")
    assert (ports.get(free.id).device_id, takers_of(ports.get(free.id))) == ("free", [taker_tag("z")])


def test_a_takeover_that_cannot_be_carried_out_leaves_nothing(site: Site) -> None:
    network, subnet = site.pair()
    port = site.port(network)
    ports = site.neutron.ports

    with pytest.raises(InvalidInput):
        take(ports, port, "me", device_id="mine", fixed_ips=[(subnet.id, address("10.99.0.9"))])
    assert ports.get(port.id).tags == ()
    ports.delete(port.id)
    with pytest.raises(NotFound):
        take(ports, port, "me", device_id="mine")
