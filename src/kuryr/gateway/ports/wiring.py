"""Whether the agents of a host do their work, for ports that wait for it or could not be bound.

Where the host itself shows when a port is wired, nobody asks here. Agents are looked up only for a port that has failed
already, and only those of its host.
"""

import time
from collections.abc import Callable

from kuryr.errors import KuryrError, NotFound, PlugError
from kuryr.model import Mark, Vif
from kuryr.neutron.client import Neutron
from kuryr.neutron.resources import AgentResource

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
"""Seconds between two looks at a port."""


class Wiring:
    """The cloud's view of what happens on this host. Thread-safe."""

    def __init__(
        self,
        neutron: Neutron,
        mark: Mark,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._neutron = neutron
        self._host = mark.host
        self._clock = clock
        self._sleep = sleep

    def check_bound(self, vif: Vif) -> None:
        """Raises PlugError, with what agents there are, if Neutron found nobody on this host to wire the port."""
        if vif.vif_type == "binding_failed":
            raise PlugError(
                f"Neutron could not bind port {vif.port_id} to {self._host}", hint=self._agents("an agent of Neutron's")
            )

    def await_active(self, vif: Vif, timeout: float) -> None:
        """Look at the port until its status is ACTIVE: one request each time, at growing intervals.

        Raises PlugError after `timeout` seconds, or when the port is gone.
        """
        until = self._clock() + timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                port = self._neutron.ports.get(vif.port_id)
            except NotFound as gone:
                raise PlugError(f"port {vif.port_id} was deleted while it was plugged") from gone
            if port.status == "ACTIVE":
                return
            left = until - self._clock()
            if left <= 0:
                raise PlugError(
                    f"port {vif.port_id} was plugged on {self._host}, but its status is {port.status}, not ACTIVE",
                    hint=self._agents(f"the agent of Neutron's driver {vif.bound_by}" if vif.bound_by else "its agent"),
                )
            self._sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _agents(self, wanted: str) -> str:
        """What agents this host has, or how to find out whether the `wanted` one lives."""
        try:
            agents = self._neutron.agents.list(host=self._host)
        except KuryrError:
            agents = []
        if agents:
            return f"{self._host} has: {', '.join(_state(each) for each in sorted(agents, key=lambda each: each.type))}"
        # Those who may not see agents get an empty list, as those whose host has none.
        return f"is {wanted} alive there? openstack network agent list --host {self._host}"


def _state(agent: AgentResource) -> str:
    if not agent.alive:
        since = f" since {agent.heartbeat}" if agent.heartbeat else ""
        return f"{agent.type}, dead{since}"
    return f"{agent.type}, {'alive' if agent.enabled else 'disabled'}"
