"""Labels of a Docker network become tags of the network that Kuryr makes for it, a moment later."""

from fakes.neutron import FakeNeutron
from kuryr.docker.sweeps.network_labels import tags
from unit.docker.world import Docker, DockerNetwork
from unit.host.node import calls, now, site, snapshot

LABELS = {"role": "web", "production": ""}


def create(docker: Docker, labels: dict[str, str]) -> DockerNetwork:
    """`docker network create --label …`; Docker tells the labels from then on."""
    network = docker.create_network("10.5.0.0/24")
    docker.labels_of_networks[network.id] = labels
    return network


def tags_of_made(neutron: FakeNeutron) -> list[str]:
    (made,) = snapshot(neutron)["network"].values()
    return sorted(made.get("tags", []))


def test_they_are_carried_behind_by_one_request(docker: Docker, neutron: FakeNeutron) -> None:
    create(docker, LABELS)
    assert calls(neutron) == ["POST networks", "POST subnets", "POST ports"]
    docker.node.behind.pass_time()
    assert calls(neutron)[3:] == ["POST networks"]
    assert neutron.calls[-1].path.endswith("/tags")
    assert tags_of_made(neutron) == ["production", "role=web"]


def test_a_network_without_labels_costs_nothing(docker: Docker, neutron: FakeNeutron) -> None:
    create(docker, {})
    docker.node.behind.pass_time()
    assert len(neutron.calls) == 3


def test_the_sweep_makes_up_for_what_was_missed(docker: Docker, neutron: FakeNeutron) -> None:
    docker.silent = True
    create(docker, LABELS)
    docker.node.behind.pass_time()
    assert tags_of_made(neutron) == []
    docker.restart_driver()
    docker.sweep()
    assert tags_of_made(neutron) == ["production", "role=web"]
    tagged = neutron.counted("POST", "/networks/")
    docker.sweep()
    assert neutron.counted("POST", "/networks/") == tagged, "they are there already"


def test_an_existing_network_gets_none(docker: Docker, neutron: FakeNeutron) -> None:
    blue = site(neutron)
    before = now(neutron)
    network = docker.create_network(ipam_opt={"neutron.net.uuid": blue.network_id})
    docker.labels_of_networks[network.id] = LABELS
    docker.node.behind.pass_time()
    docker.sweep()
    docker.remove_network(network)
    assert now(neutron) == before


def test_what_cannot_be_a_tag_is_left_out(docker: Docker, neutron: FakeNeutron) -> None:
    labels = {"comma": "a,b", "long": "x" * 255, "line": "a\nb", "good": "ä/ö"}
    assert list(tags(labels)) == ["good=ä/ö"]
    create(docker, {f"label{number:02}": "" for number in range(60)})
    docker.node.behind.pass_time()
    assert len(tags_of_made(neutron)) == 50
