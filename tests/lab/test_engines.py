"""Several generations of Docker side by side, and a lab that runs the one it was asked for."""

from pathlib import Path

import pytest

from kuryr_lab import engines
from kuryr_lab.errors import LabError
from kuryr_lab.lab import Lab


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Engines of two later suites, beside the machine's own."""
    monkeypatch.setattr(engines, "UNPACKED", tmp_path)
    for suite, version in (("early", "101.9.10+dfsg"), ("late", "101.10.2"), (".half", "102.0.0")):
        dockerd = tmp_path / suite / "usr" / "sbin" / "dockerd"
        dockerd.parent.mkdir(parents=True)
        dockerd.write_text(f"#!/bin/sh\necho 'Docker version {version}, build f8cf77e'\n")
        dockerd.chmod(0o755)
    return tmp_path


def test_the_machines_own_engine_is_the_default(unpacked: Path) -> None:
    own = engines.find(engines.DEFAULT)
    assert own.root == Path("/")
    assert {"docker", "dockerd", "containerd"} <= {program.name for program in own.programs()}


def test_engines_are_listed_with_the_oldest_first_and_half_unpacked_ones_are_not(unpacked: Path) -> None:
    assert [engine.version for engine in engines.installed()][-2:] == ["101.9.10", "101.10.2"]


@pytest.mark.parametrize(("name", "version"), [("101.9", "101.9.10"), ("101", "101.10.2"), ("101.10.2", "101.10.2")])
def test_an_engine_is_found_by_the_beginning_of_its_version(unpacked: Path, name: str, version: str) -> None:
    assert engines.find(name).version == version


@pytest.mark.parametrize("name", ["10", "101.1", "101.10.2.3", ""])
def test_an_engine_that_is_not_there_is_named_with_those_that_are(unpacked: Path, name: str) -> None:
    with pytest.raises(LabError, match=rf"no Docker {name} is installed, only 20\.10.*, 101\.10\.2 \(`scripts/setup"):
        engines.find(name)


def test_a_program_that_is_not_unpacked_is_left_to_the_machine(unpacked: Path) -> None:
    (unpacked / "late" / "usr" / "bin").mkdir()
    (unpacked / "late" / "usr" / "bin" / "docker-init").symlink_to("tini-of-another-package")
    assert engines.find("101.10").programs() == [unpacked / "late" / "usr" / "sbin" / "dockerd"]


@pytest.mark.engines
def test_a_lab_runs_the_engine_it_was_asked_for_and_asks_it_by_its_own_client(
    lab: Lab, pytestconfig: pytest.Config
) -> None:
    assert lab.engine == engines.find(pytestconfig.getoption("engine")).version
    versions = ["version", "--format", "{{.Client.Version}} {{.Server.Version}}"]
    for host in lab.hosts.values():
        for printed in (host.docker(*versions), host.run(["docker", *versions]).stdout):
            # Debian writes 20.10.24+dfsg1.
            assert {version.partition("+")[0] for version in printed.split()} == {lab.engine}


@pytest.mark.exhaustive
def test_a_lab_that_runs_another_engine_is_not_changed(lab: Lab) -> None:
    other = next(one.version for one in engines.installed() if one.version != lab.engine)
    with pytest.raises(LabError, match=f"is up with 2 hosts and Docker {lab.engine}, profile {lab.profile.name}: take"):
        lab.up(hosts=2, engine=other)
