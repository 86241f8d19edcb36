"""Containers of a virtual machine as subports of its trunk: each with a VLAN of its own between machine and host.

Which VLANs are in use only the trunk knows, and several may write on it at the same time. So one is picked at random
among those that were free when the trunk was last seen, and Neutron, which has each VLAN once per trunk, says whether
it still is. Nothing is kept here but what saves a request.

Neutron takes a port as subport only while its device_id is empty, and makes its device_owner `trunk:subport`, which it
clears when it takes the subport away. So these ports are told by their description alone.
"""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kuryr.errors import Conflict, Exhausted, NotFound
from kuryr.gateway.identity import NESTED_OWNER
from kuryr.gateway.nested.parent import ParentPort
from kuryr.gateway.ports.placement import Seat, refuse_existing
from kuryr.model import Mark, Network, PortRequest
from kuryr.neutron.client import Neutron
from kuryr.neutron.faults import SegmentTaken
from kuryr.neutron.ports import PortSpec
from kuryr.neutron.resources import PortResource, TrunkResource
from kuryr.neutron.trunks import VLANS

SUBPORT_OWNER = "trunk:subport"
"""neutron_lib.services.trunk.constants, TRUNK_SUBPORT_OWNER"""

_ROUNDS = 50
"""How often to pick anew. While half of the VLANs are free, already the tenth round is one in a thousand."""


class OnTrunk:
    """See `kuryr.gateway.ports.placement.Placement`."""

    lends = False
    guards = True

    def __init__(self, neutron: Neutron, parent: ParentPort, mark: Mark) -> None:
        self._neutron = neutron
        self._parent = parent
        self._mark = mark
        self._lock = threading.Lock()
        self._trunk_id = ""
        self._wired: bool | None = None
        """Whether the cloud wires a subport in the very call that adds it, as ML2/OVN does; None until it is seen."""
        self._used: set[int] = set()
        """VLANs that were in use when the trunk was last seen."""
        self._picked: set[int] = set()
        """VLANs that another thread is asking for."""
        self._vlans: dict[str, int] = {}
        """Of this host's ports, by id."""

    def check(self, request: PortRequest, network: Network) -> None:  # noqa: ARG002
        """A port of its own can be all that a port can be, but none that was there before.

        Without a trunk no port is made: two requests, and more if it must be made, the first time.
        """
        refuse_existing(request)
        if not self._trunk_id:
            self._trunk()

    def adapt(self, spec: PortSpec) -> PortSpec:
        """Without a user: who that is, is written when the port is on the trunk. Neutron binds it as its parent is."""
        spec["device_owner"], spec["device_id"] = NESTED_OWNER, ""
        return spec

    def seat(self, ports: Sequence[PortResource]) -> None:
        """Make them subports: one request, one more the first time, and more only if others were faster.

        Raises Exhausted when the trunk has no VLAN left, Conflict when it cannot take the ports.
        """
        trunk_id = self._trunk_id or self._trunk().id
        ports = [port for port in ports if port.id not in self._vlans]
        if not ports:
            return
        for _ in range(_ROUNDS):
            with self._pick(len(ports)) as picked:
                vlans = {port.id: vlan for port, vlan in zip(ports, picked, strict=True)}
                try:
                    trunk = self._neutron.trunks.add_subports(trunk_id, vlans)
                except SegmentTaken:
                    self._see(self._neutron.trunks.get(trunk_id))
                    continue
                except NotFound:
                    # Somebody may have made another one.
                    self._trunk_id = ""
                    raise
                self._see(trunk)
                self._vlans.update(vlans)
                if self._wired is None:
                    self._wired = self._neutron.ports.get(ports[0].id).status == "ACTIVE"
                return
        raise Conflict(f"others take the VLANs of trunk {trunk_id} faster than this host can", hint="try again")

    def unseat(self, port_id: str) -> None:
        """One request."""
        self._neutron.trunks.remove_subports(self._trunk_id or self._trunk().id, [port_id])
        with self._lock:
            if (vlan := self._vlans.pop(port_id, None)) is not None:
                self._used.discard(vlan)

    def seat_of(self, port: PortResource) -> Seat:
        """Its VLAN, and whether the cloud has wired it; a port that is not on the trunk has neither."""
        details = {"vlan": self._vlans.get(port.id), "wired": bool(self._wired) or port.status == "ACTIVE"}
        return Seat(port.mac, "nested", "vlan", details)

    def held(self) -> Sequence[PortResource]:
        """Subports, and ports that have not become one yet or are none any more: two requests, two more at first."""
        listed = self._neutron.ports.list(description=str(self._mark), project_id=self._neutron.project_id)
        trunk = self._trunk()
        self._vlans = {port.id: trunk.vlans[port.id] for port in listed if port.id in trunk.vlans}
        # A subport that is not on this trunk belongs to another machine of the same name.
        return [port for port in listed if port.id in trunk.vlans or port.device_owner in {NESTED_OWNER, ""}]

    def _trunk(self) -> TrunkResource:
        """The parent's trunk as it is now; it is made if there is none."""
        port_id = self._parent.id
        found = self._neutron.trunks.list(port_id=port_id)
        if not found:
            try:
                found = [self._make(port_id)]
            except Conflict:
                # Somebody else was faster; or the port cannot have one.
                found = self._neutron.trunks.list(port_id=port_id)
                if not found:
                    raise
        self._see(found[0])
        return found[0]

    def _make(self, port_id: str) -> TrunkResource:
        parent = self._parent.read()
        name = parent.name or f"kuryr-{port_id[:8]}"
        return self._neutron.trunks.create(
            port_id=port_id, name=name, description=self._mark.of_deployment, project_id=parent.project_id
        )

    def _see(self, trunk: TrunkResource) -> None:
        with self._lock:
            self._trunk_id = trunk.id
            self._used = set(trunk.vlans.values())

    @contextmanager
    def _pick(self, count: int) -> Iterator[Sequence[int]]:
        """Different free VLANs, which no other thread picks meanwhile. Raises Exhausted."""
        picked = self._free(count)
        if not picked:
            # Some of what was in use may be free by now.
            self._see(self._neutron.trunks.get(self._trunk_id))
            picked = self._free(count)
        if not picked:
            raise Exhausted(
                f"trunk {self._trunk_id} has all of its {len(VLANS)} VLANs in use",
                hint="remove containers of this virtual machine, or start them on another one",
            )
        try:
            yield picked
        finally:
            with self._lock:
                self._picked.difference_update(picked)

    def _free(self, count: int) -> Sequence[int]:
        with self._lock:
            free = [vlan for vlan in VLANS if vlan not in self._used and vlan not in self._picked]
            picked = random.sample(free, count) if len(free) >= count else []
            self._picked.update(picked)
            return picked
