"""Who plays ovn-controller says of every port that its flows are in place, on a real Open vSwitch."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from binding.namespaces import Namespace
from binding.switch import OpenVSwitch
from kuryr_lab.waiting import wait_until


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[OpenVSwitch]:
    host = Namespace()
    with host.entered():
        switch = OpenVSwitch(tmp_path)
        yield switch
        switch.close()
    host.close()


def test_every_port_of_neutrons_is_wired(switch: OpenVSwitch) -> None:
    def plug(name: str, *external_ids: str) -> None:
        switch.vsctl("add-port", "br-int", name, "--", "set", "Interface", name, "type=internal", *external_ids)

    def wired(name: str) -> bool:
        return switch.external_ids(name).get("ovn-installed") == "true"

    plug("before", "external_ids:iface-id=p1")
    wiring = subprocess.Popen([sys.executable, "-m", "kuryr_lab.fake.wiring", switch.remote])
    try:
        wait_until("what was there is wired", lambda: wired("before"))
        plug("foreign")
        plug("later", "external_ids:iface-id=p2")
        wait_until("what comes is wired", lambda: wired("later"))
        # As when kuryr plugs it anew.
        switch.vsctl("remove", "Interface", "later", "external_ids", "ovn-installed")
        wait_until("what has lost its sign is wired", lambda: wired("later"))
        assert not wired("foreign")
    finally:
        wiring.terminate()
        wiring.wait()
