"""What a list does when the server sets the limits, or the ground moves under it."""

from collections.abc import Callable

import pytest

from fakes.neutron import FakeNeutron, Request
from kuryr.errors import CloudError, NotFound
from kuryr.neutron.client import Neutron


def _networks(neutron: Neutron, count: int) -> list[str]:
    return sorted(neutron.networks.create(name=f"n{number}", description="d").id for number in range(count))


def _deleting_once(fake: FakeNeutron, kind: str, id_: str) -> Callable[[Request], None]:
    """Delete a resource when it is the place where a second page begins."""

    def act(request: Request) -> None:
        if request.params.get("marker") == [id_] and id_ in fake.cloud.resources[kind]:
            fake.cloud.delete(kind, id_)

    return act


def test_a_list_is_one_request() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    made = _networks(neutron, 3)

    assert sorted(one.id for one in neutron.networks.list()) == made
    assert fake.counted("GET") == 1


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_server_may_limit_its_pages(limit: int) -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    made = _networks(neutron, 3)
    fake.max_page = limit

    assert sorted(one.id for one in neutron.networks.list()) == made


def test_a_list_begins_anew_when_its_last_place_is_gone() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    made = _networks(neutron, 3)
    fake.max_page = 2
    fake.on_request = _deleting_once(fake, "network", made[1])

    assert sorted(one.id for one in neutron.networks.list()) == [made[0], made[2]]


def test_a_list_of_subnets_begins_anew_when_its_last_place_is_gone() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    network = neutron.networks.create(name="n", description="d")
    bodies = [{"network_id": network.id, "cidr": f"10.{number}.0.0/24", "ip_version": 4} for number in range(3)]
    made = sorted(body["id"] for body in fake.cloud.create("subnet", bodies, fake.project_id))
    fake.max_page = 2
    fake.on_request = _deleting_once(fake, "subnet", made[1])

    assert sorted(one.id for one in neutron.subnets.list()) == [made[0], made[2]]


def test_a_list_that_never_comes_to_rest_is_an_error() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    _networks(neutron, 9)
    fake.max_page = 1

    def delete_the_marker(request: Request) -> None:
        for marker in request.params.get("marker", ()):
            fake.cloud.delete("network", marker)

    fake.on_request = delete_the_marker

    with pytest.raises(CloudError, match="change faster"):
        neutron.networks.list()


def test_not_found_at_the_first_page_is_not_found() -> None:
    fake = FakeNeutron()
    fake.fail_next(status=404, type_="HTTPNotFound", message="The resource could not be found.")

    with pytest.raises(NotFound):
        fake.client().networks.list()


def test_long_lists_of_ids_are_asked_for_in_parts() -> None:
    fake = FakeNeutron()
    neutron = fake.client()
    made = _networks(neutron, 120)

    assert sorted(one.id for one in neutron.networks.list(id=[*made, *made])) == made
    assert [len(call.params["id"]) for call in fake.calls if call.method == "GET"] == [50, 50, 20]
