"""The network interface of a virtual machine: a Neutron port with a trunk, on a network for virtual machines.

All of it belongs to project `demo`, whose member the machine's owner is, and is called like the machine.
"""

from typing import TYPE_CHECKING

from kuryr_lab.temporary import Temporary

if TYPE_CHECKING:
    from kuryr_lab.client import Neutron, Resource

_CIDR = "10.60.0.0/24"
_OWNER = "compute:vm"


class TrunkPort(Temporary):
    """A port bound to `host`, parent of a trunk, on a network of its own: made, unless they are there.

    `neutron` is an administrator's; the owner's project is `project_id`.
    """

    def __init__(self, neutron: "Neutron", project_id: str, host: str, name: str) -> None:
        self.name = name
        self._neutron = neutron
        self._project = project_id
        try:
            network = self._ensure("network")
            self._ensure("subnet", network_id=network["id"], cidr=_CIDR, ip_version=4)
            binding = {"device_owner": _OWNER, "binding:host_id": host}
            self.port = self._ensure("port", network_id=network["id"], **binding)
            self.trunk = self._ensure("trunk", port_id=self.port["id"])
        except BaseException:
            self.delete()
            raise
        self.mtu = int(network["mtu"])

    @property
    def cidr(self) -> str:
        """The network's addresses."""
        return _CIDR

    @property
    def address(self) -> str:
        """With the length of its prefix, as the machine sets it."""
        return f"{self.port['fixed_ips'][0]['ip_address']}/{_CIDR.partition('/')[2]}"

    @property
    def tap(self) -> str:
        """Its interface on the host, by Neutron's own name."""
        return f"tap{self.port['id'][:11]}"

    def delete(self) -> None:
        """Delete everything. A subport that was left on the trunk is an error: Neutron answers 409."""
        for kind in ("trunk", "port", "network"):
            for found in self._neutron.find(kind, name=self.name, project_id=self._project):
                self._neutron.delete(kind, found["id"])

    def _ensure(self, kind: str, **fields: object) -> "Resource":
        whose = {"name": self.name, "project_id": self._project}
        found = self._neutron.find(kind, **whose)
        return found[0] if found else self._neutron.create(kind, **whose, **fields)
