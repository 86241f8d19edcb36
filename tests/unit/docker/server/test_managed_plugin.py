"""The managed plugin's configuration fits the program that runs in it: what can be set takes effect."""

import json
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from kuryr import config

SHIPPED = Path(__file__).parents[4] / "deploy" / "docker-plugin" / "config.json"
PLUGIN: dict[str, Any] = json.loads(SHIPPED.read_text())


def option(variable: str) -> tuple[str, str]:
    """The option of kuryr.conf that a variable of the environment stands for, as oslo.config reads it."""
    group, _, name = variable.removeprefix("OS_").partition("__")
    return group if group == "DEFAULT" else group.lower(), name.lower()


def value(conf: Any, group: str, name: str) -> object:
    return conf[name] if group == "DEFAULT" else conf[group][name]


def two_values(option: Any) -> tuple[str, str]:
    """What a file and the environment may say of an option."""
    if isinstance(option, cfg.BoolOpt):
        return "false", "true"
    choices = getattr(option.type, "choices", None)
    return tuple(choices) if choices else ("of-the-file", "of-the-plugin")


@pytest.mark.parametrize("variable", [each["name"] for each in PLUGIN["env"] if each.get("settable")])
def test_what_can_be_set_takes_effect_whatever_the_file_says(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, name = option(variable)
    (found,) = (each for each in config.GROUPS[group] if each.dest == name)
    in_file, by_plugin = two_values(found)
    file = tmp_path / "kuryr.conf"
    file.write_text(f"[{group}]\n{name} = {in_file}\n")
    assert str(value(config.load([file]), group, name)).lower() == in_file
    monkeypatch.setenv(variable, by_plugin)
    assert str(value(config.load([file]), group, name)).lower() == by_plugin


def test_what_is_not_set_leaves_the_file_its_say() -> None:
    """A default here would silently beat the file."""
    assert [each["name"] for each in PLUGIN["env"] if each.get("settable") and "value" in each] == []


def test_the_driver_finds_what_the_plugin_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = config.load([])
    for each in PLUGIN["env"]:
        if "value" in each:
            monkeypatch.setenv(each["name"], each["value"])
    conf = config.load([])
    source = {each["destination"]: each["source"] for each in PLUGIN["mounts"]}
    assert conf.docker.socket == f"/run/docker/plugins/{PLUGIN['interface']['socket']}"
    assert source[conf.docker.engine_socket] == plain.docker.engine_socket
    assert source[conf.binding.sysctl] == plain.binding.sysctl
    assert source["/etc/kuryr"] == str(config.DEFAULT_FILE.parent)
    assert conf.binding.ovsdb_connection == f"unix:{source['/run/openvswitch']}/db.sock"
