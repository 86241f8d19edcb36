"""Which attributes of a resource may be given and asked for, and what is refused at the door."""

import re
import uuid
from collections.abc import Set
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from kuryr_lab.fake.refusals import bad_request, malformed

Body = dict[str, Any]


@dataclass(frozen=True)
class Attributes:
    """What is known of one kind of resource."""

    post: Body
    """What may be given to a new one, and its default."""
    put: Set[str]
    """What may be changed."""
    filters: Set[str]
    """What a list may be filtered by."""
    required: Set[str] = frozenset()
    """What a new one must be given."""
    computed: Set[str] = frozenset()
    """What may be given to a new one; when it is not, Neutron computes a value."""

    def check_post(self, body: Body) -> Body:
        """The body with its defaults. Raises Refusal when an attribute is unknown, missing or malformed."""
        _refuse_unknown(body, {*self.post, *self.required, *self.computed, "project_id"})
        for name in sorted(self.required - body.keys()):
            raise bad_request(f"Failed to parse request. Required attribute '{name}' not specified")
        _check_values(body)
        return {**self.post, **body}

    def check_put(self, body: Body) -> None:
        """Raises Refusal when an attribute cannot be changed or is malformed."""
        _refuse_unknown(body, self.put)
        _check_values(body)


_TEXTS = {"name", "description", "device_id", "device_owner"}
_TAG_LENGTH = 255
_VNIC_TYPES = {"normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic"}
_DNS_NAME = re.compile(r"([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?(\.|$))*")


def _refuse_unknown(body: Body, known: Set[str]) -> None:
    unknown = sorted(body.keys() - known)
    if unknown:
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(unknown)}'")


def _check_values(body: Body) -> None:
    for name in body:
        if name.endswith("_id") and name not in _TEXTS | {"project_id", "binding:host_id"}:
            _check_uuid(name, body[name])
    for name in _TEXTS & body.keys():
        if len(body[name]) > 255:
            raise malformed(name, f"'{body[name]}' exceeds maximum length of 255")
    if body.get("binding:vnic_type", "normal") not in _VNIC_TYPES:
        raise malformed("binding:vnic_type", f"'{body['binding:vnic_type']}' is not in {sorted(_VNIC_TYPES)}")
    for fixed in body.get("fixed_ips", []):
        _check_uuid("fixed_ips", fixed.get("subnet_id"))
        if "ip_address" in fixed:
            ip_address(fixed["ip_address"])
    for pair in body.get("allowed_address_pairs", []):
        ip_network(pair["ip_address"], strict=False)
    for group in body.get("security_groups", []):
        _check_uuid("security_groups", group)
    if not _DNS_NAME.fullmatch(body.get("dns_name", "")):
        raise malformed("dns_name", f"'{body['dns_name']}' not a valid PQDN or FQDN")
    if "tags" in body:
        check_tags(body["tags"])


def check_tags(tags: list[str]) -> None:
    """Raises Refusal for tags that Neutron does not store."""
    for tag in tags:
        if len(tag) > _TAG_LENGTH:
            raise malformed("tags", f"'{tag}' exceeds maximum length of {_TAG_LENGTH}")
        if tags.count(tag) > 1:
            raise malformed("tags", f"Duplicate items in the list: '{tag}'")


def _check_uuid(name: str, value: str | None) -> None:
    if value is None:
        return
    try:
        uuid.UUID(value)
    except ValueError:
        raise malformed(name, f"'{value}' is not a valid UUID") from None
