"""What the rest of Kuryr holds of a cloud: its resources, family by family, and the project it works in."""

from collections.abc import Callable
from functools import cached_property

from keystoneauth1.adapter import Adapter

from kuryr.errors import CloudRefused
from kuryr.neutron.agents import Agents
from kuryr.neutron.api import Api, Call
from kuryr.neutron.faults import RIGHTS_HINT
from kuryr.neutron.floating_ips import FloatingIPs
from kuryr.neutron.networks import Networks
from kuryr.neutron.ports import Ports
from kuryr.neutron.qos import QosPolicies
from kuryr.neutron.routers import Routers
from kuryr.neutron.security import SecurityGroupRules, SecurityGroups
from kuryr.neutron.subnet_pools import SubnetPools
from kuryr.neutron.subnets import Subnets
from kuryr.neutron.trunks import Trunks


class Neutron:
    """A cloud's Neutron as one identity sees it. Thread-safe; nothing is sent before the first call.

    `adapter` finds the endpoint and authenticates; `observe` is told of every finished call. `rights` says what to do
    about a call that is forbidden.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        project_id: str | None = None,
        observe: Callable[[Call], None] | None = None,
        rights: str = RIGHTS_HINT,
    ) -> None:
        self.api = Api(adapter, observe, rights)
        self.networks = Networks(self.api)
        self.subnets = Subnets(self.api)
        self.subnet_pools = SubnetPools(self.api)
        self.ports = Ports(self.api)
        self.security_groups = SecurityGroups(self.api)
        self.security_group_rules = SecurityGroupRules(self.api)
        self.qos_policies = QosPolicies(self.api)
        self.routers = Routers(self.api)
        self.floating_ips = FloatingIPs(self.api)
        self.trunks = Trunks(self.api)
        self.agents = Agents(self.api)
        self._project_id = project_id

    @cached_property
    def project_id(self) -> str:
        """The tenant's project: the configured one, else the token's own. Raises CloudRefused when there is none."""
        project = self._project_id or self.api.project_id()
        if not project:
            raise CloudRefused(
                "the OpenStack credentials are not scoped to a project",
                hint="set a project in the credentials, or `project` in section [neutron] of kuryr.conf",
            )
        return project
