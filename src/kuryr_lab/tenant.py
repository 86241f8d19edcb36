"""A tenant's network for a test: made by the plain member `demo`, gone at the end."""

from typing import TYPE_CHECKING

from kuryr_lab.temporary import Temporary

if TYPE_CHECKING:
    from kuryr_lab.lab import Lab


class TenantNetwork(Temporary):
    """A network with one subnet in project `demo`."""

    def __init__(self, lab: "Lab", *, name: str = "tenant", cidr: str = "10.20.0.0/24") -> None:
        self.lab = lab
        self.name = name
        self.cidr = cidr
        self._neutron = lab.neutron("demo")
        self.id = str(self._neutron.create("network", name=name)["id"])
        try:
            version = 6 if ":" in cidr else 4
            subnet = self._neutron.create("subnet", name=name, network_id=self.id, cidr=cidr, ip_version=version)
        except BaseException:
            self.delete()
            raise
        self.subnet_id = str(subnet["id"])
        self.gateway = str(subnet["gateway_ip"])

    def delete(self) -> None:
        """Delete the network with its subnet. A port that was left on it is an error: Neutron answers 409."""
        self._neutron.delete("network", self.id)
