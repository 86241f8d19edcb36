"""Reads typed values out of Neutron's JSON, and blames the cloud, by name, for those that cannot be meant."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from kuryr.errors import CloudError
from kuryr.model import IPAddress, IPNetwork

Number = TypeVar("Number", int, None)


class Reader:
    """Reads typed values out of one JSON object and blames the cloud, by name, for those that cannot be meant."""

    def __init__(self, kind: str, body: Mapping[str, Any]) -> None:
        self._kind = kind
        self._body = body
        if not isinstance(body, Mapping) or not isinstance(body.get("id"), str) or not body["id"]:
            raise CloudError(f"Neutron described a {kind} without an id")
        self.id: str = body["id"]

    @property
    def project_id(self) -> str:
        """The project it belongs to."""
        return self.text("project_id") or self.text("tenant_id")

    def text(self, key: str) -> str:
        """A text; "" when there is none."""
        value = self._body.get(key)
        if value is not None and not isinstance(value, str):
            raise self._nonsense(key, value)
        return value or ""

    def number(self, key: str, default: Number) -> int | Number:
        """A whole number, which Neutron writes as a text here and there."""
        value = self._body.get(key)
        if value is None:
            return default
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        if not isinstance(value, int):
            raise self._nonsense(key, value)
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Yes or no."""
        value = self._body.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._nonsense(key, value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self.items(key, str))

    def mapping(self, key: str) -> dict[str, Any]:
        """An object; {} when there is none."""
        value = self._body.get(key) or {}
        if not isinstance(value, dict):
            raise self._nonsense(key, value)
        return value

    def items(self, key: str, kind: type[Any]) -> list[Any]:
        """A list, all of one type; [] when there is none."""
        value = self._body.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            raise self._nonsense(key, value)
        return value

    def address_or_cidr(self, value: object) -> IPAddress | IPNetwork:
        """Some of what Neutron keeps is as its author wrote it, host bits included."""
        text = str(value)
        try:
            return ip_network(text, strict=False) if "/" in text else ip_address(text)
        except ValueError as error:
            raise self._nonsense("an address", value) from error

    def address(self, value: object) -> IPAddress:
        """`value`, taken from somewhere in the object, as an address."""
        try:
            return ip_address(str(value))
        except ValueError as error:
            raise self._nonsense("an address", value) from error

    def cidr(self, value: object) -> IPNetwork:
        """`value` as a CIDR."""
        try:
            return ip_network(str(value))
        except ValueError as error:
            raise self._nonsense("a CIDR", value) from error

    def _nonsense(self, what: str, value: object) -> CloudError:
        return CloudError(f"Neutron gave {value!r:.100} as {what} of {self._kind} {self.id}, which cannot be read")
