"""Trunks and their subports (neutron.services.trunk, with ML2/OVN's driver)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.refusals import Refusal, conflict, invalid
from kuryr_lab.fake.rules import Rules

if TYPE_CHECKING:
    from kuryr_lab.fake.cloud import Cloud

_SUBPORT = "trunk:subport"


class TrunkRules(Rules):
    """Trunks."""

    def complete(self, trunk: Body) -> None:
        port = self.cloud.get("port", trunk["port_id"])
        _check_free(self.cloud, port)
        trunk.update({"sub_ports": [], "status": "ACTIVE"})

    def remove(self, trunk: Body) -> None:
        for each in trunk["sub_ports"]:
            self._clear(each["port_id"])

    def add_subports(self, trunk: Body, wanted: Sequence[Body]) -> Body:
        """All or none."""
        parent = self.cloud.get("port", trunk["port_id"])
        for each in wanted:
            self._check(parent, each)
        used = [each["segmentation_id"] for each in trunk["sub_ports"]]
        for each in wanted:
            if each["segmentation_id"] in used:
                raise conflict(
                    "DuplicateSubPort",
                    f"segmentation_type vlan and segmentation_id {each['segmentation_id']} already in use on trunk "
                    f"{trunk['id']}.",
                )
            used.append(each["segmentation_id"])
        for each in wanted:
            port = self.cloud.get("port", each["port_id"])
            port.update({"device_owner": _SUBPORT, "status": parent["status"], "binding:vif_type": "ovs"})
            port["revision_number"] += 1
        trunk["sub_ports"] += wanted
        trunk["revision_number"] += 1
        # What the driver does to the status afterwards is not in the answer.
        return {**self.shown(trunk), "status": "DOWN"}

    def remove_subports(self, trunk: Body, wanted: Sequence[Body]) -> Body:
        """All or none."""
        going = [each["port_id"] for each in wanted]
        for port_id in going:
            if port_id not in {each["port_id"] for each in trunk["sub_ports"]}:
                raise Refusal(404, "SubPortNotFound", f"SubPort {port_id} on trunk {trunk['id']} could not be found.")
        for port_id in going:
            self._clear(port_id)
        trunk["sub_ports"] = [each for each in trunk["sub_ports"] if each["port_id"] not in going]
        trunk["revision_number"] += 1
        return {**self.shown(trunk), "status": "DOWN"}

    def _check(self, parent: Body, wanted: Body) -> None:
        port = self.cloud.get("port", wanted["port_id"])
        mtus = [self.cloud.get("network", each["network_id"])["mtu"] for each in (port, parent)]
        if mtus[0] > mtus[1]:
            raise conflict(
                "SubPortMtuGreaterThanTrunkPortMtu",
                f"MTU {mtus[0]} of subport {port['id']} cannot be greater than MTU {mtus[1]} of trunk {parent['id']}.",
            )
        if not 1 <= wanted["segmentation_id"] <= 4094:
            raise invalid(f"Segmentation ID '{wanted['segmentation_id']}' is not in range")
        _check_free(self.cloud, port)
        if port["device_id"]:
            raise conflict(
                "PortInUse",
                f"Unable to complete operation on port {port['id']} for network {port['network_id']}. Port already has "
                f"an attached device {port['device_id']}.",
            )

    def _clear(self, port_id: str) -> None:
        port = self.cloud.get("port", port_id)
        port.update({"device_owner": "", "binding:vif_type": "unbound"})
        port["revision_number"] += 1


def check_untrunked(cloud: "Cloud", port: Body) -> None:
    """Raises Refusal for a port that is part of a trunk."""
    for trunk in cloud.resources["trunk"].values():
        if trunk["port_id"] == port["id"]:
            raise conflict(
                "PortInUseAsTrunkParent", f"Port {port['id']} is currently a parent port for trunk {trunk['id']}."
            )
        if port["id"] in {each["port_id"] for each in trunk["sub_ports"]}:
            raise conflict("PortInUseAsSubPort", f"Port {port['id']} is currently a subport for trunk {trunk['id']}.")


def _check_free(cloud: "Cloud", port: Body) -> None:
    for trunk in cloud.resources["trunk"].values():
        if port["id"] in {each["port_id"] for each in trunk["sub_ports"]}:
            raise conflict("TrunkPortInUse", f"Port {port['id']} is in use by another trunk.")
        if trunk["port_id"] == port["id"]:
            raise conflict(
                "ParentPortInUse",
                f"Port {port['id']} is currently in use and is not eligible for use as a parent port.",
            )
