"""Neutron's ports."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict, Unpack

from kuryr.errors import CloudError, NotFound
from kuryr.model import IPAddress
from kuryr.neutron.api import Api
from kuryr.neutron.collection import Collection
from kuryr.neutron.resources import PortResource


class PortSpec(TypedDict):
    """What a new port shall be; the keyword arguments of `Ports.create`."""

    network_id: str
    description: str
    device_id: str
    device_owner: str
    fixed_ips: Sequence[tuple[str, IPAddress | None]]
    """(subnet id, wanted address or None for any) per address; empty for a port without addresses."""
    name: NotRequired[str]
    host: NotRequired[str | None]
    """Bind the port to this host; needs the role `service` or `admin`."""
    mac: NotRequired[str | None]
    project_id: NotRequired[str | None]
    admin_state_up: NotRequired[bool]
    security_groups: NotRequired[Sequence[str] | None]
    """Ids; None for the project's default group."""


class Ports(Collection[PortResource]):
    """`/ports`."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, "port", PortResource.parse)

    def create(self, **spec: Unpack[PortSpec]) -> PortResource:
        """Make a port, in one call with all its identity.

        Raises Exhausted (no address left, quota), Conflict (address or MAC in use), InvalidInput (an address outside
        of its subnet), NotFound (no such network), CloudRefused (`host` without the right to bind).
        """
        return self._create(_body(spec))

    def create_many(self, specs: Sequence[PortSpec]) -> list[PortResource]:
        """Make several ports in one call, all or none; answers them in the order of `specs`. Raises as `create`."""
        if not specs:
            return []
        answer = self._api.request("POST", self._path, json={"ports": [_body(spec) for spec in specs]})
        made = [self._parse(body) for body in self._many(answer)]
        if len(made) != len(specs):
            raise CloudError(f"Neutron made {len(made)} ports instead of {len(specs)}")
        return made

    def update(
        self,
        id: str,  # noqa: A002
        *,
        device_id: str | None = None,
        name: str | None = None,
        fixed_ips: Sequence[tuple[str, IPAddress | None]] | None = None,
    ) -> PortResource | None:
        """Change what is not None; answers the port, or None when it is gone."""
        given = {
            "device_id": device_id,
            "name": name,
            "fixed_ips": None if fixed_ips is None else _fixed_ips(fixed_ips),
        }
        changes = {key: value for key, value in given.items() if value is not None}
        try:
            return self._parse(self._only(self._api.request("PUT", self._path_of(id), json={"port": changes})))
        except NotFound:
            return None


def _body(spec: PortSpec) -> dict[str, Any]:
    body: dict[str, Any] = {
        "network_id": spec["network_id"],
        "name": spec.get("name", ""),
        "description": spec["description"],
        "device_id": spec["device_id"],
        "device_owner": spec["device_owner"],
        "admin_state_up": spec.get("admin_state_up", True),
        "fixed_ips": _fixed_ips(spec["fixed_ips"]),
    }
    groups = spec.get("security_groups")
    optional = {
        "binding:host_id": spec.get("host"),
        "mac_address": spec.get("mac"),
        "project_id": spec.get("project_id"),
        "security_groups": None if groups is None else list(groups),
    }
    return body | {key: value for key, value in optional.items() if value is not None}


def _fixed_ips(wanted: Sequence[tuple[str, IPAddress | None]]) -> list[dict[str, str]]:
    return [
        {"subnet_id": subnet_id} if address is None else {"subnet_id": subnet_id, "ip_address": str(address)}
        for subnet_id, address in wanted
    ]
