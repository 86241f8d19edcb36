"""Existing ports: found as users name them, lent to a container of this host, and given back as they were.

Only a port that nobody uses is lent: device_id and host are empty, device_owner as well, unless the port is one of
Kuryr's own that is idle. Lending changes these three and nothing else, giving back clears them. Of several hosts that
want the same port one gets it (see `kuryr.neutron.takeover`); its tag stays on the port for as long as it is lent, and
is how a host finds what it was doing when it died.

A sticky port is made when its key is first used, and is lent from its birth.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kuryr.errors import Conflict, Exhausted, KuryrError, NotFound, Overtaken
from kuryr.gateway.exposure.leads import Leads
from kuryr.gateway.exposure.openings import Openings
from kuryr.gateway.identity import IDLE_OWNER, RESERVED, is_own, is_sticky, lent_owner
from kuryr.gateway.ports.traits import port_changes, port_spec
from kuryr.locks import KeyedLocks
from kuryr.model import Mark, Named, Network, PortRequest, is_ready, sticky_mac
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortChanges
from kuryr.neutron.resources import PortResource
from kuryr.neutron.takeover import take, taker_tag, takers_of

_ROUNDS = 5
"""How often to begin anew with a port that changes while it is given back: its status does, when it is unplugged."""

_PAUSE = 0.2
_PATIENCE = 2.0
"""Seconds that a port is waited for which another host has: it may be giving it back, which takes three requests."""


Lendable = TypeVar("Lendable", PortResource, PortResource | None)


class _LentElsewhere(Conflict):
    """Another host of the deployment has the port."""


class Lending:
    """Lends ports to one host. Thread-safe."""

    def __init__(self, neutron: Neutron, openings: Openings, mark: Mark) -> None:
        self._neutron = neutron
        self._openings = openings
        self._mark = mark
        self._leads = Leads(neutron, mark)
        self._tag = taker_tag(str(mark))
        self._order = KeyedLocks()

    def chosen(self, request: PortRequest, network: Network) -> PortResource:
        """Lend the existing port that the request chooses, or make the sticky one: three requests, two for making.

        Raises NotFound when there is no such port, Conflict when it is in use or is not what else was asked for.
        """
        return self._patiently(network, lambda: self._chosen(request, network))

    def instead(self, request: PortRequest, network: Network) -> PortResource | None:
        """Lend the port that has the address or MAC which the request could not get; None if there is none.

        Raises Conflict, saying whose it is, when the port is in use.
        """

        def found() -> PortResource | None:
            ports = self._in_the_way(request, network)
            return self._this(ports[0], request) if ports else None

        return self._patiently(network, found)

    def half_lent(self) -> Sequence[PortResource]:
        """Ports that bear this host's tag but are not lent to it."""
        return [port for port in self._neutron.ports.list(tags=self._tag) if not self.is_lent_here(port)]

    def is_lent_here(self, port: PortResource) -> bool:
        """Whether the port is lent to a container of this host."""
        return port.device_owner == lent_owner(self._mark) and port.host == self._mark.host

    def give_back(self, port_id: str) -> None:
        """Make the port as free as it was: three requests. What is gone, or no longer lent to this host, is no error.

        More if something was led to it for its user's sake. Raises Overtaken when it never stops changing.
        """
        # The tag first: as long as the rest stands, the port is found again by that.
        self._neutron.ports.remove_tag(port_id, self._tag)
        for last in (*[False] * (_ROUNDS - 1), True):
            try:
                port = self._neutron.ports.get(port_id)
            except NotFound:
                return
            if not self.is_lent_here(port):
                return
            revision = port.revision + self._leads.end(port)
            try:
                self._neutron.ports.update(port_id, revision=revision, **self._freed(port))
            except Overtaken:
                if last:
                    raise
            else:
                return

    def _patiently(self, network: Network, attempt: Callable[[], Lendable]) -> Lendable:
        """What an attempt answers, which is made again for a moment while another host has the port."""
        waited = 0.0
        while True:
            try:
                with self._order(network.id):
                    return attempt()
            except _LentElsewhere as error:
                if waited >= _PATIENCE:
                    raise Conflict(error.message, hint=error.hint) from error
            time.sleep(_PAUSE)
            waited += _PAUSE

    def _chosen(self, request: PortRequest, network: Network) -> PortResource:
        if request.choice.sticky:
            return self._sticky(request, network)
        found = self._named(request.choice.port, network)
        if request.choice.port.tag and not (request.choice.port.id or request.choice.port.name):
            return self._any(found, request, network)
        if len(found) > 1:
            ids = ", ".join(sorted(port.id for port in found))
            raise Conflict(f"{len(found)} ports are {request.choice.port}: {ids}", hint="choose by neutron.port.uuid")
        return self._this(found[0], request)

    def _freed(self, port: PortResource) -> PortChanges:
        """What makes a port free. A sticky one loses the openings, too: they were its user's."""
        changes = PortChanges(device_id="", host="")
        changes["device_owner"] = IDLE_OWNER if is_own(port.description, self._mark) else ""
        own = self._openings.without(port.security_groups)
        if is_sticky(port.description, self._mark) and len(own) < len(port.security_groups):
            changes["security_groups"] = own
        return changes

    def _named(self, named: Named, network: Network) -> Sequence[PortResource]:
        """The ports of a network that are named so: at least one. Raises NotFound."""
        filters: dict[str, Any] = {"id": named.id, "name": named.name, "tags": named.tag}
        given = {key: value for key, value in filters.items() if value}
        found = self._neutron.ports.list(network_id=network.id, **given)
        visible = [port for port in found if self._may_lend(port)]
        if not visible:
            raise NotFound(
                f"network {network.name or network.id} has no port {named} of this project", hint="check what you named"
            )
        return visible

    def _in_the_way(self, request: PortRequest, network: Network) -> Sequence[PortResource]:
        wanted = [str(address) for _, address in request.fixed_ips if address is not None]
        if wanted:
            return self._neutron.ports.list(network_id=network.id, fixed_ips=[f"ip_address={each}" for each in wanted])
        if request.mac:
            return self._neutron.ports.list(network_id=network.id, mac_address=request.mac)
        return []

    def _sticky(self, request: PortRequest, network: Network) -> PortResource:
        key, mac = request.choice.sticky, sticky_mac(request.choice.sticky)
        if request.mac not in {None, mac}:
            raise Conflict(
                f"sticky key {key!r} has the MAC address {mac}, not {request.mac}", hint="leave one of them out"
            )
        found = self._neutron.ports.list(network_id=network.id, mac_address=mac)
        if not found:
            try:
                return self._made(request, network)
            except Exhausted:
                raise
            except Conflict:
                # Another host was faster; or somebody else has the address.
                found = self._neutron.ports.list(network_id=network.id, mac_address=mac)
                if not found:
                    raise
        return self._this(found[0], request)

    def _made(self, request: PortRequest, network: Network) -> PortResource:
        spec = port_spec(request, network, self._mark)
        spec["name"], spec["mac"] = f"kuryr-{request.choice.sticky}", sticky_mac(request.choice.sticky)
        spec["device_owner"], spec["host"] = lent_owner(self._mark), self._mark.host
        return self._neutron.ports.create(**spec)

    def _any(self, found: Sequence[PortResource], request: PortRequest, network: Network) -> PortResource:
        """Any of several ports. Hosts try them in different orders, so that they seldom meet."""
        free = [port for port in found if not any(self._obstacles(port, request))]
        random.shuffle(free)
        free.sort(key=lambda port: -len({subnet_id for subnet_id, _ in request.fixed_ips} & _subnets(port)))
        for port in free:
            try:
                return self._take(port, request)
            except (NotFound, Overtaken):
                continue
        raise Exhausted(
            f"none of the {len(found)} ports {request.choice.port} of network {network.name or network.id} is free",
            hint="make more of them with `kuryr preallocate ports`",
        )

    def _this(self, port: PortResource, request: PortRequest) -> PortResource:
        for obstacle in self._obstacles(port, request):
            raise obstacle
        return self._take(port, request)

    def _take(self, port: PortResource, request: PortRequest) -> PortResource:
        if self._tag in port.tags:
            # This host died while it took the port, or gave it back: nobody else here does either at this moment.
            self._neutron.ports.remove_tag(port.id, self._tag)
            tags = tuple(tag for tag in port.tags if tag != self._tag)
            port = replace(port, tags=tags, revision=port.revision + 1)
        changes = port_changes(request.traits) if is_sticky(port.description, self._mark) else PortChanges()
        changes["device_owner"] = lent_owner(self._mark)
        changes["device_id"] = request.owner or RESERVED
        changes["host"] = self._mark.host
        return take(self._neutron.ports, port, str(self._mark), **changes)

    def _obstacles(self, port: PortResource, request: PortRequest) -> Iterator[KuryrError]:
        """Why a port cannot be lent to whom the request is for."""
        label = f"port {port.name} ({port.id})" if port.name else f"port {port.id}"
        if not self._may_lend(port):
            yield Conflict(f"{_addresses(port)} belongs to {label} of another project")
        idle = port.device_owner == IDLE_OWNER and is_own(port.description, self._mark)
        if port.device_id or port.host or not (idle or port.device_owner == ""):
            yield self._in_use(port, label)
        for taker in set(takers_of(port)) - {self._tag}:
            yield Conflict(f"{label} is just being taken", hint=f"if it stays so, remove its tag {taker}")
        if request.mac not in {None, port.mac}:
            yield Conflict(f"{label} has the MAC address {port.mac}, not {request.mac}", hint="it never changes")
        own = {(fixed_ip.subnet_id, fixed_ip.address) for fixed_ip in port.fixed_ips}
        for subnet_id, address in request.fixed_ips:
            if address is not None and (subnet_id, address) not in own:
                yield Conflict(f"{label} has {_addresses(port)}, not {address}", hint="its addresses never change")
        if request.fixed_ips and not _subnets(port) & {subnet_id for subnet_id, _ in request.fixed_ips}:
            yield Conflict(f"{label} has no address in a subnet that this network uses")

    def _in_use(self, port: PortResource, label: str) -> Conflict:
        if is_ready(port.device_id):
            hint = "choose another, or create that host's network with -o kuryr.ready_ports=off"
            return Conflict(f"{_addresses(port)} is kept ready for containers of host {port.host}", hint=hint)
        on = f" on host {port.host}" if port.host else ""
        user = f"{port.device_owner or 'device'} {port.device_id[:36]}{on}"
        message, hint = f"{label} with {_addresses(port)} is in use: {user}", "free it first, or choose another"
        if port.device_owner == lent_owner(self._mark) and port.host != self._mark.host:
            return _LentElsewhere(message, hint=hint)
        return Conflict(message, hint=hint)

    def _may_lend(self, port: PortResource) -> bool:
        """Whether the port is this project's, or Kuryr's own: anybody else's stays as unseen as it is for a tenant."""
        return port.project_id == self._neutron.project_id or is_own(port.description, self._mark)


def _subnets(port: PortResource) -> set[str]:
    return {fixed_ip.subnet_id for fixed_ip in port.fixed_ips}


def _addresses(port: PortResource) -> str:
    return ", ".join(str(fixed_ip.address) for fixed_ip in port.fixed_ips) or "no address"
