"""The units that are shipped for systemd fit the program that they start."""

from configparser import ConfigParser
from pathlib import Path

from kuryr import config

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read(UNITS / name)
    return parser


def test_systemd_listens_where_docker_looks_with_the_mode_that_the_driver_would_use() -> None:
    listening = unit("kuryr-docker.socket")
    assert listening["Socket"]["ListenStream"] == config.load([]).docker.socket
    assert listening["Socket"]["SocketMode"] == "0600"
    assert "docker.service" in listening["Unit"]["Before"]


def test_the_service_starts_the_driver_with_the_socket_held_for_it() -> None:
    service = unit("kuryr-docker.service")
    assert service["Service"]["ExecStart"].split("/")[-1] == "kuryr docker serve"
    assert service["Unit"]["Requires"] == "kuryr-docker.socket"


def test_the_service_may_change_interfaces_and_announce_addresses() -> None:
    service = unit("kuryr-docker.service")["Service"]
    assert {"CAP_NET_ADMIN", "CAP_NET_RAW"} <= set(service["CapabilityBoundingSet"].split())
    assert {"AF_NETLINK", "AF_PACKET"} <= set(service["RestrictAddressFamilies"].split())
