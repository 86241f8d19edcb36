"""The driver is killed while a container takes the port that it has chosen; the same container starts at once again.

Docker gives nothing back of an endpoint that could not be created, and the sweep of these drivers would look ten
minutes later. So whoever comes next must see for himself that nobody has the port.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fault.rig import Rig
from fault.test_kill import each_step
from kuryr_lab.client import Neutron, Resource
from kuryr_lab.lab import Lab
from kuryr_lab.waiting import wait_until

GRACE = 600.0
CIDR = "10.95.0.0/24"
ADDRESS = "10.95.0.99"

KINDS = {
    "by name": (("--ipam-driver", "null"), ("--network", "name=blue,driver-opt=neutron.port.name=web-1")),
    "by key": (("--ipam-driver", "null"), ("--network", "name=blue,driver-opt=kuryr.sticky.key=web")),
    "by address": (("--subnet", CIDR), ("--network", "blue", "--ip", ADDRESS)),
}
"""Arguments of `docker network create`, and of `docker create`."""

VOLATILE = {"revision_number", "updated_at", "status"}


@dataclass(frozen=True)
class Scene:
    """A container that is not running yet, and the port that it wants: somebody's, or the one of its sticky key."""

    rig: Rig
    neutron: Neutron
    network_id: str
    options: tuple[str, ...]
    port: str

    def create(self) -> None:
        """Docker create."""
        assert self.rig.docker("create", "--name", "worker", *self.options, "busybox", "sleep", "3600")

    def start(self) -> bool:
        """Docker start."""
        return self.rig.docker("start", "worker")

    def chosen(self) -> Resource:
        """The port, but for what changes by itself."""
        found = self.neutron.find("port", network_id=self.network_id)
        (port,) = (each for each in found if each["name"] == self.port)
        return {key: value for key, value in port.items() if key not in VOLATILE}

    def await_free(self) -> None:
        """Wait until no host has the port."""
        wait_until("the port is free", lambda: not self.chosen()["binding:host_id"])

    def attempt(self, step: str) -> str:
        """Kill the driver at a step of the start; what goes wrong when the container is started again."""
        before, alone = self.chosen(), self.rig.inventory()
        self.create()
        self.rig.arm(step)
        started = self.start()
        self.rig.await_death()
        if not started and not self.start():
            return "the container could not be started again"
        if self.rig.address("worker") != before["fixed_ips"][0]["ip_address"]:
            return "the container has another port"
        if not self.rig.remove("worker"):
            return "the container could not be removed"
        trouble = self.rig.await_inventory(alone)
        wait_until("the port is as it was", lambda: self.chosen() == before)
        return trouble


@pytest.fixture
def scene(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Both of them, with a driver of their own on an existing network."""
    network, options = KINDS[request.param]
    tenant = lab.neutron("demo")
    made = tenant.create("network", name="lending")
    subnet = tenant.create("subnet", network_id=made["id"], ip_version=4, cidr=CIDR)
    fixed = [{"subnet_id": subnet["id"], "ip_address": ADDRESS}]
    port = tenant.create("port", network_id=made["id"], name="web-1", fixed_ips=fixed)
    option = "--ipam-opt" if "null" not in network else "--opt"
    rig = Rig(lab, lab.hosts["host1"], (*network, option, f"neutron.net.uuid={made['id']}"), grace=GRACE)
    assert rig.create_network()
    yield Scene(rig, lab.neutron("admin"), made["id"], options, "kuryr-web" if request.param == "by key" else "web-1")
    rig.close()
    tenant.delete("port", port["id"])
    tenant.delete("network", made["id"])


@pytest.mark.parametrize("scene", ["by name"], indirect=True)
def test_killed_when_the_port_was_taken(scene: Scene) -> None:
    assert not scene.attempt("NetworkDriver.CreateEndpoint | after the call | 1")


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scene", KINDS, indirect=True)
def test_killed_at_any_step_until_the_port_was_taken(scene: Scene) -> None:
    taking = ("IpamDriver.RequestAddress", "NetworkDriver.CreateEndpoint")
    for _ in range(2):
        # A sticky port is made the first time, and taken the second.
        scene.create()
        steps = [step for step in scene.rig.record(scene.start) if step.startswith(taking)]
        scene.rig.remove("worker")
        scene.await_free()
    troubles = each_step(scene.rig, steps, scene.attempt)
    assert not troubles, "\n".join(troubles)
