"""Make a root file system that holds Kuryr and all it needs to run, out of the environment that runs this program.

    /opt/kuryr   a virtual environment: Kuryr and the distributions that it requires
    /usr         the interpreter and its standard library, wherever this machine has them
    /lib         the shared libraries that these name; and their loader, where they expect it

Nothing is downloaded. Equal environments give equal files, down to their times.
"""

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import kuryr

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
HOME = Path("/opt/kuryr")
PACKAGES = HOME / "lib" / PYTHON / "site-packages"

LEFT_OUT = shutil.ignore_patterns(
    *("__pycache__", "site-packages", "dist-packages", "config-*", "test", "tests", "_test*", "_ctypes_test*"),
    *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter", "_tkinter*", "turtledemo"),
)
"""Parts of the standard library that no service uses; those that draw need a window system's libraries."""

LIBRARY = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
"""A library that ldd has found; the one without an arrow is the loader."""

SCRIPT = f"""#!{HOME}/bin/python
from kuryr.cli.main import main
main()
"""

SETTINGS = {
    HOME / "pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n",
    HOME / "bin" / "kuryr": SCRIPT,
    Path("/etc/nsswitch.conf"): "hosts: files dns\n",
    Path("/etc/passwd"): "root:x:0:0:root:/:/bin/false\n",
}


class Unusable(Exception):
    """The environment cannot be copied, and why."""


class Root:
    """The directory that becomes `/`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def at(self, path: Path) -> Path:
        """Where an absolute path of the new system is made; the folder is there."""
        made = self.directory / path.relative_to("/")
        made.parent.mkdir(parents=True, exist_ok=True)
        return made

    def copy(self, source: Path, path: Path) -> None:
        """Copy one file."""
        shutil.copy(source, self.at(path))


def main() -> None:
    """Fill the directory that is the only argument."""
    root = Root(Path(sys.argv[1]))
    try:
        binaries = [*interpreter(root), *packages(root)]
        libraries(root, binaries)
    except Unusable as error:
        sys.exit(f"build: {error}")
    for path, text in SETTINGS.items():
        root.at(path).write_text(text)
    root.at(HOME / "bin" / "kuryr").chmod(0o755)
    root.at(HOME / "bin" / "python").symlink_to(f"/usr/bin/{PYTHON}")
    root.at(Path("/tmp/.")).mkdir(exist_ok=True)  # noqa: S108 (the new system's)
    settle(root)


def interpreter(root: Root) -> Iterator[Path]:
    """Copy the interpreter and the standard library; yields the originals of what may need shared libraries."""
    binary = Path(sys.executable).resolve()
    root.copy(binary, Path("/usr/bin") / PYTHON)
    yield binary
    library = Path(os.__file__).parent
    copied = root.at(Path("/usr/lib") / PYTHON)
    shutil.copytree(library, copied, ignore=LEFT_OUT, ignore_dangling_symlinks=True)
    yield from (library / path.relative_to(copied) for path in copied.rglob("*.so"))


def packages(root: Root) -> Iterator[Path]:
    """Copy Kuryr and what it requires; yields as `interpreter` does."""
    shutil.copytree(Path(kuryr.__file__).parent, root.at(PACKAGES / "kuryr"), ignore=LEFT_OUT)
    own, *others = closure("kuryr")
    for name in ("METADATA", "entry_points.txt"):
        root.at(PACKAGES / f"kuryr-{own.version}.dist-info" / name).write_text(own.read_text(name) or "")
    for each in others:
        for file in each.files or ():
            if ".." in file.parts or "tests" in file.parts or file.suffix == ".pyc":
                continue
            source = Path(str(file.locate()))
            root.copy(source, PACKAGES / file)
            if ".so" in file.suffixes:
                yield source


def closure(name: str) -> Iterator[Distribution]:
    """The installed distribution `name`, then all that it requires. Raises Unusable."""
    waiting, seen = [name], {name}
    while waiting:
        found = distribution(waiting.pop())
        if not found.files:
            raise Unusable(f"which files are {found.name}'s is not recorded: install it by pip")
        yield found
        for requirement in found.requires or ():
            wanted, _, marker = requirement.partition(";")
            required = re.split(r"[^\w.-]", wanted.strip(), maxsplit=1)[0]
            if "extra ==" in marker or required in seen:
                continue
            seen.add(required)
            try:
                distribution(required)
            except PackageNotFoundError:
                if not marker:
                    raise Unusable(f"{found.name} needs {required}, which is not installed") from None
            else:
                waiting.append(required)


def libraries(root: Root, binaries: Iterable[Path]) -> None:
    """Copy what the loader would load for these, except for what packages bring along. Raises Unusable."""
    bundled = Path(kuryr.__file__).parent.parent, *(Path(each) for each in sys.path if each.endswith("-packages"))
    for binary in binaries:
        shown = subprocess.run(["ldd", str(binary)], check=False, capture_output=True, text=True).stdout
        if "not found" in shown:
            raise Unusable(f"{binary} lacks a shared library: {shown.strip()}")
        for match in LIBRARY.finditer(shown):
            library = Path(match[1])
            if any(library.is_relative_to(each) for each in bundled):
                continue
            is_loader = "=>" not in match[0]
            root.copy(library, library if is_loader else Path("/lib") / library.name)


def settle(root: Root) -> None:
    """Compile everything, and let no file's time tell when it was made."""
    compileall.compile_dir(
        root.directory,
        maxlevels=32,
        quiet=2,
        stripdir=str(root.directory),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    for path in (root.directory, *root.directory.rglob("*")):
        os.utime(path, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    main()
