"""Finds the driver for a port, and asks all of them about the host as a whole."""

import logging
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from kuryr.binding.driver import GROUP, BindingContext, BindingDriver, Found, Interface, kind_of
from kuryr.errors import KuryrError, PlugError
from kuryr.model import Claim, Vif

LOG = logging.getLogger(__name__)

SCRIPT = "script"
"""The driver of what no other one serves."""


class Binding:
    """Plugs ports of every kind for which a driver is installed; the methods are those of `BindingDriver`.

    `found` knows no kind of port, so it asks every installed driver; so does `unplug`, unless this very process has
    staged the port. A driver that cannot be loaded fails its own kind of port, not the others.
    """

    def __init__(self, context: BindingContext, available: Mapping[str, EntryPoint] | None = None) -> None:
        self._context = context
        self._available = {entry.name: entry for entry in entry_points(group=GROUP)} if available is None else available
        self._drivers: dict[str, BindingDriver] = {}
        self._loading = threading.Lock()
        self._staged: dict[str, BindingDriver] = {}
        """Who made what there is of a port, by its id."""

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """See `BindingDriver.stage`. Raises PlugError for a port of a kind that cannot be plugged here."""
        driver = self._staged[vif.port_id] = self._driver_of(vif)
        return driver.stage(vif, claim)

    def plug(self, vif: Vif) -> None:
        """See `BindingDriver.plug`."""
        self._driver_of(vif).plug(vif)

    def await_ready(self, vif: Vif, timeout: float) -> bool:
        """See `BindingDriver.await_ready`."""
        return self._driver_of(vif).await_ready(vif, timeout)

    def announce(self, vif: Vif) -> None:
        """See `BindingDriver.announce`."""
        self._driver_of(vif).announce(vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """See `BindingDriver.unplug`. Every driver that is asked has its turn, then the first failure is raised."""
        failures: list[KuryrError] = []
        staged_by = self._staged.pop(port_id, None)
        for driver in [staged_by] if staged_by else self._all():
            try:
                driver.unplug(port_id, vif)
            except KuryrError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def found(self) -> Sequence[Found]:
        """See `BindingDriver.found`: each port once, although drivers may share a kind of interface."""
        return list({one.port_id: one for driver in self._all() for one in driver.found()}.values())

    def close(self) -> None:
        """Close every driver that was in use."""
        with self._loading:
            drivers, self._drivers = list(self._drivers.values()), {}
        for driver in drivers:
            driver.close()
        self._context.announcer.close()

    def _driver_of(self, vif: Vif) -> BindingDriver:
        kind = kind_of(vif)
        name = self._context.drivers.get(kind, kind)
        if name in self._available:
            return self._load(name)
        if kind == vif.vif_type and self._has_script(kind):
            return self._load(SCRIPT)
        raise self._not_pluggable(vif)

    def _has_script(self, vif_type: str) -> bool:
        if self._context.scripts is None or SCRIPT not in self._available:
            return False
        from kuryr.binding.script import scripts  # noqa: PLC0415

        return vif_type in scripts(self._context.scripts)

    def _all(self) -> list[BindingDriver]:
        drivers = []
        for name in self._available:
            try:
                drivers.append(self._load(name))
            except PlugError as failure:
                LOG.warning("%s", failure, exc_info=failure.__cause__)
        return drivers

    def _load(self, name: str) -> BindingDriver:
        with self._loading:
            if name not in self._drivers:
                try:
                    factory = cast("type[BindingDriver]", self._available[name].load())
                    self._drivers[name] = factory(self._context)
                except Exception as cause:
                    entry = self._available[name].value
                    raise PlugError(f"the driver {entry} for ports of type {name} cannot be loaded") from cause
            return self._drivers[name]

    def _not_pluggable(self, vif: Vif) -> PlugError:
        host = self._context.host or "this host"
        if vif.vif_type == "binding_failed":
            return PlugError(
                f"Neutron could not bind port {vif.port_id} to {host}",
                hint=f"is an OVN chassis or a Neutron agent alive there? openstack network agent list --host {host}",
            )
        if vif.vif_type in ("", "unbound"):
            return PlugError(
                f"port {vif.port_id} is not bound to any host",
                hint="its binding:host_id must be set, which takes Neutron's service role",
            )
        return PlugError(
            f"port {vif.port_id} is of type {kind_of(vif)}, which cannot be plugged here",
            hint=f"drivers are installed for: {', '.join(sorted(self._available)) or 'none'}",
        )
