"""The driver needs no more than the systemd unit that is shipped for it leaves it."""

import secrets
import sys
from pathlib import Path

from kuryr_lab.host import Host
from system import confined
from system.conftest import Bench, address_of
from system.driver import Driver

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "kuryr-docker.service"

CAPABILITIES = (1, 12, 13)
"""DAC_OVERRIDE, NET_ADMIN and NET_RAW (linux/capability.h)."""


def test_the_driver_works_within_what_its_unit_allows(host1: Host, bench: Bench) -> None:
    name = f"kuryr-{secrets.token_hex(4)}"
    program = [sys.executable, confined.__file__, str(UNIT), f"/run/docker/plugins/{name}.sock"]
    driver = Driver(host1, name, {}, program=program)
    network = bench.network(host1, "--subnet", "10.77.0.0/24", "--subnet", "fd77::/64", "--ipv6", driver=name)
    one, other = bench.run(host1, network), bench.run(host1, network)
    one.reaches(address_of(other, network))
    other.serve()
    assert one.fetch(address_of(other, network)) == other.name
    bench.clear()
    assert is_confined(driver)
    assert "WARNING" not in driver.daemon.log.read_text()
    driver.stop()


def is_confined(driver: Driver) -> bool:
    """Whether the kernel agrees: these capabilities alone, and a filter of system calls."""
    status = Path("/proc", str(driver.daemon.pid), "status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    return (int(fields["CapEff"], 16), fields["Seccomp"], fields["NoNewPrivs"]) == (
        1 << 12 | 1 << 13 | 1 << 1,
        "2",
        "1",
    )
