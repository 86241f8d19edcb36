"""kuryr.conf: defaults that work, one readable line for what does not, and a sample that is itself valid."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from kuryr import config
from kuryr.errors import InvalidInput
from kuryr.model import Mark, Nesting, Parent

Load = Callable[[str], cfg.ConfigOpts]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write(text: str) -> cfg.ConfigOpts:
        file = tmp_path / "kuryr.conf"
        file.write_text(text)
        return config.load([file])

    return write


def test_defaults_are_those_of_a_compute_host() -> None:
    conf = config.load([])
    assert conf.docker.socket == "/run/docker/plugins/kuryr.sock"
    assert conf.docker.engine_socket == "/var/run/docker.sock"
    assert conf.binding.integration_bridge == "br-int"
    assert conf.neutron.connect_timeout == 2.0
    assert conf.sweep.grace == 60.0


def test_the_mark_is_made_of_deployment_and_host(load: Load) -> None:
    conf = load("[DEFAULT]\ndeployment = blue\nhost = compute-7\n")
    assert config.mark(conf) == Mark("blue", "compute-7")
    assert str(config.mark(conf)) == "kuryr:blue@compute-7"


def test_the_host_is_by_default_the_machines_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    assert config.mark(config.load([])).host == "here"


def test_a_virtual_machine_is_told_apart_by_its_interface(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several machines any may have any name."""
    monkeypatch.setattr("socket.gethostname", lambda: "web")
    conf = load("[nested]\nmode = vlan\nlink = lo\n")
    assert config.mark(conf).host == "web-000000000000"
    assert config.parent(conf) == Parent(Nesting.VLAN, "lo", "00:00:00:00:00:00")
    assert config.parent(config.load([])) is None


def test_a_virtual_machine_needs_the_interface_that_it_is_told(load: Load) -> None:
    with pytest.raises(InvalidInput, match=r"no interface 'ens99' .*\[nested\]"):
        config.mark(load("[nested]\nmode = vlan\nlink = ens99\n"))


def test_a_mark_that_neutron_cannot_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 250)
    with pytest.raises(InvalidInput, match=r"too long .*set \[DEFAULT\] host"):
        config.mark(config.load([]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[docker]\ncloud_threads = many\n", "cloud_threads"),
        ("[docker]\ncloud_threads = 0\n", "cloud_threads"),
        ("[sweep]\ngrace = -1\n", "grace"),
        ("[neutron]\nread_timeout = never\n", "read_timeout"),
        ("[DEFAULT]\ndebug = perhaps\n", "debug"),
        ("[DEFAULT]\nhost = not a host\n", "host"),
        ("no section\n", "kuryr.conf"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_option(load: Load, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as failure:
        load(text)
    assert "\n" not in str(failure.value)
    assert "LocationInfo" not in str(failure.value)


@pytest.mark.parametrize("name", ["with blank", "a@b", "a:b", "x" * 33, "with\ttab"])
def test_a_deployment_is_one_word(load: Load, name: str) -> None:
    """It stands between other words in marks and in claims, which are parsed again."""
    with pytest.raises(InvalidInput, match="deployment"):
        load(f"[DEFAULT]\ndeployment = {name}\n")


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"missing\.conf"):
        config.load([tmp_path / "missing.conf"])


def test_later_files_override_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("[DEFAULT]\ndeployment = first\n[sweep]\ngrace = 7\n")
    second.write_text("[DEFAULT]\ndeployment = second\n")
    conf = config.load([first, second])
    assert (conf.deployment, conf.sweep.grace) == ("second", 7)


def test_the_generated_sample_is_a_valid_configuration(tmp_path: Path) -> None:
    sample = tmp_path / "kuryr.conf"
    generator = Path(sys.executable).with_name("oslo-config-generator")
    subprocess.run(
        [generator, "--namespace", "kuryr", "--output-file", str(sample)], check=True, capture_output=True, timeout=60
    )
    text = sample.read_text()
    for option in ("deployment", "engine_socket", "ready_timeout", "grace", "auth_url", "cafile"):
        assert f"#{option} =" in text
    plain = config.load([sample])
    assert plain.docker.socket == config.load([]).docker.socket
    active = text.replace("#deployment = default", "deployment = sample")
    sample.write_text(active)
    assert config.load([sample]).deployment == "sample"
