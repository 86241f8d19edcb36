"""The units that are shipped for systemd fit the program that they start."""

import subprocess
from configparser import ConfigParser
from pathlib import Path

from kuryr import config

UNITS = Path(__file__).parents[4] / "deploy" / "systemd"


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


def test_docker_starts_after_both_and_ends_before_them() -> None:
    """So it finds the socket when it boots, and the driver when it gives back what its containers had."""
    for name in ("kuryr-docker.socket", "kuryr-docker.service"):
        assert "docker.service" in unit(name)["Unit"]["Before"].split()


def test_a_driver_that_fails_again_and_again_never_costs_docker_its_socket() -> None:
    assert unit("kuryr-docker.service")["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit("kuryr-docker.socket")["Socket"]["TriggerLimitIntervalSec"] == "0"


def test_systemd_understands_the_units_and_finds_the_service_well_confined(tmp_path: Path) -> None:
    files = []
    for source in sorted(UNITS.iterdir()):
        files.append(tmp_path / source.name)
        # The program is wherever the operator has installed it.
        files[-1].write_text(source.read_text().replace("/opt/kuryr/bin/kuryr", "/bin/true"))
    assert analyzed("verify", "--man=no", *files) == ""
    # In tenths of its scale from 0, safe, to 10.
    assert "OK" in analyzed("security", "--offline=true", "--threshold=29", UNITS / "kuryr-docker.service")


def analyzed(*argv: str | Path) -> str:
    """What systemd-analyze says; it must be content."""
    done = subprocess.run(["systemd-analyze", "--no-pager", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
