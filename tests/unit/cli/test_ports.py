"""`kuryr ports`: what is said of a port, by what Neutron and the host say of it."""

from ipaddress import ip_address

import pytest

from kuryr.cli.ports import READY, RESERVED, USED, Row
from kuryr.model import FixedIP, Vif

KIND = "kuryr:ready:0123456789abcdef"


@pytest.mark.parametrize(
    ("in_neutron", "on_the_host", "state", "endpoint"),
    [
        (KIND, "kuryr:ready", READY, ""),
        # Its user was never written on it.
        ("", "kuryr:ready", READY, ""),
        (KIND, "c1", USED, "c1"),
        ("c1", "c1", USED, "c1"),
        # Such as a socket of a virtual machine's.
        ("c1", "", USED, "c1"),
        # Taken a moment ago, or just made.
        (KIND, "", RESERVED, ""),
        ("", "", RESERVED, ""),
    ],
)
def test_the_host_knows_first_what_becomes_of_a_port(
    in_neutron: str, on_the_host: str, state: str, endpoint: str
) -> None:
    fixed_ips = (FixedIP("s", ip_address("10.1.0.5")), FixedIP("s6", ip_address("fd00::5")))
    vif = Vif("p", "n", "fa:16:3e:00:00:01", 1500, fixed_ips, "ovs", owner=in_neutron)
    expected = Row("p", ["10.1.0.5", "fd00::5"], "fa:16:3e:00:00:01", "n", state, endpoint)
    assert Row.of(vif, on_the_host) == expected
