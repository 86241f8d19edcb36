"""The files by which Docker finds a driver: what the command prints, and what is shipped as an example."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kuryr.cli.main import app
from kuryr.errors import InvalidInput

EXAMPLES = Path(__file__).parents[4] / "deploy" / "docker"

ELSEWHERE = "[docker]\nsocket = /run/kuryr/kuryr.sock\n"


def plugin_file(folder: Path, configuration: str, *argv: str) -> Result:
    file = folder / "kuryr.conf"
    file.write_text(configuration)
    return CliRunner().invoke(app, ["docker", "plugin-file", *argv, "--config-file", str(file)])


@pytest.mark.parametrize(
    ("configuration", "argv"),
    [
        (ELSEWHERE + "listen_tcp = kuryr.example.com:2376\n", ["json"]),
        (ELSEWHERE + "listen_tcp = 0.0.0.0:2376\n", ["json", "--address", "kuryr.example.com:2376"]),
        (ELSEWHERE, ["json", "--address", "kuryr.example.com:2376", "--certificates", "/etc/docker/kuryr"]),
        (ELSEWHERE, ["spec"]),
    ],
)
def test_the_shipped_examples_are_what_the_command_prints(tmp_path: Path, configuration: str, argv: list[str]) -> None:
    done = plugin_file(tmp_path, configuration, *argv)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (EXAMPLES / f"kuryr.{argv[0]}").read_text()


def test_the_driver_is_called_what_its_socket_is_called(tmp_path: Path) -> None:
    done = plugin_file(tmp_path, "[docker]\nsocket = /run/blue.sock\nlisten_tcp = [2001:db8::1]:5\n", "json")
    assert '"Name": "blue"' in done.stdout
    assert '"Addr": "https://[2001:db8::1]:5"' in done.stdout


def test_a_file_that_docker_will_not_look_for_is_noted(tmp_path: Path) -> None:
    done = plugin_file(tmp_path, "", "spec")
    assert done.stdout == "unix:///run/docker/plugins/kuryr.sock\n"
    assert done.stderr == (
        "note: an engine on this host takes /run/docker/plugins/kuryr.sock without looking for a file\n"
    )


@pytest.mark.parametrize(
    ("configuration", "argv", "line"),
    [
        ("", ["json"], r"listens on no TCP port \(set \[docker\] listen_tcp, or give --address\)"),
        ("[docker]\nlisten_tcp = 0.0.0.0:1\n", ["json"], r"cannot connect to 0\.0\.0\.0 \(give --address"),
        ("[docker]\nlisten_tcp = [::]:1\n", ["json"], r"cannot connect to :: \(give --address"),
        ("", ["json", "--address", "https://kuryr:1"], r"'https://kuryr:1' is not host:port \("),
        ("", ["json", "--address", "kuryr:1", "--certificates", "here"], "here is not an absolute path"),
        ("[docker]\nsocket = kuryr.sock\n", ["spec"], r"kuryr\.sock is not an absolute path"),
    ],
)
def test_what_no_engine_could_use_is_refused(tmp_path: Path, configuration: str, argv: list[str], line: str) -> None:
    done = plugin_file(tmp_path, configuration, *argv)
    assert done.stdout == ""
    assert isinstance(done.exception, InvalidInput)
    assert done.exception.args
    with pytest.raises(InvalidInput, match=line):
        raise done.exception
