"""What the machine is that the figures come from: they mean little without it."""

import os
import platform
import re
from pathlib import Path

from kuryr_lab.lab import Lab


def describe(lab: Lab) -> dict[str, str]:
    """The machine and the programs, for the head of a report."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": f"{os.cpu_count()} cores of {cpu[1] if cpu else 'an unknown kind'}, shared by the cloud and the hosts",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "",
        "kernel": platform.release(),
        "python": platform.python_version(),
        f"docker {lab.engine.partition('.')[0]}": lab.engine,
        "cloud": "Neutron with ML2/OVN, userspace Open vSwitch",
    }
