"""Docker finds a driver whose socket lies elsewhere: by a .spec file, and by a .json file over mutual TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authority import Authority, Pair
from kuryr_lab.errors import CommandFailed
from kuryr_lab.host import Host
from system.conftest import Bench, address_of
from system.driver import Driver

PORT = 2376


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def plugins(host1: Host) -> Iterator[Path]:
    """Where Docker looks for files, as seen from outside of the host."""
    folder = host1.etc / "docker" / "plugins"
    folder.mkdir(parents=True)
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def elsewhere(host: Host, name: str, **docker: str) -> Driver:
    """A driver whose socket is not where Docker looks."""
    path = f"/run/{name}.sock"
    outside = host.run_directory / f"{name}.sock"
    return Driver(host, name, {"docker": {"socket": path, **docker}}, socket=outside)


def plugin_file(driver: Driver, *argv: str) -> str:
    """What the command prints for this driver's configuration."""
    files = [
        "--config-file",
        "/etc/kuryr/kuryr.conf",
        "--config-file",
        str(driver.host.directory / f"{driver.name}.conf"),
    ]
    return driver.host.run(["kuryr", "docker", "plugin-file", *argv, *files]).stdout


def check_it_works(bench: Bench, driver: Driver) -> None:
    """Two containers reach one another on a network of the driver's."""
    network = bench.network(driver.host, "--subnet", "10.77.0.0/24", driver=driver.name)
    one, other = bench.run(driver.host, network), bench.run(driver.host, network)
    one.reaches(address_of(other, network))
    bench.clear()


@pytest.mark.exhaustive
def test_a_socket_elsewhere_is_found_by_a_spec_file(host1: Host, plugins: Path, bench: Bench) -> None:
    driver = elsewhere(host1, "kuryr-spec")
    (plugins / "kuryr-spec.spec").write_text(plugin_file(driver, "spec"))
    check_it_works(bench, driver)
    driver.stop()


@pytest.mark.engines
def test_over_tcp_the_engine_is_let_in_by_its_certificate(
    host1: Host, plugins: Path, authority: Authority, bench: Bench
) -> None:
    driver = elsewhere(host1, "kuryr-json", **tls(host1, authority))
    certificates(host1, "kuryr-json", authority, authority.issue("engine"))
    printed = plugin_file(driver, "json", "--certificates", "/etc/docker/kuryr-json")
    (plugins / "kuryr-json.json").write_text(printed)
    check_it_works(bench, driver)
    assert "PRIVATE" not in driver.daemon.log.read_text()
    driver.stop()


@pytest.mark.exhaustive
@pytest.mark.parametrize("whose", ["nobody's", "a stranger's"])
def test_over_tcp_an_engine_without_its_certificate_stays_outside(
    host1: Host, plugins: Path, authority: Authority, bench: Bench, tmp_path: Path, whose: str
) -> None:
    name = f"kuryr-{len(whose)}"
    driver = elsewhere(host1, name, **tls(host1, authority))
    printed = plugin_file(driver, "json", "--certificates", f"/etc/docker/{name}")
    if whose == "nobody's":
        certificates(host1, name, authority, authority.issue("engine"))
        lines = [line for line in printed.splitlines() if "CertFile" not in line and "KeyFile" not in line]
        printed = "\n".join(lines).replace('ca.pem",', 'ca.pem"')
    else:
        certificates(host1, name, authority, Authority(tmp_path / "foreign").issue("engine"))
    (plugins / f"{name}.json").write_text(printed)
    with pytest.raises(CommandFailed):
        bench.network(host1, "--subnet", "10.77.0.0/24", driver=name)
    log = driver.daemon.log.read_text()
    assert "a connection over TCP was refused" in log
    assert "docker method=" not in log
    driver.stop()


def tls(host: Host, authority: Authority) -> dict[str, str]:
    """The driver's settings."""
    pair = authority.issue("driver", address=host.management_address)
    return {
        "listen_tcp": f"{host.management_address}:{PORT}",
        "tls_cert": str(pair.certificate),
        "tls_key": str(pair.key),
        "tls_client_ca": str(authority.file),
    }


def certificates(host: Host, name: str, authority: Authority, engine: Pair) -> None:
    """The engine's folder."""
    folder = host.etc / "docker" / name
    folder.mkdir()
    for file, source in {"ca": authority.file, "cert": engine.certificate, "key": engine.key}.items():
        (folder / f"{file}.pem").write_bytes(source.read_bytes())
