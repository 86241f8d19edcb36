"""`kuryr docker check` says what is there, and names what is not."""

import json
import re

import pytest

from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from kuryr_lab.ini import write_ini
from kuryr_lab.request_log import Cursor
from system.conftest import Bench

COMMAND = ["kuryr", "docker", "check"]


@pytest.mark.backends
def test_all_is_well_and_nothing_changes(host1: Host, network: str, bench: Bench, host1_requests: Cursor) -> None:
    bench.run(host1, network)
    host1_requests.read_until_quiet()
    findings = {each["subject"]: each for each in json.loads(host1.run([*COMMAND, "--json"]).stdout)}
    assert all(each["good"] for each in findings.values())
    assert list(findings) == ["configuration", "cloud", "host", "Docker", "driver"]
    # The container's, and that of a port made ahead.
    assert re.search(r": [12] interfaces of containers", findings["host"]["said"])
    assert {request.method for request in host1_requests.read_until_quiet()} == {"GET"}
    assert host1.run(COMMAND).stdout.splitlines()[1].startswith("ok     cloud")


def test_what_is_wrong_is_named(host1: Host) -> None:
    file = host1.directory / "check.conf"
    absent = {"docker": {"socket": "/run/none.sock"}, "binding": {"integration_bridge": "br-none"}}
    write_ini(file, absent)
    with pytest.raises(CommandFailed) as caught:
        host1.run([*COMMAND, "--config-file", "/etc/kuryr/kuryr.conf", "--config-file", str(file), "--json"])
    findings = {each["subject"]: each for each in json.loads(caught.value.stdout)}
    assert [name for name, each in findings.items() if not each["good"]] == ["host", "driver"]
    assert findings["host"]["said"].startswith("Open vSwitch has no bridge br-none on this host (is ovn-controller")
    assert findings["driver"]["said"].startswith("no driver answers at /run/none.sock (start it: ")
