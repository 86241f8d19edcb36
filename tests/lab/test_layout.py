"""Names, places and addresses."""

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kuryr_lab.errors import LabError
from kuryr_lab.layout import Layout, free_slot, settings


@pytest.mark.parametrize("name", ["", "Upper", "with-dash", "1st", "thirteenchars", "../x", "a b", "a\n"])
def test_a_name_that_could_be_confused_with_another_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="lab name"):
        settings(name)


@pytest.mark.parametrize("place", ["/run/lab", "/etc/lab", "/var/tmp/lab", "/var/run/lab"])
def test_a_state_directory_that_nodes_hide_is_refused(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("KURYR_LAB_STATE", place)
    with pytest.raises(LabError, match="which each node replaces by its own"):
        settings("default")


@pytest.mark.parametrize("place", ["/tmp/a:b", "/tmp/a,b", "/tmp/a b", "/tmp/a\\b"])
def test_a_state_directory_that_overlay_mounts_misread_is_refused(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("KURYR_LAB_STATE", place)
    with pytest.raises(LabError, match="overlay mounts take no"):
        settings("default")


def test_a_state_directory_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KURYR_LAB_STATE", "/tmp/" + "x" * 80)
    with pytest.raises(LabError, match="too long"):
        settings("default")


def test_interface_names_fit_the_kernels_limit() -> None:
    assert len(settings("x" * 12).link) <= 15


def test_no_lab_is_named_like_the_beginning_of_another(tmp_path: Path) -> None:
    one, other = (Layout(name, 0, tmp_path, tmp_path) for name in ("lab", "lab2"))
    assert not other.namespace("host1").startswith(one.prefix)


def test_a_slot_that_another_lab_has_is_not_used(layout: Layout) -> None:
    wanted = free_slot(layout)
    (layout.base / "other").mkdir()
    (layout.base / "other" / "lab.json").write_text(json.dumps({"slot": wanted}))
    assert free_slot(layout) not in (wanted, None)


@pytest.fixture
def routed(layout: Layout) -> Iterator[None]:
    subprocess.run(["ip", "link", "add", "kl-route", "type", "bridge"], check=True)
    subprocess.run(["ip", "addr", "add", str(layout.management[77]) + "/24", "dev", "kl-route"], check=True)
    subprocess.run(["ip", "link", "set", "kl-route", "up"], check=True)
    yield
    subprocess.run(["ip", "link", "delete", "kl-route"], check=True)


@pytest.mark.usefixtures("routed")
def test_addresses_that_the_machine_has_a_route_for_are_not_used(layout: Layout) -> None:
    free = dataclasses.replace(layout, slot=free_slot(layout))
    assert not free.management.overlaps(layout.management)
