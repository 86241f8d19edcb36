"""Container ports: reserved, given a user, given back. `model.Cloud` in the process that holds the credentials.

A port is born in one request with all that identifies it and all that is said of it, bound to this host, in the
network's own project and, unless something else is said, with that project's default security group. Existing ports
are lent instead (see `lending`).
"""

from collections.abc import Collection, Iterable, Sequence

from kuryr.errors import Conflict, Exhausted, InvalidInput, KuryrError, NotFound
from kuryr.gateway.exposure.leads import leads_of
from kuryr.gateway.exposure.openings import Openings
from kuryr.gateway.identity import PORT_OWNER, is_sticky, owner_of
from kuryr.gateway.ports.lending import Lending
from kuryr.gateway.ports.placement import OnHost, Placement
from kuryr.gateway.ports.traits import port_changes, port_spec
from kuryr.gateway.ports.wiring import Wiring
from kuryr.gateway.topology import Topology
from kuryr.model import USUAL_PORT, Lent, Mark, Network, Opening, PortRequest, PortTraits, Subnet, Vif, Wanted
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortChanges, PortSpec
from kuryr.neutron.resources import PortResource
from kuryr.neutron.takeover import takers_of

_SHARE = 20
"""The part of a subnet that one host may keep ready: one in so many, as other hosts may do the same."""


class LocalCloud:
    """The cloud as seen from one host, through a Neutron client of the same process. Thread-safe.

    `lends` says whether the host may have existing ports.
    """

    def __init__(
        self,
        neutron: Neutron,
        topology: Topology,
        openings: Openings,
        mark: Mark,
        placement: Placement | None = None,
        *,
        lends: bool = True,
    ) -> None:
        self._neutron = neutron
        self._topology = topology
        self._openings = openings
        self._mark = mark
        self._lending = Lending(neutron, openings, mark)
        self._wiring = Wiring(neutron, mark)
        self._placement = placement or OnHost(neutron, self._lending, mark)
        self._lends = lends and self._placement.lends

    def reserve(self, request: PortRequest, count: int = 1) -> Sequence[Vif]:
        """Make `count` ports in one request, all or none; or lend the one existing port that is meant.

        Raises Conflict when what is wanted is in use, Exhausted when no address is left, NotFound when what is
        chosen does not exist, PlugError when nobody on this host could wire it.
        """
        network = self._topology.network(request.network_id)
        self._placement.check(request, network)
        if request.choice and not self._lends:
            raise InvalidInput("this host may not use existing ports", hint="leave out what chooses one")
        if request.choice:
            ports = [self._lending.chosen(request, network)]
        elif count > 1:
            ports = list(self._neutron.ports.create_many([self._spec(request, network)] * count))
        else:
            ports = [self._made(request, network)]
        try:
            self._placement.seat(ports)
            vifs = [self.vif_of(port, network) for port in ports]
            for vif in vifs:
                self._wiring.check_bound(vif)
                _check_name(vif, request.traits)
        except KuryrError:
            for port in ports:
                self.release(self.vif_of(port, network))
            raise
        return vifs

    def spare(self, network_id: str, subnet_ids: Sequence[str]) -> int:
        """A twentieth of the addresses of the smallest subnet."""
        subnets = [each for each in self._topology.network(network_id).subnets if each.id in subnet_ids]
        return min((_size(subnet) // _SHARE for subnet in subnets), default=0)

    def readdress(self, vif: Vif, fixed_ips: Sequence[Wanted]) -> Vif:
        """Give the port exactly these addresses: one request. Raises NotFound, Conflict, Exhausted."""
        if vif.lent:
            raise Conflict(f"port {vif.port_id} is only lent", hint="what an existing port has never changes")
        port = self._neutron.ports.update(vif.port_id, fixed_ips=fixed_ips)
        if port is None:
            raise NotFound(f"port {vif.port_id} is gone", hint="run the command again")
        self._placement.seat([port])
        return self.vif_of(port, self._topology.network(port.network_id))

    def identify(
        self, vif: Vif, owner: str, name: str, traits: PortTraits = USUAL_PORT, openings: Collection[Opening] = ()
    ) -> Vif | None:
        """Write on the port who uses it, and what it shall be besides; None when the port is gone.

        One request, none if the port says all that already; more when a group of the openings is not known yet. Raises
        NotFound when a group or policy is gone.
        """
        network = self._topology.network(vif.network_id)
        self._placement.check(PortRequest(network.id, (), traits=traits), network)
        if vif.is_foreign:
            return self._changed(vif, PortChanges(device_id=owner), USUAL_PORT)
        base = vif.traits.security_groups if traits.security_groups is None else traits.security_groups
        changes = PortChanges(device_id=owner) | port_changes(traits)
        if not vif.lent:
            changes["name"] = name
        if not (openings and base and self._placement.guards):
            return self._changed(vif, changes, traits)
        try:
            changes["security_groups"] = _united(base, self._openings.groups(network, openings))
            return self._changed(vif, changes, traits)
        except NotFound:
            # Another host may have swept a group that is remembered here.
            self._openings.forget(network.id)
            changes["security_groups"] = _united(base, self._openings.groups(network, openings))
            return self._changed(vif, changes, traits)

    def await_active(self, vif: Vif, timeout: float) -> None:
        """Wait until the port's status is ACTIVE. Raises PlugError after `timeout` seconds."""
        self._wiring.await_active(vif, timeout)

    def release(self, vif: Vif) -> None:
        """Delete the port by one request, or give it back by three if it is lent. Gone already is no error."""
        if vif.lent:
            self._lending.give_back(vif.port_id)
        else:
            self._placement.unseat(vif.port_id)
            self._neutron.ports.delete(vif.port_id)

    def held(self) -> Sequence[Vif]:
        """Every container port of this host: one request, and two more for networks not read before."""
        return self._vifs(self._placement.held())

    def half_lent(self) -> Sequence[Vif]:
        """Ports that this host is, or was when it died, about to borrow or to give back: one request."""
        return self._vifs(self._lending.half_lent()) if self._placement.lends else ()

    def _vifs(self, ports: Sequence[PortResource]) -> Sequence[Vif]:
        networks = self._topology.networks({port.network_id for port in ports})
        return [self.vif_of(port, networks[port.network_id]) for port in ports if port.network_id in networks]

    def _made(self, request: PortRequest, network: Network) -> PortResource:
        """A new port; if that cannot be, the existing one that has the address or MAC already."""
        try:
            return self._neutron.ports.create(**self._spec(request, network))
        except Exhausted:
            raise
        except Conflict:
            existing = self._lending.instead(request, network) if self._lends else None
            if existing is None:
                raise
            return existing

    def _spec(self, request: PortRequest, network: Network) -> PortSpec:
        return self._placement.adapt(port_spec(request, network, self._mark))

    def _changed(self, vif: Vif, changes: PortChanges, traits: PortTraits) -> Vif | None:
        """The port after the changes, which say what its traits are, too: no request when it is all that already."""
        more_groups = {*(changes.get("security_groups") or ())} - {*(vif.traits.security_groups or ())}
        if traits == USUAL_PORT and vif.owner == changes["device_id"] and not more_groups:
            return vif
        port = self._neutron.ports.update(vif.port_id, **changes)
        if port is None:
            return None
        changed = self.vif_of(port, self._topology.network(vif.network_id))
        _check_name(changed, traits)
        return changed

    def vif_of(self, port: PortResource, network: Network) -> Vif:
        """What this host is told of a port of its own."""
        seat = self._placement.seat_of(port)
        return Vif(
            port_id=port.id,
            network_id=port.network_id,
            mac=seat.mac,
            mtu=network.mtu,
            fixed_ips=port.fixed_ips,
            vif_type=seat.vif_type,
            vnic_type=seat.vnic_type,
            details=seat.details,
            profile=port.profile,
            project_id=port.project_id,
            owner=owner_of(port.device_id),
            traits=PortTraits(
                security_groups=port.security_groups,
                port_security=port.port_security,
                qos_policy=port.qos_policy_id,
                dns_name=port.dns_name,
                allowed_address_pairs=port.allowed_address_pairs,
            ),
            lent=self._lent(port),
        )

    def _lent(self, port: PortResource) -> Lent | None:
        """By the port's own marks, so that it holds after any crash: whatever Kuryr did not make for a user is lent."""
        if not self._placement.lends or (port.device_owner == PORT_OWNER and port.description == str(self._mark)):
            return None
        tags = tuple(tag for tag in port.tags if tag not in {*takers_of(port), *leads_of(port)})
        return Lent(port.name, tags, is_sticky(port.description, self._mark))


def _size(subnet: Subnet) -> int:
    """How many addresses a subnet hands out."""
    return sum(int(pool.last) - int(pool.first) + 1 for pool in subnet.pools)


def _united(base: Iterable[str], more: Iterable[str]) -> list[str]:
    """All groups, each once: after a restart a port may be in one already."""
    return list(dict.fromkeys([*base, *more]))


def _check_name(vif: Vif, wanted: PortTraits) -> None:
    """Neutron without the extension driver `dns` takes a port's name and drops it."""
    if wanted.dns_name and not vif.traits.dns_name and not vif.is_foreign:
        raise InvalidInput("this cloud keeps no DNS names of ports", hint="leave neutron.dns_name out")
