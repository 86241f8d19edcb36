"""What is particular of one kind of resource: the seam between the store and the rules of each family."""

import copy
from typing import TYPE_CHECKING

from kuryr_lab.fake.attributes import Body

if TYPE_CHECKING:
    from kuryr_lab.fake.cloud import Cloud


class Rules:
    """No particularities. Every method may raise Refusal, and then nothing has happened."""

    def __init__(self, cloud: "Cloud") -> None:
        self.cloud = cloud

    def complete(self, made: Body) -> None:
        """Check a new resource, and fill in what Neutron computes, before it is kept."""

    def follow(self, made: Body) -> None:
        """Do what goes along with a new resource, once it is kept."""

    def change(self, found: Body, changes: Body) -> None:
        """Check changes, and turn them into what shall be kept."""

    def remove(self, found: Body) -> None:
        """Check that a resource may go, and take along what goes with it."""

    def shown(self, body: Body) -> Body:
        """A resource as it is answered."""
        return copy.deepcopy(body)
