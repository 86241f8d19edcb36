"""The example of a driver in a package of its own: installed into a scratch environment, and used for a real plug."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .namespaces import links

PACKAGE = Path(__file__).parents[2] / "examples" / "acme-binding"

LIFE = """
import json, subprocess
from kuryr.binding.driver import BindingContext
from kuryr.binding.registry import Binding
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout

def master():
    return json.loads(ip("-json", "link", "show", name))[0].get("master", "")

ip("link", "add", "acme0", "type", "bridge")
binding = Binding(BindingContext("test", ovsdb="unix:/absent/db.sock"))
vif = Vif("0a1b2c3d-0000-4000-8000-000000000001", "n", "fa:16:3e:00:00:01", 1400, (), "acme",
          details={"acme_bridge": "acme0"})
name, seen = f"tap{vif.port_id[:11]}", {}
seen["inner"] = binding.stage(vif, Claim(vif.port_id, "me")).name
seen["staged"] = master()
binding.plug(vif)
binding.plug(vif)
seen["plugged"] = master()
try:
    binding.await_ready(vif, 0)
except PlugError as error:
    seen["not ready"] = str(error)
ip("link", "property", "add", "dev", name, "altname", f"acme-wired-{vif.port_id}")
seen["ready"] = binding.await_ready(vif, 10)
seen["found"] = [each.owner for each in binding.found()]
binding.unplug(vif.port_id)
seen["left"] = [each["ifname"] for each in json.loads(ip("-json", "link"))]
print(json.dumps(seen))
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment that has what this one has, and the example besides. Nothing is downloaded."""
    environment, package = tmp_path / "environment", tmp_path / "package"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    here = sysconfig.get_path("purelib")
    (there,) = environment.glob("lib/python*/site-packages")
    (there / "present.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    # Building leaves files beside the sources.
    shutil.copytree(PACKAGE, package)
    python = environment / "bin" / "python"
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        package,
    ]
    subprocess.run(install, check=True)
    return python


def test_a_port_type_of_somebody_elses_package_is_plugged(python: Path) -> None:
    before = links()
    done = subprocess.run([python, "-W", "error", "-c", LIFE], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen.pop("left")) == {*before, "acme0"}
    assert seen == {
        "inner": "t_c0a1b2c3d-00",
        "staged": "",
        "plugged": "acme0",
        "not ready": "port 0a1b2c3d-0000-4000-8000-000000000001 was plugged, but not wired (is acme-agent running?)",
        "ready": True,
        "found": ["me"],
    }
