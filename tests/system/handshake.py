"""A driver that comes and goes with a test, and the handshake that it must answer at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kuryr_lab.host import Host
from system.driver import Answer, Driver

HANDSHAKE = {
    "Plugin.Activate": {"Implements": ["NetworkDriver", "IpamDriver"]},
    "NetworkDriver.GetCapabilities": {"Scope": "local", "ConnectivityScope": "global", "GwAllocChecker": True},
    "IpamDriver.GetCapabilities": {"RequiresMACAddress": False, "RequiresRequestReplay": False},
    "IpamDriver.GetDefaultAddressSpaces": {
        "LocalDefaultAddressSpace": "KuryrLocal",
        "GlobalDefaultAddressSpace": "KuryrGlobal",
    },
}


INSTANT = 1.0
"""Seconds; on a quiet machine it takes one or two milliseconds, and whatever waits for the cloud two seconds."""


@contextmanager
def driver_of(host: Host, **changes: dict[str, str]) -> Iterator[Driver]:
    """A driver with changed settings, killed at the end."""
    driver = Driver.changed(host, changes)
    try:
        yield driver
    finally:
        driver.daemon.kill()
        driver.stop()


def timed(driver: Driver, method: str, body: object = None) -> tuple[float, Answer]:
    """A request, and the seconds until it was answered."""
    began = time.monotonic()
    answer = driver.ask(method, body)
    return time.monotonic() - began, answer


def check_handshake(driver: Driver) -> None:
    for method, expected in HANDSHAKE.items():
        seconds, answer = timed(driver, method)
        assert (answer.status, answer.body) == (200, expected), method
        assert seconds < INSTANT, method
