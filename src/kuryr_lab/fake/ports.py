"""Ports: addresses, MACs, binding, and what guards them (neutron.plugins.ml2.plugin and its extension drivers)."""

import random
from collections.abc import Iterator, Sequence

from kuryr_lab.fake.addresses import any_of, specific
from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.refusals import Refusal, conflict, invalid, not_found
from kuryr_lab.fake.routing import INTERFACE, check_deletable
from kuryr_lab.fake.rules import Rules
from kuryr_lab.fake.trunks import check_untrunked

_MAX_PAIRS = 10
"""Neutron's default of max_allowed_address_pair."""

_FAILED, _UNBOUND, _BOUND = "binding_failed", "unbound", "ovs"


class PortRules(Rules):
    """Ports."""

    _macs = random.Random(0)  # noqa: S311 - just different ones

    def complete(self, port: Body) -> None:
        network = self.cloud.get("network", port["network_id"])
        if "mac_address" in port:
            port["mac_address"] = port["mac_address"].lower()
            self._check_mac(port, port["mac_address"])
        else:
            taken = {other["mac_address"] for other in self.cloud.where("port", network_id=network["id"])}
            port["mac_address"] = next(mac for mac in self._random_macs() if mac not in taken)
        port["fixed_ips"] = self._allocate(port, port.get("fixed_ips", []))
        port.setdefault("port_security_enabled", network["port_security_enabled"])
        guarded = port["port_security_enabled"] and not port["device_owner"].startswith("network:")
        port.setdefault("security_groups", [self.cloud.default_group(port["project_id"])] if guarded else [])
        self._check_named(port, port)
        port["status"] = "DOWN"
        _check_security(port)
        _complete_pairs(port)
        self._bind(port)

    def change(self, port: Body, changes: Body) -> None:
        self._check_named(port, changes)
        after = {**port, **changes}
        if after["mac_address"] != port["mac_address"]:
            changes["mac_address"] = after["mac_address"] = after["mac_address"].lower()
            if port["binding:vif_type"] not in {_UNBOUND, _FAILED}:
                raise conflict(
                    "PortBound",
                    f"Unable to complete operation on port {port['id']}, port is already bound, port type: "
                    f"{port['binding:vif_type']}, old_mac {port['mac_address']}, new_mac {after['mac_address']}.",
                )
            self._check_mac(port, after["mac_address"])
        if "fixed_ips" in changes:
            changes["fixed_ips"] = self._allocate(port, changes["fixed_ips"])
        _check_security(after, was_guarded=port["port_security_enabled"])
        if "allowed_address_pairs" in changes:
            _complete_pairs(after)
        if port["binding:vif_type"] == _BOUND:
            _check_pair_macs(after)
        if "binding:host_id" in changes:
            self._bind(after)
            changes.update({name: after[name] for name in ("binding:vif_type", "binding:vif_details")})

    def remove(self, port: Body) -> None:
        check_deletable(port)
        check_untrunked(self.cloud, port)
        for floating in self.cloud.where("floatingip", port_id=port["id"]):
            floating.update({"port_id": None, "fixed_ip_address": None, "router_id": None})
        for one in self.cloud.where("port_forwarding", internal_port_id=port["id"]):
            del self.cloud.resources["port_forwarding"][one["id"]]

    def _check_named(self, port: Body, body: Body) -> None:
        for group in body.get("security_groups", []):
            if self.cloud.get("security_group", group)["project_id"] != port["project_id"]:
                raise not_found("security_group", group)
        if body.get("qos_policy_id"):
            self.cloud.get("policy", body["qos_policy_id"])

    def _check_mac(self, port: Body, mac: str) -> None:
        network_id = port["network_id"]
        if any(other["id"] != port["id"] for other in self.cloud.where("port", network_id=network_id, mac_address=mac)):
            raise conflict(
                "MacAddressInUse",
                f"Unable to complete operation for network {network_id}. The mac address {mac} is in use.",
            )

    def _bind(self, port: Body) -> None:
        host = port["binding:host_id"]
        kind = _UNBOUND if not host else _FAILED if host in self.cloud.dead_hosts else _BOUND
        port["binding:vif_type"] = kind
        port["binding:vif_details"] = (
            {"port_filter": True, "connectivity": "l2", "bridge_name": "br-int", "datapath_type": "netdev"}
            | {"ovs_create_tap": True, "bound_drivers": {"0": "ovn"}}
            if kind == _BOUND
            else {}
        )

    def _allocate(self, port: Body, wanted: Sequence[Body]) -> list[Body]:
        given: list[Body] = []
        for want in wanted:
            subnet = self.cloud.get("subnet", want["subnet_id"])
            if subnet["network_id"] != port["network_id"]:
                raise invalid(
                    f"Failed to create port on network {port['network_id']}, because fixed_ips included invalid "
                    f"subnet {subnet['id']}"
                )
            taken = {*self._allocated(subnet["id"], port["id"]), *(one["ip_address"] for one in given)}
            router = port["device_owner"] == INTERFACE
            address = (
                specific(subnet, want["ip_address"], taken, for_router=router)
                if "ip_address" in want
                else any_of(subnet, taken)
            )
            given.append({"subnet_id": subnet["id"], "ip_address": address})
        return given

    def _allocated(self, subnet_id: str, but: str) -> Iterator[str]:
        for port in self.cloud.resources["port"].values():
            if port["id"] != but:
                yield from (fixed["ip_address"] for fixed in port["fixed_ips"] if fixed["subnet_id"] == subnet_id)

    def _random_macs(self) -> Iterator[str]:
        while True:
            yield "fa:16:3e:" + ":".join(f"{self._macs.randrange(256):02x}" for _ in range(3))


def _check_security(port: Body, *, was_guarded: bool = False) -> None:
    if port["port_security_enabled"]:
        return
    if port["security_groups"] and was_guarded:
        raise conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or IP address until security group is "
            "removed.",
        )
    if port["security_groups"]:
        raise Refusal(
            400,
            "PortSecurityAndIPRequiredForSecurityGroups",
            "Port security must be enabled and port must have an IP address in order to use security groups.",
        )
    if port["allowed_address_pairs"]:
        raise conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        )


def _complete_pairs(port: Body) -> None:
    if len(port["allowed_address_pairs"]) > _MAX_PAIRS:
        raise Refusal(
            400,
            "AllowedAddressPairExhausted",
            f"The number of allowed address pair exceeds the maximum {_MAX_PAIRS}.",
        )
    for pair in port["allowed_address_pairs"]:
        pair.setdefault("mac_address", port["mac_address"])


def _check_pair_macs(port: Body) -> None:
    """ML2/OVN takes any other MAC address for that of a VRRP router (validate_port_allowed_address_pairs_vrrp_mac)."""
    for pair in port["allowed_address_pairs"]:
        vrrp = "00:00:5e:00:02" if ":" in pair["ip_address"] else "00:00:5e:00:01"
        mac = pair["mac_address"]
        if mac != port["mac_address"] and not mac.lower().startswith(vrrp):
            raise Refusal(
                400,
                "InvalidVirtualMACAddress",
                f"Virtual MAC address {mac} in allowed address pair does not belong to the RFC 5798 VRRP virtual MAC "
                "ranges (00:00:5e:00:01:XX for IPv4 or 00:00:5e:00:02:XX for IPv6).",
            )
