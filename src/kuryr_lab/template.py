"""The database template: built once by a control node that goes away again, copied by every `up`."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from kuryr_lab import database, keystone, neutron
from kuryr_lab.backend import Backend
from kuryr_lab.layout import Layout
from kuryr_lab.network import connect_control
from kuryr_lab.node import Node
from kuryr_lab.parts import Part

_COPIED = ("mysql", "keystone")


def template(layout: Layout, backend: Backend) -> Path:
    """Where the template lies. Its name follows from what it is made by, so another version makes another one."""
    releases = [*_releases(layout.cloud, "keystone-"), *_releases(backend.environment(layout), "neutron-")]
    sources = [Path(module.__file__ or "").read_bytes() for module in (database, keystone, neutron)]
    sources.append(Path(__file__).with_name("catalogue.py").read_bytes())
    made_by = hashlib.sha256(b"\0".join([*(name.encode() for name in releases), *sources]))
    return layout.cache / f"{_family(layout, backend)}{made_by.hexdigest()[:12]}"


def unpack(control: Node, backend: Backend) -> None:
    """Copy the template into the control node."""
    for name in _COPIED:
        _copy(template(control.layout, backend) / name, control.directory / name)


def build_parts(control: Node, backend: Backend) -> list[Part]:
    """What makes the template; afterwards the node is of no more use."""

    def start_control() -> None:
        control.start()
        connect_control(control.layout)

    def start_database() -> None:
        database.initialise(control)
        database.start_mariadb(control)
        for name in database.DATABASES:
            database.query(control, f"create database {name} character set utf8mb4")

    def fill_identities() -> None:
        from kuryr_lab.catalogue import make_identities  # noqa: PLC0415  (keystoneauth takes 0.2 s, once needed)

        keystone.start_keystone(control)
        make_identities(control.layout)

    return [
        Part("control", "template: control node", start_control),
        Part("database", "template: MariaDB", start_database, ("control",)),
        Part("neutron", "template: Neutron's schema", lambda: neutron.make_schema(control, backend), ("database",)),
        Part("keystone", "template: Keystone's schema", lambda: keystone.make_schema(control), ("database",)),
        Part("identities", "template: projects, users, catalogue", fill_identities, ("keystone",)),
        Part("save", "template: save", lambda: _save(control, backend), ("neutron", "identities")),
    ]


def _save(control: Node, backend: Backend) -> None:
    control.find_daemon("keystone").stop()
    control.find_daemon("mariadb").stop()
    place = template(control.layout, backend)
    new = place.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    for name in _COPIED:
        _copy(control.directory / name, new / name)
    new.rename(place)
    for other in place.parent.glob(f"{_family(control.layout, backend)}*"):
        if other != place:
            shutil.rmtree(other)


def _family(layout: Layout, backend: Backend) -> str:
    """How the names of templates begin that replace one another: each environment has one."""
    return f"database-{backend.environment(layout).name}-"


def _releases(environment: Path, beginning: str) -> list[str]:
    installed = environment.glob("lib/python3*/site-packages/*.dist-info")
    return sorted(path.name for path in installed if path.name.startswith(beginning))


def _copy(source: Path, target: Path) -> None:
    # cp shares blocks where the file system can, and leaves holes where the database wrote none.
    subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always", str(source), str(target)], check=True)
