"""Neutron's ports."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, Unpack

from kuryr.model import AddressPair, Wanted
from kuryr.neutron.api import Api
from kuryr.neutron.resources import PortResource
from kuryr.neutron.tags import Tagged

FixedIPs = Sequence[Wanted]
"""(subnet id, wanted address or None for any) per address; empty for a port without addresses."""


class PortSpec(TypedDict):
    """What a new port shall be; the keyword arguments of `Ports.create`. None leaves a choice to Neutron."""

    network_id: str
    description: str
    device_id: str
    device_owner: str
    fixed_ips: FixedIPs
    name: NotRequired[str]
    host: NotRequired[str | None]
    """Bind the port to this host; needs the role `service` or `admin`."""
    mac: NotRequired[str | None]
    project_id: NotRequired[str | None]
    admin_state_up: NotRequired[bool]
    security_groups: NotRequired[Sequence[str] | None]
    """Ids; None for the project's default group, or none if the port has no address or no port security."""
    port_security: NotRequired[bool | None]
    """False for a port that nothing guards; then it can have neither groups nor address pairs."""
    allowed_address_pairs: NotRequired[Sequence[AddressPair]]
    qos_policy_id: NotRequired[str | None]
    dns_name: NotRequired[str]
    """A cloud without the extension driver `dns` accepts and ignores it: see what the answer says."""
    vnic_type: NotRequired[str]
    """What the port shall be on its host: `normal`, `direct`, `macvtap`, …; `normal` if it is not given."""
    tags: NotRequired[Sequence[str]]
    """Needs the extension driver tag_ports_during_bulk_creation."""


class PortChanges(TypedDict, total=False):
    """What a port shall become; the keyword arguments of `Ports.update`. What is not given stays as it is."""

    name: str
    description: str
    device_id: str
    device_owner: str
    fixed_ips: FixedIPs
    """All of them. A bound port may change its addresses, too."""
    host: str
    """"" unbinds the port: it is answered as `unbound` and keeps everything else, its device_owner as well."""
    mac: str
    """Refused as Conflict for a port that is bound, even if it is unbound in the same call."""
    security_groups: Sequence[str]
    port_security: bool
    allowed_address_pairs: Sequence[AddressPair]
    qos_policy_id: str | None
    dns_name: str


class Ports(Tagged[PortResource]):
    """`/ports`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "port", PortResource.parse)

    def create(self, **spec: Unpack[PortSpec]) -> PortResource:
        """Make a port, in one call with all its identity.

        Raises Exhausted (no address left, quota), Conflict (address or MAC in use), InvalidInput (an address outside
        of its subnet), NotFound (no such network, group or policy), CloudRefused (`host` without the right to bind).
        """
        return self._create(_body(spec))

    def create_many(self, specs: Sequence[PortSpec]) -> Sequence[PortResource]:
        """Make several ports in one call, all or none; answers them in the order of `specs`. Raises as `create`."""
        return self._create_many([_body(spec) for spec in specs])

    def update(
        self,
        id: str,  # noqa: A002
        *,
        revision: int | None = None,
        **changes: Unpack[PortChanges],
    ) -> PortResource | None:
        """Change what is given, all or nothing; answers the port, or None when it is gone.

        With `revision` the port is changed only if it is still as it was read then; else Overtaken is raised. This
        guards against changes made before the call, not against another one at the same moment: see `takeover`.

        Raises Conflict (address or MAC in use, the MAC of a bound port), Exhausted, InvalidInput, NotFound (no such
        group or policy), CloudRefused (`host` without the right to bind).
        """
        return self._update(id, _json(changes), revision)


def _body(spec: PortSpec) -> dict[str, Any]:
    defaults = {"name": "", "admin_state_up": True}
    return defaults | _json({key: value for key, value in spec.items() if value is not None})


def _json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_NAMES.get(key, key): _VALUES.get(key, _as_it_is)(value) for key, value in values.items()}


def _fixed_ips(wanted: FixedIPs) -> list[dict[str, str]]:
    return [
        {"subnet_id": subnet_id} if address is None else {"subnet_id": subnet_id, "ip_address": str(address)}
        for subnet_id, address in wanted
    ]


def _address_pairs(pairs: Sequence[AddressPair]) -> list[dict[str, str]]:
    return [{"ip_address": str(pair.address)} | ({"mac_address": pair.mac} if pair.mac else {}) for pair in pairs]


def _as_it_is(value: object) -> object:
    return value


_NAMES = {
    "host": "binding:host_id",
    "mac": "mac_address",
    "port_security": "port_security_enabled",
    "vnic_type": "binding:vnic_type",
}
"""Ours and Neutron's, where they differ."""

_VALUES: Mapping[str, Callable[[Any], object]] = {
    "fixed_ips": _fixed_ips,
    "allowed_address_pairs": _address_pairs,
    "security_groups": list,
    "tags": list,
}
