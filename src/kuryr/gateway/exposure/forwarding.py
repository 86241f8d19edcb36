"""Ports of a floating IP that lead to ports of containers, by Neutron's port forwarding.

Neutron decides who gets a port: what is wanted is asked for without looking first. Only when that fails, or when any
free port will do, it is read what there is. A forwarding goes when its container's Neutron port goes, or is given back
(see `leads`), so nothing can be left behind.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kuryr.errors import Conflict, Exhausted, InvalidInput
from kuryr.gateway.exposure.leads import Leads
from kuryr.model import IPAddress, Mark, Vif
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import PortForwardingResource

EPHEMERAL = range(32768, 61000)
"""Where a port is chosen from that the user left open: Linux' own range for that (net.ipv4.ip_local_port_range)."""

Taken = Mapping[tuple[str, int], PortForwardingResource]
"""What there is on a floating IP, by protocol and outer port; ranges, which Kuryr does not make, are left out."""


class PortTaken(Conflict):
    """An outer port leads elsewhere. `port_id` is the Neutron port that has it."""

    def __init__(self, message: str, port_id: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.port_id = port_id


@dataclass(frozen=True, order=True)
class Forward:
    """What a user wants to be reached from outside: the container's port, and where it shall be found."""

    protocol: str
    inner: int
    outer: tuple[int, int] | None = None
    """First and last of the outer ports that will do; None for any."""

    def __str__(self) -> str:
        return f"{self.inner}/{self.protocol}"

    @property
    def certain(self) -> bool:
        """Whether only one outer port will do."""
        return self.outer is not None and self.outer[0] == self.outer[1]

    @property
    def candidates(self) -> range:
        """The outer ports that will do."""
        return range(self.outer[0], self.outer[1] + 1) if self.outer else EPHEMERAL


@dataclass(frozen=True)
class Chosen:
    """A forwarding to be made."""

    protocol: str
    inner: int
    outer: int


def plan(wanted: Collection[Forward], taken: Taken, port_id: str) -> list[Chosen]:
    """What is missing so that all that is `wanted` leads to the Neutron port `port_id`.

    Raises PortTaken, Exhausted when a range is full, InvalidInput when Neutron cannot forward what is wanted.
    """
    chosen: dict[tuple[str, int], Chosen] = {}
    mine = {
        (each.protocol, each.internal_port): outer
        for (_, outer), each in taken.items()
        if each.internal_port_id == port_id
    }
    for forward in sorted(wanted, key=lambda each: not each.certain):
        key = (forward.protocol, forward.inner)
        if any((each.protocol, each.inner) == key for each in chosen.values()):
            raise InvalidInput(
                f"port {forward} is published twice", hint="Neutron forwards to each port of a container once"
            )
        if key in mine and (forward.outer is None or mine[key] in forward.candidates):
            continue
        if key in mine:
            raise InvalidInput(f"port {forward} is already published at {mine[key]}")
        outer = _free(forward, {*taken, *chosen}, taken)
        chosen[forward.protocol, outer] = Chosen(forward.protocol, forward.inner, outer)
    return list(chosen.values())


class Forwardings:
    """Makes and removes the port forwardings of floating IPs. Thread-safe."""

    def __init__(self, neutron: Neutron, mark: Mark) -> None:
        self._neutron = neutron
        self._mark = mark
        self._leads = Leads(neutron, mark)

    def make(self, floating_ip: str, vif: Vif, address: IPAddress, wanted: Collection[Forward]) -> None:
        """Let the floating IP (its id) lead to `address` of a port, as far as it does not yet.

        One request for each when the outer ports are certain and free, and one if the port is lent. Raises PortTaken,
        and what `plan` raises.
        """
        if vif.lent:
            self._leads.note(vif.port_id, floating_ip)
        taken: Taken = {} if all(each.certain for each in wanted) else self.of(floating_ip)
        while missing := plan(wanted, taken, vif.port_id):
            try:
                for each in missing:
                    self._create(floating_ip, vif.port_id, address, each)
                break
            except InvalidInput:
                # Neutron's word for a port that is taken is 400. Whoever took it must now be seen.
                seen, taken = taken, self.of(floating_ip)
                if taken == seen:
                    raise

    def of(self, floating_ip: str) -> Taken:
        """What leads where on a floating IP: one request."""
        listed = self._neutron.floating_ips.port_forwardings(floating_ip).list()
        return {(each.protocol, each.external_port): each for each in listed if each.external_port}

    def withdraw(self, floating_ip: str, port_id: str) -> None:
        """Remove what leads to a Neutron port: one request to find it, one for each."""
        forwardings = self._neutron.floating_ips.port_forwardings(floating_ip)
        for each in forwardings.list(internal_port_id=port_id):
            forwardings.delete(each.id)

    def _create(self, floating_ip: str, port_id: str, address: IPAddress, chosen: Chosen) -> None:
        self._neutron.floating_ips.port_forwardings(floating_ip).create(
            protocol=chosen.protocol,
            external_port=chosen.outer,
            internal_port=chosen.inner,
            internal_port_id=port_id,
            internal_address=address,
            description=str(self._mark),
        )


def _free(forward: Forward, used: Collection[tuple[str, int]], taken: Taken) -> int:
    """The first outer port that will do. Raises PortTaken, Exhausted."""
    for outer in _preferred(forward):
        if (forward.protocol, outer) not in used:
            return outer
    first = forward.candidates[0]
    if forward.certain and (holder := taken.get((forward.protocol, first))):
        raise PortTaken(
            f"port {first}/{forward.protocol} is published by another container",
            holder.internal_port_id,
            hint="choose another",
        )
    raise Exhausted(f"no port from {first} to {forward.candidates[-1]} is free for {forward}")


def _preferred(forward: Forward) -> Iterator[int]:
    """A user who leaves the choice to us remembers the container's own port best."""
    if forward.outer is None and forward.inner >= 1024:
        yield forward.inner
    yield from forward.candidates
