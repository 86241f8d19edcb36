"""The anchors of one host: the record, in Neutron, of which network of its engine stands on which of Neutron's.

The ports in Neutron are the state; what is held here is a copy, read after a start and when it does not suffice.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import replace

from kuryr.errors import InvalidInput
from kuryr.gateway.identity import ANCHOR_OWNER, DEVICE_ID_LIMIT, Anchor, Anchorage, name_for
from kuryr.model import USUAL_PORT, Mark, Network, PortTraits
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import PortResource

Anchored = Mapping[str, Anchor]
"""Anchors by their owners."""


class Anchors:
    """Writes, reads, remembers and removes them. Thread-safe."""

    def __init__(self, neutron: Neutron, mark: Mark) -> None:
        self._neutron = neutron
        self._mark = mark
        self._guard = threading.Lock()
        self._known: dict[str, Anchor] | None = None

    def all(self) -> Anchored:
        """Those that this host knows of: one request after a start, later none."""
        with self._guard:
            if self._known is not None:
                return dict(self._known)
        return self.reread()

    def reread(self) -> Anchored:
        """The same after one look at Neutron."""
        listed = {anchor.anchorage.owner: anchor for anchor in self.listed()}
        with self._guard:
            self._known = (self._known or {}) | listed
            return dict(self._known)

    def listed(self) -> list[Anchor]:
        """Those that Neutron has: one request, and nothing is remembered."""
        ports = self._neutron.ports.list(description=str(self._mark), device_owner=ANCHOR_OWNER)
        return [Anchor(port.id, port.network_id, Anchorage.parse(port.device_id), _template(port)) for port in ports]

    def remembered(self, owner: str) -> Anchorage | None:
        """What is known of the engine's network `owner` without asking Neutron."""
        with self._guard:
            anchor = (self._known or {}).get(owner)
        return anchor.anchorage if anchor else None

    def remembered_of_key(self, key: str) -> Anchor | None:
        """The anchor of the network whose addresses are asked for by `key`, as far as known without asking Neutron."""
        with self._guard:
            return next((each for each in (self._known or {}).values() if key in each.anchorage.keys), None)

    def owners(self) -> set[str]:
        """The engine's networks that stand on Neutron's."""
        return set(self.all())

    def settings(self) -> list[tuple[str, ...]]:
        """Those of all networks of the engine."""
        return [anchor.anchorage.settings for anchor in self.all().values()]

    def has_key(self, key: str) -> bool:
        """Whether `key` is one by which addresses of this host's networks are asked for."""
        return any(key in anchor.anchorage.keys for anchor in self.all().values())

    def stood_on(self, *, besides: Collection[str] = ()) -> set[str]:
        """The Neutron networks that this host's engine uses, besides for some of its own networks."""
        return {anchor.network_id for owner, anchor in self.all().items() if owner not in besides}

    def network_of(self, owner: str) -> str:
        """The Neutron network that `owner` stands on, whichever host has recorded it; "" if none: at most two requests.

        Only anchors of Kuryr's own project count: anybody can write one in his.
        """
        if anchor := self.all().get(owner):
            return anchor.network_id
        listed = self._neutron.ports.list(
            name=name_for(owner), device_owner=ANCHOR_OWNER, project_id=self._neutron.project_id
        )
        return next((port.network_id for port in listed if Anchorage.parse(port.device_id).owner == owner), "")

    def write(self, network: Network, anchorage: Anchorage, template: PortTraits = USUAL_PORT) -> Anchor:
        """A new anchor: one request. Raises InvalidInput when it would be too long, NotFound as `template` may."""
        if len(str(anchorage)) > DEVICE_ID_LIMIT:
            raise InvalidInput(
                f"{len(anchorage.berths)} subnets and {len(anchorage.settings)} settings are more than Kuryr can keep "
                "on one Docker network"
            )
        port = self._neutron.ports.create(
            network_id=network.id,
            name=name_for(anchorage.owner),
            description=str(self._mark),
            device_owner=ANCHOR_OWNER,
            device_id=str(anchorage),
            fixed_ips=(),
            project_id=network.project_id,
            admin_state_up=False,
            # Those that are named here are held back from being deleted.
            security_groups=template.security_groups or (),
            qos_policy_id=template.qos_policy or None,
            port_security=template.port_security,
        )
        return self._remember(Anchor(port.id, network.id, anchorage, _template(port)))

    def rewrite(self, anchor: Anchor, anchorage: Anchorage) -> Anchor:
        """Let an anchor say something else: one request."""
        self._neutron.ports.update(anchor.port_id, device_id=str(anchorage))
        return self._remember(replace(anchor, anchorage=anchorage))

    def remove(self, anchor: Anchor) -> bool:
        """Remove an anchor: one request. Returns whether it was this host's last one on its Neutron network."""
        self._neutron.ports.delete(anchor.port_id)
        with self._guard:
            self._known = {owner: each for owner, each in (self._known or {}).items() if each.port_id != anchor.port_id}
            return all(each.network_id != anchor.network_id for each in self._known.values())

    def _remember(self, anchor: Anchor) -> Anchor:
        with self._guard:
            self._known = (self._known or {}) | {anchor.anchorage.owner: anchor}
        return anchor


def _template(anchor: PortResource) -> PortTraits:
    return PortTraits(security_groups=anchor.security_groups or None, qos_policy=anchor.qos_policy_id)
