"""Containers of a virtual machine as allowed address pairs of its port: they send and receive as the machine does.

Neutron then has one port that carries traffic, the machine's, with one list of who else may use it. A container's own
port is there to keep its address; it is never wired, and guards nothing. That the list is changed as a whole makes
two writers dangerous: each writes on condition that the port is as it was read. Where two such changes meet in the
database, Neutron forgets the condition of the second one (see `kuryr.neutron.takeover`), which shows in the revision
that it answers. Then what the list must hold is read from the ports of all containers of the machine.

The MAC address of a macvlan interface is made from its port's id. It cannot be the port's own: a switch such as OVN's
would look for it at a port that nobody has plugged.
"""

import hashlib
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from kuryr.errors import Conflict, InvalidInput, NotFound, Overtaken
from kuryr.gateway.identity import NESTED_OWNER
from kuryr.gateway.nested.parent import ParentPort
from kuryr.gateway.ports.placement import Seat, refuse_existing
from kuryr.model import AddressPair, Mark, Nesting, Network, PortRequest
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortSpec
from kuryr.neutron.resources import PortResource

_ROUNDS = 50
"""How often to begin anew when others change the port: its status does, too."""

Pairs = frozenset[AddressPair]


class OnAddressPairs:
    """See `kuryr.gateway.ports.placement.Placement`. `nesting` is MACVLAN or IPVLAN."""

    lends = False
    guards = False

    def __init__(self, neutron: Neutron, parent: ParentPort, mark: Mark, nesting: Nesting) -> None:
        self._neutron = neutron
        self._parent = parent
        self._mark = mark
        self._nesting = nesting
        self._port: PortResource | None = None
        """The machine's port as it was last seen."""
        self._pairs: dict[str, Pairs] = {}
        """Of this host's ports, by id."""
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[tuple[Pairs, Pairs, Future[None]]] = []

    def check(self, request: PortRequest, network: Network) -> None:
        """Nothing can be had that a port of one's own takes; and only the machine's own network."""
        refuse_existing(request)
        traits, mode = request.traits, f"mode {self._nesting}"
        if traits.security_groups is not None or traits.port_security is not None or traits.qos_policy:
            raise InvalidInput(
                f"containers of this virtual machine share its port's security groups and QoS policy ({mode})",
                hint="leave those options out, or use mode vlan",
            )
        if traits.allowed_address_pairs or request.mac:
            raise InvalidInput(
                f"containers of this virtual machine have neither MAC addresses nor address pairs to choose ({mode})",
                hint="leave that out, or use mode vlan",
            )
        if self._known().network_id != network.id:
            raise InvalidInput(
                f"network {network.name or network.id} is not that of this virtual machine's port, which all of its "
                f"containers are on ({mode})",
                hint="use that network, or mode vlan",
            )

    def adapt(self, spec: PortSpec) -> PortSpec:
        """A port that only keeps an address. In the machine's groups, so that whoever admits a group admits it, too.

        Neutron's agents count address pairs among a group's addresses themselves, ML2/OVN does not.
        """
        spec["security_groups"] = self._known().security_groups
        spec["device_owner"], spec["admin_state_up"] = NESTED_OWNER, False
        return spec

    def seat(self, ports: Sequence[PortResource]) -> None:
        """Add their addresses to those of the machine: one request, and more only if others were faster.

        Raises Exhausted when the cloud allows no more pairs.
        """
        new = {port.id: self._pairs_of(port) for port in ports}
        old = _union(self._pairs.get(port_id, frozenset()) for port_id in new)
        added = _union(new.values())
        self._change(added, old - added)
        self._pairs.update(new)

    def unseat(self, port_id: str) -> None:
        """Remove its addresses: one request, one more if the port has not been seen before."""
        pairs = self._pairs.get(port_id)
        if pairs is None:
            try:
                pairs = self._pairs_of(self._neutron.ports.get(port_id))
            except NotFound:
                return
        self._change(frozenset(), pairs)
        self._pairs.pop(port_id, None)

    def seat_of(self, port: PortResource) -> Seat:
        """There is nothing to be waited for: the machine's port is wired."""
        mac = _mac(port.id) if self._nesting is Nesting.MACVLAN else ""
        return Seat(mac, "nested", self._nesting.value, {"wired": True})

    def held(self) -> Sequence[PortResource]:
        """One request."""
        listed = self._neutron.ports.list(description=str(self._mark), device_owner=NESTED_OWNER)
        self._pairs = {port.id: self._pairs_of(port) for port in listed}
        return listed

    def _pairs_of(self, port: PortResource) -> Pairs:
        mac = _mac(port.id) if self._nesting is Nesting.MACVLAN else self._known().mac
        return frozenset(AddressPair(fixed_ip.address, mac) for fixed_ip in port.fixed_ips)

    def _known(self) -> PortResource:
        port = self._port
        if port is None:
            port = self._port = self._parent.read()
        return port

    def _change(self, added: Pairs, removed: Pairs) -> None:
        """Change the machine's list. Whoever comes while it is written has his change written along with the next."""
        done: Future[None] = Future()
        with self._lock:
            self._waiting.append((added, removed, done))
        with self._writing:
            with self._lock:
                batch, self._waiting = self._waiting, []
            if batch:
                self._write_all(batch)
        done.result()

    def _write_all(self, batch: Sequence[tuple[Pairs, Pairs, "Future[None]"]]) -> None:
        try:
            self._write(_union(added for added, _, _ in batch), _union(removed for _, removed, _ in batch))
        except BaseException as error:  # noqa: BLE001 (it is raised to everybody who waits)
            self._port = None
            for _, _, done in batch:
                done.set_exception(error)
        else:
            for _, _, done in batch:
                done.set_result(None)

    def _write(self, added: Pairs, removed: Pairs) -> None:
        for _ in range(_ROUNDS):
            port = self._known()
            had = port.allowed_address_pairs
            pairs = [pair for pair in had if pair not in removed]
            pairs += sorted(added.difference(pairs), key=str)
            if set(pairs) == set(had):
                return
            try:
                changed = self._neutron.ports.update(port.id, revision=port.revision, allowed_address_pairs=pairs)
            except Overtaken:
                self._port = None
                continue
            if changed is None:
                raise NotFound(f"port {port.id} of this virtual machine is gone")
            self._port = changed
            if changed.revision == port.revision + 1:
                return
            # Somebody's change may be lost: those of all containers of this machine are known.
            self._port = None
            added, removed = added | self._of_machine(), removed - added
        raise Conflict(f"port {self._parent.id} changes faster than its address pairs can be written", hint="try again")

    def _of_machine(self) -> Pairs:
        """The pairs of every container of this machine, also of other deployments of Kuryr there."""
        ports = self._neutron.ports.list(network_id=self._known().network_id, device_owner=NESTED_OWNER)
        own = (port for port in ports if port.description.endswith(f"@{self._mark.host}"))
        return _union(self._pairs_of(port) for port in own)


def _union(several: Iterable[Pairs]) -> Pairs:
    return frozenset(pair for pairs in several for pair in pairs)


def _mac(port_id: str) -> str:
    """`f6` marks it as locally administered."""
    return "f6:" + hashlib.blake2b(port_id.encode(), digest_size=5).digest().hex(":")
